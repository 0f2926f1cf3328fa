"""Configuration of a group of priors: its fields, and the tensors that follow from them (spec section 7c)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ddcodec.codecs.prior_base import base_weights
from ddcodec.codecs.prior_fields import CHANNELS_MAX as CHANNELS_MAX
from ddcodec.codecs.prior_fields import DIMENSIONS_MAX as DIMENSIONS_MAX
from ddcodec.codecs.prior_fields import GAIN_MAX as GAIN_MAX
from ddcodec.codecs.prior_fields import LEAK_MAX as LEAK_MAX
from ddcodec.codecs.prior_fields import OFFSET_ZERO as OFFSET_ZERO
from ddcodec.codecs.prior_fields import PLANES_MAX as PLANES_MAX
from ddcodec.codecs.prior_fields import PRIORS as PRIORS
from ddcodec.codecs.prior_fields import SPREAD_MAX as SPREAD_MAX
from ddcodec.codecs.prior_fields import STAGES_MAX as STAGES_MAX
from ddcodec.codecs.prior_fields import STEP_MAX as STEP_MAX
from ddcodec.codecs.prior_fields import PriorFields
from ddcodec.codecs.specs import Shape, TensorSpec, layer_specs
from ddcodec.errors import EncodeError

TABLES = ("steps", "mean_scales", "spread_centres", "spread_scales")


@dataclass(frozen=True)
class PriorConfig(PriorFields):
    """The decoder of a group, and defaults of its tables; fields as `PriorFields`."""

    def check(self, shape: Shape) -> None:
        """Raise EncodeError where the sizes do not fit together or are too large."""
        problem = self.problem(shape)
        if problem is not None:
            rule, what, expected, found = problem
            raise EncodeError(f"rule {rule}: {what}: expected {expected}, found {found}")
        if len(self.bases) != (2 * self.layer_count if self.seed else 0):
            raise EncodeError(f"rule R8: {len(self.bases)} shifts and gains for {self.layer_count} layers")

    def tensors(self, shape: Shape) -> list[TensorSpec]:
        """Tables, then the decoder's layers, in blob order."""
        starts = (self.step, self.mean_scale, 0, self.spread_scale)
        count = (self.dimensions,)
        specs = [
            TensorSpec(name, count, np.full(count, start, np.int64)) for name, start in zip(TABLES, starts, strict=True)
        ]
        for number, (name, sizes) in enumerate(self.layer_shapes(shape)):
            weight, bias = layer_specs(name, sizes)
            if self.seed:
                shift, gain = self.bases[2 * number : 2 * number + 2]
                weight = replace(weight, base=base_weights(self.seed, number, gain, sizes), base_shift=shift)
            specs += [weight, bias]
        return specs

    def layer_shapes(self, shape: Shape) -> list[tuple[str, tuple[int, ...]]]:
        """Name and weight shape of each layer of the decoder, in order."""
        layers: list[tuple[str, tuple[int, ...]]] = []
        if self.linear:
            height, width = self.size_hw(shape, 0)
            layers.append(("linear", (self.channels[0] * height * width, self.dimensions)))
        for number, (fan_in, fan_out) in enumerate(zip(self.channels, self.channels[1:], strict=False)):
            layers.append((f"doubling.{number}", (fan_out, fan_in, self.kernel, self.kernel)))
        return [*layers, ("last", (shape.channels, self.channels[-1], 3, 3))]

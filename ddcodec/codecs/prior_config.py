"""Configuration of a group of priors: its fields, and the tensors that follow from them (spec section 7c)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddcodec.codecs.prior_fields import CHANNELS_MAX as CHANNELS_MAX
from ddcodec.codecs.prior_fields import DIMENSIONS_MAX as DIMENSIONS_MAX
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

    def tensors(self, shape: Shape) -> list[TensorSpec]:
        """Tables, then the decoder's layers, in blob order."""
        starts = (self.step, self.mean_scale, 0, self.spread_scale)
        count = (self.dimensions,)
        specs = [
            TensorSpec(name, count, np.full(count, start, np.int64)) for name, start in zip(TABLES, starts, strict=True)
        ]
        if self.linear:
            height, width = self.size_hw(shape, 0)
            specs += layer_specs("linear", (self.channels[0] * height * width, self.dimensions))
        for number, (fan_in, fan_out) in enumerate(zip(self.channels, self.channels[1:], strict=False)):
            specs += layer_specs(f"doubling.{number}", (fan_out, fan_in, self.kernel, self.kernel))
        return specs + layer_specs("last", (shape.channels, self.channels[-1], 3, 3))

"""Configuration of a group of priors: the decoder's shape, and where its tables start (spec section 7c)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddcodec.codecs.specs import Shape, TensorSpec, layer_specs
from ddcodec.entropy.tables import SCALES
from ddcodec.errors import EncodeError, FormatError
from ddcodec.format.wire import Cursor

PRIORS = 5
DIMENSIONS_MAX, CHANNELS_MAX, STAGES_MAX, LEAK_MAX = 4_096, 1_024, 8, 15
STEP_MAX, OFFSET_ZERO, SPREAD_MAX = 127, 64, 32
PLANES_MAX = 1 << 23
"""Activations of one image after a stage: they bound a decoder's memory."""
TABLES = ("steps", "mean_scales", "spread_centres", "spread_scales")


@dataclass(frozen=True)
class PriorConfig:
    """The decoder of a group, and defaults of its tables.

    dimensions: z, of a prior; linear: whether a linear layer leads from them to the first planes; channels: c_0, then
    c_1 .. c_S after each doubling; kernel: side of the transposed convolutions, 3 or 4; leak: negative activations are
    shifted right so far; step: index of the means' quantiser steps; mean_scale, spread_scale: scale indices of means
    and log-scales; offset: log-scale of a spread whose number is 0, against the step, 64 for equal; spread_step: of
    log-scales, in eighths of an octave.
    """

    dimensions: int
    linear: bool
    channels: tuple[int, ...]
    kernel: int
    leak: int
    step: int
    mean_scale: int
    spread_scale: int
    offset: int
    spread_step: int
    synthesis = PRIORS

    @property
    def stages(self) -> int:
        """Doublings, S."""
        return len(self.channels) - 1

    def size_hw(self, shape: Shape, stage: int) -> tuple[int, int]:
        """Height and width of the planes after `stage` doublings."""
        left = self.stages - stage
        return -(-shape.height >> left), -(-shape.width >> left)

    def fields(self) -> list[int]:
        """Varints of the blob's head."""
        head = [self.dimensions, int(self.linear), self.stages, *self.channels, self.kernel, self.leak]
        return [*head, self.step, self.mean_scale, self.spread_scale, self.offset, self.spread_step]

    @classmethod
    def read(cls, cursor: Cursor, shape: Shape) -> PriorConfig:
        """Parse what `fields` wrote; raises FormatError R1..R6."""
        dimensions = cursor.varint_in("dimensions of a prior", 1, DIMENSIONS_MAX, "R1")
        linear = bool(cursor.varint_in("linear layer", 0, 1, "R2"))
        stages = cursor.varint_in("number of doublings", 0, STAGES_MAX, "R3")
        place = cursor.offset
        channels = tuple(cursor.varint_in("channels of a stage", 1, CHANNELS_MAX, "R3") for _ in range(stages + 1))
        shapes = (cursor.varint_in("side of a kernel", 3, 4, "R4"), cursor.varint_in("leak", 0, LEAK_MAX, "R4"))
        defaults = [cursor.varint_in("step of the means", 0, STEP_MAX, "R5")]
        defaults += [cursor.varint_in(f"scale of {what}", 0, SCALES - 1, "R5") for what in ("means", "log-scales")]
        defaults.append(cursor.varint_in("offset of log-scales", 0, STEP_MAX, "R5"))
        defaults.append(cursor.varint_in("step of log-scales", 1, SPREAD_MAX, "R5"))
        config = cls(dimensions, linear, channels, *shapes, *defaults)
        problem = config.problem(shape)
        if problem is not None:
            rule, what, expected, found = problem
            raise FormatError(what, offset=place, expected=expected, found=found, rule=rule)
        return config

    def problem(self, shape: Shape) -> tuple[str, str, str, int] | None:
        """Rule, what it is about, expected and found, where the sizes do not fit together or are too large."""
        for stage, count in enumerate(self.channels):
            height, width = self.size_hw(shape, stage)
            if count * height * width > PLANES_MAX:
                return "R6", f"activations after {stage} doublings", f"at most {PLANES_MAX}", count * height * width
        height, width = self.size_hw(shape, 0)
        if not self.linear and self.dimensions != self.channels[0] * height * width:
            return "R2", "dimensions without a linear layer", str(self.channels[0] * height * width), self.dimensions
        return None

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

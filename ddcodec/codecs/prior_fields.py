"""What a group of priors says first: its decoder's shape, without numpy (spec section 7c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from ddcodec.errors import FormatError
from ddcodec.format.wire import Cursor

PRIORS = 5
DIMENSIONS_MAX, CHANNELS_MAX, STAGES_MAX, LEAK_MAX = 4_096, 1_024, 8, 15
STEP_MAX, OFFSET_ZERO, SPREAD_MAX, SCALE_MAX = 127, 64, 32, 63
SEED_MAX, SHIFT_MAX, GAIN_MAX = 2**32 - 1, 15, 127
PLANES_MAX = 1 << 23
"""Activations of one image after a stage: they bound a decoder's memory."""
FIELDS_BYTES_MAX = 61
"""Of the front of a group blob, up to the last field."""


class ImageShape(Protocol):
    """What the sizes of a decoder follow from."""

    @property
    def channels(self) -> int:
        """Of an image."""

    @property
    def height(self) -> int:
        """Of an image."""

    @property
    def width(self) -> int:
        """Of an image."""


@dataclass(frozen=True)
class PriorFields:
    """The decoder of a group, and defaults of its tables: what stands at the front of a group blob.

    dimensions: z, of a prior; linear: whether a linear layer leads from them to the first planes; channels: c_0, then
    c_1 .. c_S after each doubling; kernel: side of the transposed convolutions, 3 or 4; leak: negative activations are
    shifted right so far; step: index of the means' quantiser steps; mean_scale, spread_scale: scale indices of means
    and log-scales; offset: log-scale of a spread whose number is 0, against the step, 64 for equal; spread_step: of
    log-scales, in eighths of an octave; seed: of what the weights are coded against, 0 for zeros; bases: shift and
    gain of every layer in turn, none without a seed.
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
    seed: int = 0
    bases: tuple[int, ...] = ()
    synthesis = PRIORS

    @property
    def stages(self) -> int:
        """Doublings, S."""
        return len(self.channels) - 1

    def size_hw(self, shape: ImageShape, stage: int) -> tuple[int, int]:
        """Height and width of the planes after `stage` doublings."""
        left = self.stages - stage
        return -(-shape.height >> left), -(-shape.width >> left)

    def fields(self) -> list[int]:
        """Varints of the blob's head."""
        head = [self.dimensions, int(self.linear), self.stages, *self.channels, self.kernel, self.leak]
        head += [self.step, self.mean_scale, self.spread_scale, self.offset, self.spread_step]
        return [*head, self.seed, *self.bases]

    @property
    def layer_count(self) -> int:
        """Layers of the decoder."""
        return int(self.linear) + self.stages + 1

    @classmethod
    def read(cls, cursor: Cursor, shape: ImageShape) -> Self:
        """Parse what `fields` wrote; raises FormatError R1..R6, R8."""
        dimensions = cursor.varint_in("dimensions of a prior", 1, DIMENSIONS_MAX, "R1")
        linear = bool(cursor.varint_in("linear layer", 0, 1, "R2"))
        stages = cursor.varint_in("number of doublings", 0, STAGES_MAX, "R3")
        place = cursor.offset
        channels = tuple(cursor.varint_in("channels of a stage", 1, CHANNELS_MAX, "R3") for _ in range(stages + 1))
        shapes = (cursor.varint_in("side of a kernel", 3, 4, "R4"), cursor.varint_in("leak", 0, LEAK_MAX, "R4"))
        defaults = [cursor.varint_in("step of the means", 0, STEP_MAX, "R5")]
        defaults += [cursor.varint_in(f"scale of {what}", 0, SCALE_MAX, "R5") for what in ("means", "log-scales")]
        defaults.append(cursor.varint_in("offset of log-scales", 0, STEP_MAX, "R5"))
        defaults.append(cursor.varint_in("step of log-scales", 1, SPREAD_MAX, "R5"))
        seed = cursor.varint_in("seed of the weights", 0, SEED_MAX, "R8")
        bases = []
        for _ in range(int(linear) + stages + 1 if seed else 0):
            bases.append(cursor.varint_in("shift of a layer", 0, SHIFT_MAX, "R8"))
            bases.append(cursor.varint_in("gain of a layer", 0, GAIN_MAX, "R8"))
        step, mean_scale, spread_scale, offset, spread_step = defaults
        tables = (step, mean_scale, spread_scale, offset, spread_step)
        config = cls(dimensions, linear, channels, *shapes, *tables, seed, tuple(bases))
        problem = config.problem(shape)
        if problem is not None:
            rule, what, expected, found = problem
            raise FormatError(what, offset=place, expected=expected, found=found, rule=rule)
        return config

    def problem(self, shape: ImageShape) -> tuple[str, str, str, int] | None:
        """Rule, what it is about, expected and found, where the sizes do not fit together or are too large."""
        for stage, count in enumerate(self.channels):
            height, width = self.size_hw(shape, stage)
            if count * height * width > PLANES_MAX:
                return "R6", f"activations after {stage} doublings", f"at most {PLANES_MAX}", count * height * width
        height, width = self.size_hw(shape, 0)
        if not self.linear and self.dimensions != self.channels[0] * height * width:
            return "R2", "dimensions without a linear layer", str(self.channels[0] * height * width), self.dimensions
        return None

    def weight_count(self, shape: ImageShape) -> int:
        """Numbers in all tensors of the group: four tables, and the decoder."""
        height, width = self.size_hw(shape, 0)
        counts = [4 * self.dimensions, (self.dimensions + 1) * self.channels[0] * height * width * self.linear]
        area = self.kernel**2
        counts += [(ins * area + 1) * outs for ins, outs in zip(self.channels, self.channels[1:], strict=False)]
        return sum(counts) + (9 * self.channels[-1] + 1) * shape.channels

"""Order, steps and neighbours of pixels that are coded as they are (spec section 7b).

A latent is a pixel. Places in the padded array: 0 is what does not exist, then the pixels in latent order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.layout import Index, Step, cut_steps

SAME = ((0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0), (-1, -2), (-2, 1))
BEFORE = ((0, 0), (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, 1), (1, 0), (1, 1), (1, -1))
"""(dy, dx) of the pixels that the prediction sees, in the same channel and in each of the two before it."""
SAME_ERRORS = SAME[:6]
BEFORE_ERRORS = BEFORE[:8]
GRADIENTS = (0, 2, 3, 4)
"""Which of SAME the context network sees as differences to the prediction."""
LAG = 4
STATIC_COUNT = 4
INPUT_COUNT = 2 * (len(SAME_ERRORS) + 2 * len(BEFORE_ERRORS) + len(GRADIENTS)) + STATIC_COUNT


def coding_order(channels: int) -> tuple[int, ...]:
    """Image channels in the order they are coded: green before red and blue."""
    return (1, 0, *range(2, channels)) if channels >= 3 else tuple(range(channels))


def tap_count(position: int) -> int:
    """Pixels that the prediction of the channel at this place in the coding order sees."""
    return len(SAME) + len(BEFORE) * min(position, 2)


@dataclass(frozen=True)
class PixelStep(Step):
    """A step of pixels; near: (26, n) places the prediction sees; runs: (place in coding order, start, stop)."""

    near: Index
    runs: tuple[tuple[int, int, int], ...] = ()

    def part(self, start: int, stop: int) -> PixelStep:
        """Some of the pixels, as views."""
        base = super().part(start, stop)
        near = self.near[:, start:stop]
        position = self.static[-1, start:stop]
        cuts = [0, *(np.flatnonzero(np.diff(position)) + 1).tolist(), stop - start]
        runs = tuple((int(position[a]), a, b) for a, b in zip(cuts, cuts[1:], strict=False))
        return PixelStep(base.latents, base.padded, base.signed, base.magnitude, base.static[:-1], near, runs)


@dataclass(frozen=True)
class PixelLayout:
    """Images of (channels, height, width)."""

    channels: int
    height: int
    width: int

    input_count = INPUT_COUNT
    static_count = STATIC_COUNT

    @property
    def latent_count(self) -> int:
        """Pixels times channels."""
        return self.channels * self.height * self.width

    @property
    def padded_size(self) -> int:
        """Places of the padded array."""
        return 1 + self.latent_count

    def steps(self) -> Iterator[PixelStep]:
        """Anti-diagonals of slope 2, each channel four steps behind the one before it."""
        if self.latent_count * self.input_count <= 1 << 22:
            yield from self._few_steps
        else:
            yield from self._make_steps()

    @cached_property
    def _few_steps(self) -> list[PixelStep]:
        return list(self._make_steps())

    def _make_steps(self) -> Iterator[PixelStep]:
        position = np.argsort(np.array(coding_order(self.channels))).astype(np.int32)
        y, x = np.arange(self.height, dtype=np.int32), np.arange(self.width, dtype=np.int32)
        time = LAG * position[:, None, None] + 2 * y[:, None] + x
        for step in cut_steps(time.reshape(-1), self._step):
            assert isinstance(step, PixelStep)
            yield step

    def near(self, latents: Index) -> Index:
        """(26, n) padded places that the predictions of some pixels see."""
        return self._step(latents).near

    def _step(self, latents: Index) -> PixelStep:
        plane = self.height * self.width
        order = np.array(coding_order(self.channels))
        channel, place = np.divmod(latents, plane)
        y, x = np.divmod(place, self.width)
        k = np.argsort(order)[channel]
        here = 1 + latents

        def before(back: int) -> tuple[Index, NDArray[np.bool_]]:
            """First place of the plane `back` channels earlier in coding order, and whether there is one."""
            return 1 + order[np.maximum(k - back, 0)] * plane, k >= back

        left = np.where(x > 0, here - 1, np.where(y > 0, here - self.width, 0))
        above = np.where(y > 0, here - self.width, left)
        near, errors = [], []
        for dy, dx in SAME:
            inside = (y + dy >= 0) & (x + dx >= 0) & (x + dx < self.width)
            there = here + dy * self.width + dx
            near.append(np.where(inside, there, above if dy < 0 else left))
            if (dy, dx) in SAME_ERRORS:
                errors.append(np.where(inside, there, 0))
        for back in (1, 2):
            start, exists = before(back)
            for dy, dx in BEFORE:
                row, column = np.clip(y + dy, 0, self.height - 1), np.clip(x + dx, 0, self.width - 1)
                there = start + row * self.width + column
                near.append(np.where(exists, there, 0))
                if (dy, dx) in BEFORE_ERRORS:
                    inside = (row == y + dy) & (column == x + dx)
                    errors.append(np.where(exists & inside, there, 0))
        neighbours = np.stack(errors)
        static = np.stack([256 * (k == 1), 256 * (k >= 2), 256 * (y > 0), 256 * (x > 0), k])
        return PixelStep(latents, here, neighbours, neighbours, static, np.stack(near))

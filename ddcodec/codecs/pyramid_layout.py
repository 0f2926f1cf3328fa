"""Latent order, steps and neighbours of the pyramid (spec section 6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ddcodec.codecs.layout import Index, Step, cut_steps

SAME_LEVEL = ((0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0), (-1, -2), (-2, 1))
PREVIOUS_CHANNEL = ((0, 0), (0, 1), (-1, 0))
_TOP, _LEFT, _BOTTOM, _RIGHT = 2, 2, 1, 1  # how far neighbours reach beyond a plane


@dataclass(frozen=True)
class PyramidLayout:
    """height, width in pixels; channels[l] latent channels of level l; cross_level: template 1 instead of 0."""

    height: int
    width: int
    channels: tuple[int, ...]
    cross_level: bool
    latent_count: int = field(init=False)
    padded_size: int = field(init=False)

    def __post_init__(self) -> None:
        latents, padded = 0, 1  # padded place 0 stays zero: the neighbour that never exists
        latent_start, padded_start = [], []
        for level, count in enumerate(self.channels):
            height, width = self.level_size(level)
            latent_start.append(latents)
            padded_start.append(padded)
            latents += count * height * width
            padded += count * (height + _TOP + _BOTTOM) * (width + _LEFT + _RIGHT)
        object.__setattr__(self, "latent_count", latents)
        object.__setattr__(self, "padded_size", padded)
        object.__setattr__(self, "_starts", (latent_start, padded_start))

    def level_size(self, level: int) -> tuple[int, int]:
        """Rows and columns of a level."""
        return -(-self.height >> level), -(-self.width >> level)

    @property
    def static_count(self) -> int:
        """Static features of a latent."""
        return 3 if self.cross_level else 0

    @property
    def input_count(self) -> int:
        """Inputs of the context network."""
        neighbours = len(SAME_LEVEL) + (4 + len(PREVIOUS_CHANNEL) if self.cross_level else 0)
        return 2 * neighbours + self.static_count

    def steps(self) -> Iterator[Step]:
        """Coarsest level first; within a level, anti-diagonals of slope 2."""
        if self.latent_count * self.input_count <= 1 << 22:
            yield from self._few_steps
        else:
            yield from self._make_steps()

    @cached_property
    def _few_steps(self) -> list[Step]:
        return list(self._make_steps())

    def _make_steps(self) -> Iterator[Step]:
        for level in reversed(range(len(self.channels))):
            if self.channels[level]:
                yield from self._level_steps(level)

    def _level_steps(self, level: int) -> Iterator[Step]:
        height, width = self.level_size(level)
        count = self.channels[level]
        k, y, x = (axis.reshape(-1) for axis in np.indices((count, height, width), dtype=np.int32, sparse=False))
        start = self._starts[0][level]  # type: ignore[attr-defined]

        def build(chosen: Index) -> Step:
            return self._step(level, start + chosen, *(a[chosen].astype(np.int64) for a in (k, y, x)))

        yield from cut_steps(x + 2 * y + 2 * k, build)

    def _place(self, level: int, k: Index, y: Index, x: Index) -> Index:
        height, width = self.level_size(level)
        plane = (height + _TOP + _BOTTOM) * (width + _LEFT + _RIGHT)
        start: int = self._starts[1][level]  # type: ignore[attr-defined]
        return start + k * plane + (y + _TOP) * (width + _LEFT + _RIGHT) + x + _LEFT

    def _step(self, level: int, latents: Index, k: Index, y: Index, x: Index) -> Step:
        here = self._place(level, k, y, x)
        around = [self._place(level, k, y + dy, x + dx) for dy, dx in SAME_LEVEL]
        static: list[Index] = []
        if self.cross_level:
            around += self._parents(level, k, y, x)
            around += [np.where(k > 0, self._place(level, k - 1, y + dy, x + dx), 0) for dy, dx in PREVIOUS_CHANNEL]
            static = [np.full_like(k, 128 * level), 256 * (k == 1), 256 * (k >= 2)]
        neighbours = np.stack(around)
        features = np.stack(static) if static else np.zeros((0, len(k)), np.int64)
        return Step(latents, here, neighbours, neighbours, features)

    def _parents(self, level: int, k: Index, y: Index, x: Index) -> list[Index]:
        if level + 1 >= len(self.channels):
            return [np.zeros_like(k)] * 4
        py, px = y >> 1, x >> 1
        sy, sx = 2 * (y & 1) - 1, 2 * (x & 1) - 1
        exists = k < self.channels[level + 1]
        places = ((py, px), (py, px + sx), (py + sy, px), (py + sy, px + sx))
        return [np.where(exists, self._place(level + 1, k, a, b), 0) for a, b in places]

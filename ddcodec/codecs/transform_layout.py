"""Latent order, steps and neighbours of the block transform (spec section 7.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ddcodec.codecs.layout import Index, Step, cut_steps
from ddcodec.entropy.context import LOG

ZONES = 8
_ZONE_ENDS = (0, 2, 4, 8, 14, 22, 34)  # last (u + v) * 32 / B of each zone but the last

# differences (channel, u, v, y, x)
SIGNED = ((0, 0, 0, 0, -1), (0, 0, 0, -1, 0), (0, 0, 0, -1, -1), (-1, 0, 0, 0, 0), (-2, 0, 0, 0, 0))
SIGNED_MEAN = ((0, 0), (0, -1), (-1, 0))  # (y, x) of the blocks whose band (0, 0) is shown
_SAME_BLOCK = (
    (-1, 0),
    (0, -1),
    (-1, -1),
    (-2, 0),
    (0, -2),
    (-2, 1),
    (1, -2),
    (-3, 2),
    (2, -3),
    (-3, 0),
    (0, -3),
)
_THREE = ((0, 0), (1, 0), (0, 1))
MAGNITUDE = (
    *((0, u, v, 0, 0) for u, v in _SAME_BLOCK),
    *((0, u, v, 0, -1) for u, v in _THREE),
    *((0, u, v, -1, 0) for u, v in _THREE),
    (0, 0, 0, -1, -1),
    (0, 0, 0, -1, 1),
    *((-1, u, v, 0, 0) for u, v in _THREE),
    (-2, 0, 0, 0, 0),
)
STATIC_COUNT = 7
INPUT_COUNT = len(SIGNED) + len(SIGNED_MEAN) + len(MAGNITUDE) + STATIC_COUNT


def zone_of(frequency_sum: Index, block: int) -> Index:
    """Zone 0..7 of bands with u + v = frequency_sum."""
    return np.searchsorted(np.array(_ZONE_ENDS), frequency_sum * (32 // block), side="left")


@dataclass(frozen=True)
class TransformLayout:
    """height, width in pixels; diagonals[c]: coded anti-diagonals of channel c; step_indices (channels, 8)."""

    height: int
    width: int
    block: int
    diagonals: tuple[int, ...]
    step_indices: tuple[tuple[int, ...], ...]
    latent_count: int = field(init=False)
    padded_size: int = field(init=False)

    def __post_init__(self) -> None:
        blocks = self.block_rows * self.block_columns
        bands = sum(len(self.bands(c)) for c in range(len(self.diagonals)))
        object.__setattr__(self, "latent_count", bands * blocks)
        # channel: 2 before; frequencies: 3 before, 2 behind; blocks: 1 row above, 1 column on each side
        side = min(self.block, max(self.diagonals)) + 5
        shape = (len(self.diagonals) + 2, side, side, self.block_rows + 1, self.block_columns + 2)
        strides = [1]
        for extent in reversed(shape[1:]):
            strides.insert(0, strides[0] * extent)
        object.__setattr__(self, "padded_size", strides[0] * shape[0])
        object.__setattr__(self, "_strides", tuple(strides))

    @property
    def block_rows(self) -> int:
        """Blocks from top to bottom."""
        return -(-self.height // self.block)

    @property
    def block_columns(self) -> int:
        """Blocks from left to right."""
        return -(-self.width // self.block)

    input_count = INPUT_COUNT
    static_count = STATIC_COUNT

    def bands(self, channel: int) -> Index:
        """(bands, 2) frequencies (u, v) of a channel in latent order: by u + v, then u."""
        limit = self.diagonals[channel]
        u, v = (axis.reshape(-1) for axis in np.indices((min(self.block, limit),) * 2))
        keep = u + v < limit
        u, v = u[keep], v[keep]
        order = np.lexsort((u, u + v))
        return np.stack([u[order], v[order]], axis=1)

    @cached_property
    def band_table(self) -> Index:
        """(all bands, 3): channel, u, v of every coded band, in latent order."""
        return np.concatenate(
            [
                np.concatenate([np.full((len(bands), 1), c), bands], axis=1)
                for c, bands in ((c, self.bands(c)) for c in range(len(self.diagonals)))
            ]
        ).astype(np.int64)

    def steps(self) -> Iterator[Step]:
        """Anti-diagonals of frequency, each block two steps behind its left neighbour."""
        if self.latent_count * self.input_count <= 1 << 22:
            yield from self._few_steps
        else:
            yield from self._make_steps()

    @cached_property
    def _few_steps(self) -> list[Step]:
        return list(self._make_steps())

    def _make_steps(self) -> Iterator[Step]:
        c, u, v = self.band_table.T
        band_time = u + v + 2 * c
        row, column = (a.reshape(-1) for a in np.indices((self.block_rows, self.block_columns)))
        time = (band_time[:, None] + (2 * column + 4 * row)[None]).astype(np.int32).reshape(-1)
        yield from cut_steps(time, self._step)

    def _step(self, latents: Index) -> Step:
        band, place = np.divmod(latents, self.block_rows * self.block_columns)
        y, x = np.divmod(place, self.block_columns)
        c, u, v = self.band_table[band].T
        strides: tuple[int, ...] = self._strides  # type: ignore[attr-defined]
        block_place = (c + 2) * strides[0] + 3 * strides[1] + 3 * strides[2] + (y + 1) * strides[3] + x + 1
        here = block_place + u * strides[1] + v * strides[2]

        def shifted(differences: tuple[int, ...]) -> Index:
            there: Index = here + sum(d * s for d, s in zip(differences, strides, strict=True))
            return there

        beyond_mean = u + v > 0
        means = [np.where(beyond_mean, block_place + dy * strides[3] + dx, 0) for dy, dx in SIGNED_MEAN]
        signed = np.stack([shifted(d) for d in SIGNED] + means)
        magnitude = np.stack([shifted(d) for d in MAGNITUDE])
        steps = np.array(self.step_indices, dtype=np.int64)[c, zone_of(u + v, self.block)]
        ratio = 32 // self.block
        static = np.stack(
            [
                LOG[ratio * u],
                LOG[ratio * v],
                256 * (c == 1),
                256 * (c >= 2),
                8 * steps,
                256 * (x > 0),
                256 * (y > 0),
            ]
        )
        return Step(latents, here, signed, magnitude, static)

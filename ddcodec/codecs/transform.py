"""Block-transform synthesis: inverse DCT, small filter, opponent colours (spec section 7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.convolution import clamp, conv3x3
from ddcodec.codecs.transform_layout import TransformLayout, zone_of
from ddcodec.entropy.fixed_point import Layer

BASIS_SHIFT = 12
COLOUR_SHIFT = 12
UNIT_SHIFT = 6
FILTER_MAX = 4095
COEFFICIENT_MAX = 1 << 20
_CHUNK_PIXELS = 1 << 14
_OPPONENT = ((2365, 2896, 1672), (2365, 0, -3344), (2365, -2896, 1672))


@cache
def step_table() -> NDArray[np.int64]:
    """STEP[i] = round(2^(i/8)) for i = 0..127, by integers: the eighth power decides."""
    table = []
    for index in range(128):
        value = int(2.0 ** (index / 8)) - 1
        while (2 * value + 1) ** 8 < 1 << (index + 8):  # value + 1/2 still below 2^(i/8)
            value += 1
        table.append(value)
    return np.array(table, dtype=np.int64)


@cache
def dct_basis(block: int) -> NDArray[np.int64]:
    """A[u][n] = round(4096 c_u cos((2n+1) u pi / 2B)), (B, B) int64.

    No entry is nearer than 0.01 to a tie, so that float64 cosines round alike everywhere.
    """
    u, n = np.indices((block, block))
    basis = 4096 * np.sqrt(np.where(u == 0, 1, 2) / block) * np.cos((2 * n + 1) * u * np.pi / (2 * block))
    rounded: NDArray[np.int64] = np.rint(basis).astype(np.int64)
    return rounded


def base_colour(channels: int) -> NDArray[np.int64]:
    """The colour matrix that files start from, (channels, channels), in 1/4096."""
    matrix = 4096 * np.eye(channels, dtype=np.int64)
    if channels >= 3:
        matrix[:3, :3] = _OPPONENT
    return matrix


@dataclass(frozen=True)
class TransformSynthesis:
    """colour: (channels, channels) int64; post_filter: two to four 3x3 layers, or none."""

    colour: NDArray[np.int64]
    colour_shift: int
    post_filter: tuple[Layer, ...]
    peak: int

    def render(self, layout: TransformLayout, latents: NDArray[np.int16]) -> NDArray[np.int16]:
        """Decoded images.

        Args: latents: (images, latent_count) int16. Returns: (images, channels, height, width) int16.
        """
        out = np.empty((len(latents), len(self.colour), layout.height, layout.width), np.int16)
        chunk = max(1, _CHUNK_PIXELS // (layout.height * layout.width))
        for start in range(0, len(latents), chunk):
            part = self._render(layout, latents[start : start + chunk])
            out[start : start + chunk] = part.transpose(1, 0, 2, 3)
        return out

    def _render(self, layout: TransformLayout, latents: NDArray[np.int16]) -> NDArray[np.floating]:
        planes: NDArray[np.floating] = self._inverse_transform(layout, latents)
        if self.post_filter:
            planes = planes + self._filter(planes)
        reference = np.array([row[0] for row in layout.step_indices], dtype=np.int64)
        planes = planes * (step_table()[reference] / (1 << UNIT_SHIFT))[:, None, None, None]
        planes = np.floor(planes + 0.5)
        channels, images, height, width = planes.shape
        scale = 1.0 / (1 << self.colour_shift)
        half = ((1 << self.colour_shift) >> 1) * scale
        mixed = (self.colour * scale) @ planes.reshape(channels, -1) + half
        middle = (self.peak + 1) >> 1
        return clamp((np.floor(mixed) + middle).reshape(channels, images, height, width))

    def _filter(self, planes: NDArray[np.floating]) -> NDArray[np.floating]:
        """What the filter adds to planes in units of 1/64 step."""
        hidden = np.clip(planes, -FILTER_MAX, FILTER_MAX).astype(np.float32)
        for layer in self.post_filter[:-1]:
            hidden = np.clip(conv3x3(layer, hidden, FILTER_MAX), 0, FILTER_MAX)
        return np.clip(conv3x3(self.post_filter[-1], hidden, FILTER_MAX), -FILTER_MAX, FILTER_MAX)

    def _inverse_transform(self, layout: TransformLayout, latents: NDArray[np.int16]) -> NDArray[np.float64]:
        """Planes (channels, images, height, width) in units of 1/64 of each channel's reference step."""
        block, rows, columns = layout.block, layout.block_rows, layout.block_columns
        channels, images = len(self.colour), len(latents)
        c, u, v = layout.band_table.T
        index = np.array(layout.step_indices, dtype=np.int64)
        relative = 8 * UNIT_SHIFT + index[c, zone_of(u + v, block)] - index[c, 0]
        values = latents.reshape(images, len(c), rows * columns).transpose(1, 0, 2).astype(np.float64)
        values *= step_table()[np.clip(relative, 0, 127)][:, None, None]
        np.clip(values, -COEFFICIENT_MAX, COEFFICIENT_MAX, out=values)
        spectrum = np.zeros((channels, block, block, images * rows * columns))
        spectrum[c, u, v] = values.reshape(len(c), images * rows * columns)
        basis = dct_basis(block).astype(np.float64) / (1 << BASIS_SHIFT)
        # columns (over u), then rows (over v); the two roundings are part of the format
        half = spectrum.transpose(0, 2, 3, 1) @ basis + 0.5  # (c, v, m, n)
        np.floor(half, out=half)
        full = half.transpose(0, 2, 3, 1) @ basis + 0.5  # (c, m, n, x)
        np.floor(full, out=full)
        shaped = full.reshape(channels, images, rows, columns, block, block)
        planes = shaped.transpose(0, 1, 2, 4, 3, 5).reshape(channels, images, rows * block, columns * block)
        return np.ascontiguousarray(planes[:, :, : layout.height, : layout.width])

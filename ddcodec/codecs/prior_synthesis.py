"""From priors to images in integers: means or draws, then the decoder (spec section 7c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.convolution import Planes, conv3x3
from ddcodec.codecs.prior_config import OFFSET_ZERO, STEP_MAX, PriorConfig
from ddcodec.codecs.specs import Shape
from ddcodec.codecs.transform import step_table
from ddcodec.entropy.fixed_point import ACTIVATION_MAX, Layer, exact_dtype
from ddcodec.views.normal import normal_numbers

PLANE_MAX = 4_095
"""Largest magnitude of an activation."""
INPUT_SHIFT = 14
_WORKING_ENTRIES = 1 << 22
"""Activations of a stage that one chunk of images may have, unless one image needs more."""
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PriorSynthesis:
    """steps: (z,) step indices of the means; linear: first layer or None; doublings; last: their 3x3 layer."""

    shape: Shape
    config: PriorConfig
    steps: Numbers
    linear: Layer | None
    doublings: Sequence[Layer]
    last: Layer

    def spreads(self, log_scales: Numbers) -> Numbers:
        """Spread (n, z) of priors with log-scale numbers (n, z); 0 stands for none."""
        index = self.steps + (self.config.offset - OFFSET_ZERO) + self.config.spread_step * log_scales
        spreads: Numbers = np.where(index > 0, step_table()[np.clip(index, 0, STEP_MAX)], 0)
        return spreads

    def inputs(self, latents: NDArray[np.int16], noise: Numbers | None) -> Numbers:
        """What enters the decoder, (n, z).

        Args: latents: (n, 2 z); noise: (n, z) integers of `normal_numbers`, None for the means.
        """
        count = self.config.dimensions
        wide = latents.astype(np.int64)
        total = wide[:, :count] * step_table()[self.steps] << 8
        if noise is not None:
            total = total + self.spreads(wide[:, count:]) * noise
        inputs: Numbers = np.clip((total + (1 << INPUT_SHIFT - 1)) >> INPUT_SHIFT, -PLANE_MAX, PLANE_MAX)
        return inputs

    def means(self, latents: NDArray[np.int16]) -> NDArray[np.int16]:
        """Images (n, channels, height, width) int16 of the priors' means, latents (n, 2 z)."""
        return self._images(self.inputs(latents, None))

    def draw(self, latents: NDArray[np.int16], numbers: Numbers, draw: int | Numbers, seed: int) -> NDArray[np.int16]:
        """Images (n, channels, height, width) int16 of one draw of each prior.

        Args: latents: (n, 2 z); numbers: (n,) of the priors in the whole set; draw, seed: as `normal_numbers`.
        """
        draws = np.broadcast_to(draw, len(latents))
        out = np.empty((len(latents), *self._size), np.int16)
        for part in self._chunks(len(latents)):
            noise = normal_numbers(numbers[part], draws[part], self.config.dimensions, seed)
            out[part] = self._decoded(self.inputs(latents[part], noise))
        return out

    @property
    def _size(self) -> tuple[int, int, int]:
        return self.shape.channels, self.shape.height, self.shape.width

    def _chunks(self, count: int) -> list[slice]:
        """Images that are decoded at once."""
        sides = [self.config.size_hw(self.shape, stage) for stage in range(len(self.config.channels))]
        widest = max(c * h * w for c, (h, w) in zip(self.config.channels, sides, strict=True))
        each = max(1, _WORKING_ENTRIES // max(widest, self.config.dimensions))
        return [slice(start, min(start + each, count)) for start in range(0, count, each)]

    def _images(self, inputs: Numbers) -> NDArray[np.int16]:
        out = np.empty((len(inputs), *self._size), np.int16)
        for part in self._chunks(len(inputs)):
            out[part] = self._decoded(inputs[part])
        return out

    def _decoded(self, inputs: Numbers) -> NDArray[np.int16]:
        """Images of decoder inputs (n, z)."""
        config, count = self.config, len(inputs)
        height, width = config.size_hw(self.shape, 0)
        planes: Planes = inputs.T.astype(np.float64)
        if self.linear is not None:
            planes = self._leaked(affine(self.linear, planes))
        planes = planes.reshape(config.channels[0], height, width, count).transpose(0, 3, 1, 2)
        for stage, layer in enumerate(self.doublings):
            height, width = config.size_hw(self.shape, stage + 1)
            planes = self._leaked(doubled(layer, planes)[:, :, :height, :width])
        pixels = conv3x3(self.last, np.ascontiguousarray(planes), PLANE_MAX) + ((self.shape.peak + 1) >> 1)
        return np.clip(pixels, -ACTIVATION_MAX, ACTIVATION_MAX).astype(np.int16).transpose(1, 0, 2, 3)

    def _leaked(self, planes: Planes) -> Planes:
        """The activation: negative numbers shifted right, all clamped."""
        small = np.floor(planes * (1.0 / (1 << self.config.leak)))
        result: Planes = np.clip(np.where(planes < 0, small, planes), -PLANE_MAX, PLANE_MAX)
        return result


def affine(layer: Layer, columns: Planes) -> Planes:
    """round_shift(W x + b 2^t, s) for columns (in, n)."""
    dtype, scale = exact_dtype(layer, PLANE_MAX), 1.0 / (1 << layer.shift)
    bias = ((layer.bias << layer.bias_shift) + ((1 << layer.shift) >> 1)) * scale
    result: Planes = (layer.weight * scale).astype(dtype) @ columns.astype(dtype, copy=False)
    result += bias.astype(dtype)[:, None]
    return np.floor(result, out=result)


def doubled(layer: Layer, planes: Planes) -> Planes:
    """Transposed convolution of stride 2 that starts one place before the first: planes twice as large, not clamped.

    Args: layer: weight (out, in, k, k); planes: (in, images, height, width).
    """
    dtype, kernel = exact_dtype(layer, PLANE_MAX), layer.weight.shape[2]
    count, images, height, width = planes.shape
    padded: Planes = np.pad(planes.astype(dtype, copy=False), ((0, 0), (0, 0), (1, 1), (1, 1)))
    result: Planes = np.empty((len(layer.weight), images, 2 * height, 2 * width), dtype)
    for down in (0, 1):
        for across in (0, 1):
            rows, columns = _taps(down, kernel), _taps(across, kernel)
            taken = [
                padded[:, :, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for _, dy in rows for _, dx in columns
            ]
            weight = np.stack([layer.weight[:, :, ky, kx] for ky, _ in rows for kx, _ in columns], axis=1)
            flat = Layer(weight.reshape(len(weight), -1), layer.shift, layer.bias, layer.bias_shift)
            found = affine(flat, np.stack(taken).reshape(len(taken) * count, -1))
            result[:, :, down::2, across::2] = found.reshape(len(weight), images, height, width)
    return result


def _taps(parity: int, kernel: int) -> list[tuple[int, int]]:
    """(k, distance of the input) along an axis for outputs of a parity: output o takes input i if 2 i + k = o + 1."""
    return [(k, (parity + 1 - k) // 2) for k in range(kernel) if (k - parity - 1) % 2 == 0]

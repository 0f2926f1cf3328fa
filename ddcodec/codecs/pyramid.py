"""Pyramid synthesis: upsampled latent levels through 1x1 and 3x3 layers (spec section 6.2; arXiv 2507.17221)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.convolution import clamp, conv1x1, conv3x3, upsample, upsampling_dtype
from ddcodec.codecs.pyramid_layout import PyramidLayout
from ddcodec.entropy.fixed_point import ACTIVATION_MAX, Layer

LATENT_GAIN = 16
BASE_TAPS = (-3, 29, 111, -9)
BASE_TAPS_SHIFT = 7
_CHUNK_PIXELS = 1 << 15


@dataclass(frozen=True)
class PyramidSynthesis:
    """taps: (4,) int64; pixelwise: 1x1 layers, the last to the image's channels; residual: 3x3 layers."""

    taps: NDArray[np.int64]
    taps_shift: int
    pixelwise: tuple[Layer, ...]
    residual: tuple[Layer, ...]

    def render(self, layout: PyramidLayout, latents: NDArray[np.int16]) -> NDArray[np.int16]:
        """Decoded images.

        Args: latents: (images, latent_count) int16. Returns: (images, channels, height, width) int16.
        """
        channels = len(self.pixelwise[-1].weight)
        out = np.empty((len(latents), channels, layout.height, layout.width), np.int16)
        chunk = max(1, _CHUNK_PIXELS // (layout.height * layout.width))
        for start in range(0, len(latents), chunk):
            part = self._render(layout, latents[start : start + chunk])
            out[start : start + chunk] = part.transpose(1, 0, 2, 3)
        return out

    def _render(self, layout: PyramidLayout, latents: NDArray[np.int16]) -> NDArray[np.floating]:
        planes, dtype = None, upsampling_dtype(self.taps, self.taps_shift)
        stop = layout.latent_count
        for level in reversed(range(len(layout.channels))):
            height, width = layout.level_size(level)
            count = layout.channels[level]
            start = stop - count * height * width
            own = latents[:, start:stop].reshape(len(latents), count, height, width)
            own_planes = clamp(own.transpose(1, 0, 2, 3).astype(dtype) * LATENT_GAIN)
            stop = start
            if planes is None:
                planes = own_planes
            else:
                doubled = upsample(planes, self.taps, self.taps_shift)[:, :, :height, :width]
                planes = np.concatenate([own_planes, doubled])
        assert planes is not None
        for layer in self.pixelwise[:-1]:
            planes = clamp(conv1x1(layer, planes), low=0)
        planes = clamp(conv1x1(self.pixelwise[-1], planes))
        for number, layer in enumerate(self.residual):
            rectified = number == 0 and len(self.residual) == 2
            planes = clamp(planes + conv3x3(layer, planes), low=0 if rectified else -ACTIVATION_MAX)
        return planes

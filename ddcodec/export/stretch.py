"""Which pixel values a picture shows as black and white."""

import numpy as np
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet

_OUTSIDE = 0.05  # lossy images overshoot a little; beyond this share clamping would spoil them
_PERCENTILES = (0.5, 99.5)

Levels = tuple[tuple[float, float], ...]


def display_levels(dataset: DistilledSet) -> tuple[Levels, bool]:
    """For each channel the pixel values (black, white), and whether the content chose them.

    They are 0 and peak; for whitened images, and where over 5 % of the values lie outside, percentiles 0.5 and
    99.5 of the channel. Opacity, the last of 2 or 4 channels, is never stretched.
    """
    pixels, channels = dataset.pixels, dataset.pixels.shape[1]
    levels = [(0.0, float(dataset.peak))] * channels
    outside = np.count_nonzero((pixels < 0) | (pixels > dataset.peak))
    if not pixels.size or (not dataset.whitening and outside <= _OUTSIDE * pixels.size):
        return tuple(levels), False
    for channel in range(channels - (channels in (2, 4))):
        low, high = np.percentile(pixels[:, channel], _PERCENTILES).tolist()
        levels[channel] = (low, high if high > low else low + 1)
    return tuple(levels), True


def stretched(dataset: DistilledSet, levels: Levels) -> NDArray[np.float32]:
    """Images (N, channels, height, width) float32 sorted by class, levels at 0.0 and 1.0."""
    low, high = np.array(levels, dtype=np.float32).T[:, :, None, None]
    drawn: NDArray[np.float32] = (dataset.pixels - low) / (high - low)
    return drawn

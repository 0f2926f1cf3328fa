"""From pixels as they were decoded to 8 bits."""

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError


def to_bytes(pixels: NDArray[np.int16], peak: int) -> NDArray[np.uint8]:
    """Clamp to 0..peak and round to 8 bits, halves up; any shape int16 in, uint8 out, in integers alone."""
    clamped = np.clip(pixels.astype(np.int64), 0, peak)
    return ((clamped * 510 + peak) // (2 * peak)).astype(np.uint8)


def floats_to_bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Clamp floats to [0, 1] and round to 8 bits; any shape float32 in, uint8 out.

    Raises: InputError for a NaN.
    """
    if np.isnan(images).any():
        raise InputError("images: a value is NaN")
    return np.floor(np.clip(images, 0, 1).astype(np.float64) * 255 + 0.5).astype(np.uint8)

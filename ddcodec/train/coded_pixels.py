"""Random real images as plain pixels: the rival without a codec, which may store smaller pictures to have more of them.

Values times bits are counted, no header; a smaller picture is the mean of the areas that its pixels stand for, and is
enlarged bilinearly for training, as the tiles of mosaics are.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ddcodec.errors import EncodeError
from ddcodec.train.coded_real import Coded, as_set, first_of_each, largest_class
from ddcodec.train.data import TrainingData

PIXELS = {"pixels8": 8, "pixels16": 16, "pixels32": 32}
"""Bits of a value."""
DIVISORS = (1, 2, 4, 8)
"""Of both sides of a picture."""
_PEAK = 4080  # enlarged pixels lie between the steps of 8 bits


def sides(data: TrainingData) -> list[tuple[int, int]]:
    """Heights and widths that a picture may be stored with, the full one first, each once."""
    height, width = data.images.shape[2:]
    return list(dict.fromkeys((max(1, round(height / d)), max(1, round(width / d))) for d in DIVISORS))


def sides_that_fit(kind: str, data: TrainingData, most_bytes: int) -> list[tuple[int, int]]:
    """Those of `sides` at which at least one image of each class fits.

    Raises: EncodeError where there is none.
    """
    found = [side for side in sides(data) if most_bytes >= _bytes_of_one(kind, data, side) * data.class_count]
    if not found:
        high, wide = sides(data)[-1]
        least = _bytes_of_one(kind, data, (high, wide)) * data.class_count
        words = f"one image of each class takes {least} bytes at {wide}x{high} pixels"
        raise EncodeError(f"{kind}: {words}, and there are {most_bytes}")
    return found


def as_pixels(kind: str, data: TrainingData, side: tuple[int, int], most_bytes: int) -> Coded:
    """As many images of each class as fit with height and width `side`.

    Raises: EncodeError where not even one of each class fits.
    """
    each = _bytes_of_one(kind, data, side)
    count = min(most_bytes // (each * data.class_count), largest_class(data))
    if count < 1:
        raise EncodeError(f"{kind}: one image of each class takes {each * data.class_count} bytes")
    part = first_of_each(data, count)
    stored = shrunk(part.images, side)
    if PIXELS[kind] == 8:
        stored = np.rint(stored * np.float32(255)) / np.float32(255)
    pixels = np.rint(enlarged(stored, part.images.shape[2:]) * _PEAK).astype(np.int16)
    return Coded(count, each * len(pixels), as_set(pixels, part, data, _PEAK), f"{side[1]}x{side[0]} pixels")


def shrunk(images: NDArray[np.float32], side: tuple[int, int]) -> NDArray[np.float32]:
    """Means of areas of images (N, C, H, W)."""
    found: NDArray[np.float32] = functional.adaptive_avg_pool2d(torch.from_numpy(images), side).numpy()
    return found


def enlarged(images: NDArray[np.float32], side: tuple[int, ...]) -> NDArray[np.float32]:
    """Images (N, C, h, w) at the full height and width, bilinearly between the centres of pixels."""
    wide = functional.interpolate(torch.from_numpy(images), size=side, mode="bilinear", align_corners=False)
    found: NDArray[np.float32] = wide.numpy()
    return found


def _bytes_of_one(kind: str, data: TrainingData, side: tuple[int, int]) -> int:
    return int(data.images.shape[1]) * side[0] * side[1] * PIXELS[kind] // 8

"""What the parts of a set must be like: checks of `make_set`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ddcodec.errors import InputError
from ddcodec.soft_labels import SOFT_KINDS, SoftLabels

MAX_PEAK = 32_767


def require(holds: bool, problem: str) -> None:
    """Raise InputError unless something holds."""
    if not holds:
        raise InputError(problem)


def check_soft(soft: SoftLabels, images: int, classes: int) -> None:
    """Hold soft labels against the numbers of images and classes."""
    require(soft.kind in SOFT_KINDS, f"soft: kind {soft.kind!r} is none of {', '.join(SOFT_KINDS)}")
    require(1 <= soft.unit <= MAX_PEAK, f"soft: unit {soft.unit} is not in 1..{MAX_PEAK}")
    require(soft.values.dtype == np.int16, f"soft: type {soft.values.dtype} is not int16")
    expected = (images, classes)
    require(soft.values.shape == expected, f"soft: shape {soft.values.shape}, expected {expected}")


def as_int16(pixels: ArrayLike) -> NDArray[np.int16]:
    """Pixels of any integer type as int16."""
    array = np.asarray(pixels)
    require(array.dtype.kind in "iu", f"pixels: type {array.dtype} is not an integer type")
    info = np.iinfo(np.int16)
    fits = not array.size or info.min <= array.min() <= array.max() <= info.max
    require(bool(fits), "pixels: a value is outside -32768..32767")
    return np.ascontiguousarray(array, dtype=np.int16)


def as_order(order: ArrayLike, counts: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Class of each sample (N,), None where that is sorted."""
    array = np.asarray(order)
    require(array.ndim == 1 and (array.dtype.kind in "iu" or not array.size), "order: not a row of integers")
    array = array.astype(np.int64)
    inside = not array.size or (array.min() >= 0 and array.max() < len(counts))
    require(bool(inside), f"order: a class is outside 0..{len(counts) - 1}")
    found = tuple(np.bincount(array, minlength=len(counts)).tolist())
    require(found == counts, "order: does not have class_counts samples of each class")
    return None if bool((np.diff(array) >= 0).all()) else array

"""ZCA whitening: fitted on real images, applied to test images of a whitened set, or to all that a network sees."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError

_MAX_NUMBERS = 2**14  # of one image; the matrix has the square of it
_CHUNK = 1000


@dataclass(frozen=True, eq=False)
class Zca:
    """How to whiten images of D numbers: (x - mean) @ matrix.

    Fields: mean (D,) float32; matrix (D, D) float32, symmetric.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]


def recipe_epsilon(recipe: Mapping[str, Any]) -> float:
    """Epsilon of the whitening that a recipe trains with (recipe.zca), 0.0 for none.

    Raises: InputError for what is no finite number of at least 0.
    """
    value = recipe.get("zca", 0.0)
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise InputError(f"recipe.zca: expected a number of at least 0, found {str(value)[:40]!r}")
    return float(value)


def _rows(images: NDArray[np.generic]) -> NDArray[np.float64]:
    """(n, D) float64, bytes as fractions of 255."""
    rows = images.reshape(len(images), -1).astype(np.float64)
    return rows / 255 if images.dtype == np.uint8 else rows


def fit_zca(images: NDArray[np.generic], epsilon: float, trace_fraction: float = 0.0) -> Zca:
    """Fit the whitening U diag(1 / sqrt(s + epsilon)) U^T, where U diag(s) U^T is the covariance of the images.

    The covariance is divided by M - 1. Sums are taken in float64, over a part of the images at a time. For images of
    D numbers this takes about 50 D^2 bytes for a while (0.5 GB for 3x32x32) and keeps 4 D^2 (38 MB).

    Args:
        images: (M, channels, height, width), floats in [0, 1] (not normalised) or uint8; M at least 2.
        epsilon: added to each s. trace_fraction: this times the mean of all s is added, too (KIP). One of the two
            is greater than 0.
    Raises: InputError for fewer images, a value that is not finite, or images of more than 16,384 numbers.
    """
    count = len(images)
    numbers = int(np.prod(images.shape[1:]))
    if count < 2:
        raise InputError(f"ZCA needs at least 2 images to be fitted on, found {count}")
    if numbers > _MAX_NUMBERS:
        raise InputError(f"ZCA: images of {numbers:,} numbers, at most {_MAX_NUMBERS:,} allowed")
    parts = [images[start : start + _CHUNK] for start in range(0, count, _CHUNK)]
    mean = np.zeros(numbers)
    for part in parts:
        mean += _rows(part).sum(axis=0)
    mean /= count
    if not np.isfinite(mean).all():
        raise InputError("ZCA: an image to be fitted on has a value that is not finite")
    covariance = np.zeros((numbers, numbers))
    for part in parts:
        centred = _rows(part) - mean
        covariance += centred.T @ centred
    values, vectors = np.linalg.eigh(covariance / (count - 1))
    values = np.maximum(values, 0)  # rounding can make a 0 negative
    scales = 1 / np.sqrt(values + epsilon + trace_fraction * values.mean())
    matrix = (vectors * scales) @ vectors.T
    return Zca(mean.astype(np.float32), matrix.astype(np.float32))

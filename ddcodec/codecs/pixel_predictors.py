"""Predictors that files start from (spec section 7b)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PREDICTOR_SHIFT = 6  # a weight of 1024 is 1.0, as predictions are in sixteenths
_WEIGHTS: tuple[tuple[int, ...], ...] = (
    (972, -239, -577, 701, 167, -73, 138, -65),
    (809, -30, -543, 703, 84, -9, 16, -13, 988, -762, -672, 515, -65, -2, -5, 4, 8),
    (
        *(793, -24, -522, 685, 93, -9, 12, -11),
        *(113, -74, -75, 48, 33, -42, -37, 8, 25),
        *(866, -668, -575, 444, -104, 37, 27, -6, -13),
    ),
)


def base_predictor(position: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Weight (1, taps) and bias (1,) for the channel at this place in the coding order."""
    return np.array([_WEIGHTS[min(position, 2)]], dtype=np.int64), np.zeros(1, dtype=np.int64)

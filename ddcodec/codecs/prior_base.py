"""What the weights of a decoder are coded against: random numbers that a file names by their seed (spec section 7c)."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.transform import step_table
from ddcodec.views.normal import byte_sums

BASE_SHIFT = 13


def base_weights(seed: int, layer: int, gain: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Whole numbers of mean 0 and a deviation of 2^(gain / 8) / 55.4.

    Args: seed: below 2^32; layer: its number; gain: 0..127.
    """
    base: NDArray[np.int64] = _flat(seed, layer, gain, prod(shape)).astype(np.int64).reshape(shape)
    return base


@lru_cache(maxsize=32)
def _flat(seed: int, layer: int, gain: int, count: int) -> NDArray[np.int16]:
    scaled = byte_sums(seed, layer, count) * step_table()[gain]
    flat: NDArray[np.int16] = ((scaled + (1 << BASE_SHIFT - 1)) >> BASE_SHIFT).astype(np.int16)
    return flat

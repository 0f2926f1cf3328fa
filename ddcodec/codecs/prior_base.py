"""What the weights of a decoder are coded against: random numbers that a file names by their seed (spec section 7c)."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.transform import step_table
from ddcodec.views.normal import byte_sums

BASE_SHIFT = 13
_PART_COUNT, _KNOWN_COUNT = 1 << 18, 1 << 20
"""Numbers that are made at once, and so many that they are remembered."""


def base_weights(seed: int, layer: int, gain: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Whole numbers of mean 0 and a deviation of 2^(gain / 8) / 55.4.

    Args: seed: below 2^32; layer: its number; gain: 0..127.
    """
    count = prod(shape)
    flat = (_known if count <= _KNOWN_COUNT else _flat)(seed, layer, gain, count)
    base: NDArray[np.int64] = flat.astype(np.int64).reshape(shape)
    return base


def _flat(seed: int, layer: int, gain: int, count: int) -> NDArray[np.int16]:
    flat = np.empty(count, np.int16)
    for start in range(0, count, _PART_COUNT):
        part = flat[start : start + _PART_COUNT]
        scaled = byte_sums(seed, layer, len(part), start) * step_table()[gain]
        part[:] = (scaled + (1 << BASE_SHIFT - 1)) >> BASE_SHIFT
    return flat


_known = lru_cache(maxsize=32)(_flat)

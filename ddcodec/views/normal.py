"""Random numbers that are nearly normal, as a function of a seed and counters (spec section 7c)."""

import numpy as np
from numpy.typing import NDArray

from ddcodec.views.philox import Words, philox

PURPOSE, WEIGHTS = 3, 4
"""Third word of the counter, of draws and of weights: 0 to 2 belong to the views."""
MIDDLE, FEW_MIDDLE = 2_040, 510
"""Of a sum of sixteen bytes, and of four."""
DEVIATION = 295.6
"""Of such a sum: the square root of 16 * (256^2 - 1) / 12."""
_WORD = 1 << 32
_BYTES = np.uint64(0x00FF00FF)
_HALF = np.uint64(0xFFFF)


def normal_numbers(
    numbers: NDArray[np.int64], draw: int | NDArray[np.int64], count: int, seed: int
) -> NDArray[np.int64]:
    """Integers of mean 0 and deviation `DEVIATION`, -2,040 .. 2,040.

    Args: numbers: (n,) of the priors, below 2^32; draw: below 2^32, for all or (n,); count: dimensions; seed:
        0 .. 2^64 - 1.
    Returns: (n, count) int64.
    """
    rows = numbers.astype(np.uint64)[:, None]
    each = np.arange(count, dtype=np.uint64)[None]
    draws = np.asarray(draw, np.uint64).reshape(-1, 1)
    words = philox((rows, draws, np.full((1, 1), PURPOSE, np.uint64), each), (seed % _WORD, seed // _WORD))
    total = np.zeros((len(numbers), count), np.uint64)
    for word in words:
        total += _bytes_of(word)
    return total.astype(np.int64) - MIDDLE


def byte_sums(seed: int, layer: int, count: int, start: int = 0) -> NDArray[np.int64]:
    """Integers (count,) of mean 0 and a deviation of 147.8, -510 .. 510: one for each word, in order.

    Args: seed: below 2^32; layer: second number of the counter; start: of the first one, a multiple of 4.
    """
    rows = np.arange(start // 4, -(-(start + count) // 4), dtype=np.uint64)
    second, third, fourth = (np.full(1, value, np.uint64) for value in (layer, WEIGHTS, 0))
    words = np.stack(philox((rows, second, third, fourth), (seed, 0)), axis=1).reshape(-1)[:count]
    return _bytes_of(words).astype(np.int64) - FEW_MIDDLE


def _bytes_of(words: Words) -> Words:
    """Sums of the four bytes of 32-bit words."""
    pairs = (words & _BYTES) + ((words >> np.uint64(8)) & _BYTES)  # two sums of two bytes
    return (pairs & _HALF) + (pairs >> np.uint64(16))

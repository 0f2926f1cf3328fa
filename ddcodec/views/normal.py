"""Random numbers that are nearly normal, as a function of a seed and counters (spec section 7c)."""

import numpy as np
from numpy.typing import NDArray

from ddcodec.views.philox import philox

PURPOSE = 3
"""Third word of the counter: 0 to 2 belong to the views."""
MIDDLE = 2_040
"""Of a sum of sixteen bytes."""
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
        pairs = (word & _BYTES) + ((word >> np.uint64(8)) & _BYTES)  # two sums of two bytes
        total += (pairs & _HALF) + (pairs >> np.uint64(16))
    return total.astype(np.int64) - MIDDLE

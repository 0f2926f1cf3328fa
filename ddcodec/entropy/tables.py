"""Integer Laplace tables: 64 scales x 16 mean fractions x 64 symbols (spec section 3).

Built by integer arithmetic from 64 literals and pinned by hash, so that no exponential function of any
library stands between a file and its symbols.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

SCALES, FRACTIONS, SYMBOLS = 64, 16, 64
TOTAL_BITS = 24
TOTAL = 1 << TOTAL_BITS
ESCAPE = 63
REACH = 31
"""Residuals -REACH..REACH have a symbol of their own; all others are escapes."""
CENTRE_FRACTION = 8
"""The fraction whose mean is exactly zero."""

TABLE_SHA256 = "ad8c5597892cb46372b9ccd78fc2a574e4814b8eb9cbcdee14635d3c352b72e4"

# round(2^62 exp(-1 / (16 b_s))) with b_s = 2^((s - 34) / 8); spec section 12
DECAY = (
    1404085787326080235,
    1549737850873369689,
    1696544475317221319,
    1843359049400708804,
    1989129499449324046,
    2132911842010933834,
    2273877990231715836,
    2411318620956994921,
    2544641977584331038,
    2673369480468501813,
    2797128963144291325,
    2915646267135787072,
    3028735825629550724,
    3136290758258875029,
    3238272893868176214,
    3334703040788037496,
    3425651737980537634,
    3511230646819869576,
    3591584682430698961,
    3666884934768217416,
    3737322391842310702,
    3803102449262376199,
    3864440170128690820,
    3921556245779153422,
    3974673599686687113,
    4024014572713790036,
    4069798626954855183,
    4112240506688855206,
    4151548797836150680,
    4187924831215366348,
    4221561879403361262,
    4252644601790316437,
    4281348697255054412,
    4307840728593879314,
    4332278087304955805,
    4354809071487262216,
    4375573053418261292,
    4394700716811189561,
    4412314346821917877,
    4428528158589161432,
    4443448652470673713,
    4457174986206896169,
    4469799356029710115,
    4481407380265552509,
    4492078480286896068,
    4501886254770435931,
    4510898844149047330,
    4519179282920475346,
    4526785838119473410,
    4533772332790281232,
    4540188453729421605,
    4546080043119341838,
    4551489373954159550,
    4556455409380767430,
    4561014046251384466,
    4565198343315552475,
    4569038734577622340,
    4572563228415968262,
    4575797593107614195,
    4578765529430967213,
    4581488831033556331,
    4583987533254112715,
    4586280051081533910,
    4588383306919356281,
)

_ONE = 1 << 62


def laplace_scale(index: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
    """Laplace scale b, in units of one quantisation step, of a scale index (may be fractional)."""
    return 2.0 ** ((index - 34) / 8)


def _pmf_rows(decay: int) -> list[list[int]]:
    powers = [_ONE]
    for _ in range(16 * REACH + 16):
        powers.append((powers[-1] * decay) >> 62)

    def mass_below(sixteenths: int) -> int:
        if sixteenths <= 0:
            return powers[-sixteenths] >> 1
        return _ONE - (powers[sixteenths] >> 1)

    rows = []
    for fraction in range(FRACTIONS):
        edges = [mass_below(16 * residual - fraction) for residual in range(-REACH, REACH + 2)]
        mass = [upper - lower for lower, upper in zip(edges, edges[1:], strict=False)]
        mass.append(_ONE - sum(mass))
        row = [1 + ((part * (TOTAL - SYMBOLS)) >> 62) for part in mass]
        row[REACH] += TOTAL - sum(row)
        rows.append(row)
    return rows


@cache
def pmf_table() -> NDArray[np.int64]:
    """All pmfs, (SCALES * FRACTIONS, SYMBOLS) int64, each row >= 1 everywhere and summing to 2**24.

    Raises: RuntimeError if this machine builds another table than the specification's.
    """
    table = np.array([row for decay in DECAY for row in _pmf_rows(decay)], dtype=np.int64)
    digest = hashlib.sha256(table.astype("<u4").tobytes()).hexdigest()
    if digest != TABLE_SHA256:
        raise RuntimeError(f"probability tables have SHA-256 {digest}, the specification says {TABLE_SHA256}")
    table.setflags(write=False)
    return table


@cache
def cost_bits() -> NDArray[np.float64]:
    """Ideal bits of each symbol, (SCALES * FRACTIONS, SYMBOLS) float64; escapes cost `escape_bits` more."""
    bits: NDArray[np.float64] = TOTAL_BITS - np.log2(pmf_table())
    return bits


def escape_bits(residual: NDArray[np.int64]) -> NDArray[np.int64]:
    """Raw bits that follow an escape symbol, for residuals beyond REACH: sign, exponent, mantissa."""
    excess = np.abs(residual) - REACH
    bits: NDArray[np.int64] = 1 + 4 + np.floor(np.log2(np.maximum(excess, 1))).astype(np.int64)
    return bits

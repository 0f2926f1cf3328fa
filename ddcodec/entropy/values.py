"""Integers under (mean, scale index) pairs: symbols plus escapes (spec section 3, "Coding a value")."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.entropy.coder import Decoder, Encoder, take_tables
from ddcodec.entropy.tables import (
    CENTRE_FRACTION,
    ESCAPE,
    FRACTIONS,
    REACH,
    cost_bits,
    escape_bits,
)
from ddcodec.errors import EncodeError, FormatError

VALUE_MIN, VALUE_MAX = -32_768, 32_767
_EXPONENT_MAX = 14


def split_mean(mean: NDArray[np.int64], scale: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nearest integer of a mean in sixteenths, and the row of the pmf table for the rest.

    Args: mean, scale: integer arrays of one shape. Returns: (whole, rows), int64, same shape.
    """
    shifted = mean + CENTRE_FRACTION
    return shifted >> 4, (scale << 4) + (shifted & 15)


def centred_rows(scale: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the pmf table with mean zero, for scale indices."""
    return scale * FRACTIONS + CENTRE_FRACTION


def checksum24(values: NDArray[np.generic], dtype: str) -> int:
    """Low 24 bits of the CRC-32 of `values` in the named little-endian dtype."""
    return zlib.crc32(np.ascontiguousarray(values, dtype=dtype).tobytes()) & 0xFFFFFF


def residual_bits(residual: NDArray[np.signedinteger], rows: NDArray[np.signedinteger]) -> float:
    """Ideal code length, in bits, of residuals (n,) under rows (n,) of the pmf table, escapes included."""
    symbols, raw = bits_of_residuals(residual, rows)
    return float(symbols.sum() + raw)


def bits_of_residuals(
    residual: NDArray[np.signedinteger], rows: NDArray[np.signedinteger]
) -> tuple[NDArray[np.float64], int]:
    """Ideal bits of each symbol, in the shape of residuals and rows, and the raw bits of all escapes."""
    escaped = np.abs(residual) > REACH
    symbols = np.where(escaped, ESCAPE, residual + REACH)
    return cost_bits()[rows, symbols], int(escape_bits(residual[escaped]).sum())


def push_batch(
    encoder: Encoder, residual: NDArray[np.int64], rows: NDArray[np.int64], exponent_max: int = _EXPONENT_MAX
) -> None:
    """Push a batch of residuals (n,) under rows (n,): its escapes first, as they are decoded last.

    Raises: EncodeError if a residual is too large for an escape (rule E4).
    """
    push_batches(encoder, residual, rows, np.array([len(residual)]), exponent_max)


def push_batches(
    encoder: Encoder,
    residual: NDArray[np.signedinteger],
    rows: NDArray[np.signedinteger],
    ends: NDArray[np.int64],
    exponent_max: int = _EXPONENT_MAX,
) -> None:
    """Push batches that lie one after another in residual (n,) and rows (n,) and stop at ends (batches,).

    Raises: EncodeError as `push_batch`.
    """
    escaped = np.abs(residual) > REACH
    symbols = np.where(escaped, ESCAPE, residual + REACH).astype(np.int32)
    places = np.flatnonzero(escaped)
    batch_of_place = np.searchsorted(ends, places, side="right")
    stop = len(residual)
    # only a batch with escapes parts the symbols; all others are pushed in one go with their neighbours
    for batch in np.unique(batch_of_place)[::-1]:
        end = int(ends[batch])
        encoder.push_table(symbols[end:stop], rows[end:stop])
        _push_escapes(encoder, residual[places[batch_of_place == batch]], exponent_max)
        stop = end
    encoder.push_table(symbols[:stop], rows[:stop])


def _push_escapes(encoder: Encoder, residual: NDArray[np.signedinteger], exponent_max: int) -> None:
    """Push what follows the escape symbols of residuals (n,), all beyond REACH.

    Raises: EncodeError if a residual is too large (rule E4).
    """
    for value in residual[::-1].tolist():
        excess = abs(value) - REACH
        exponent = excess.bit_length() - 1
        if exponent > exponent_max:
            raise EncodeError(f"value is {value} away from its mean, more than the format can express")
        if exponent:
            encoder.push_uniform(excess - (1 << exponent), exponent)
        encoder.push_uniform(exponent, 4)
        encoder.push_uniform(int(value < 0), 1)


def take_escapes(
    decoder: Decoder, residual: NDArray[np.int64], *, offset: int, exponent_max: int = _EXPONENT_MAX
) -> None:
    """Replace the escape marks (REACH + 1) in residual (n,) by the escaped values, in place (rule E4)."""
    for place in np.flatnonzero(residual == ESCAPE - REACH):
        negative = decoder.take_uniform(1)
        exponent = decoder.take_uniform(4)
        if exponent > exponent_max:
            expected = f"at most {exponent_max}"
            raise FormatError("exponent of an escape", offset=offset, expected=expected, found=exponent, rule="E4")
        mantissa = decoder.take_uniform(exponent) if exponent else 0
        magnitude = (1 << exponent) + mantissa + REACH
        residual[place] = -magnitude if negative else magnitude


def take_batch(
    decoder: Decoder, whole: NDArray[np.int64], rows: NDArray[np.int64], *, offset: int
) -> NDArray[np.int64]:
    """Decode a batch of values (n,) int64 whose means round to whole (n,), under rows (n,).

    Raises: FormatError for an escape beyond rule E4 or a value beyond rule E5.
    """
    return take_batches([decoder], whole, rows, [len(rows)], offsets=[offset])


def take_batches(
    decoders: Sequence[Decoder],
    whole: NDArray[np.int64],
    rows: NDArray[np.int64],
    sizes: Sequence[int],
    *,
    offsets: Sequence[int],
) -> NDArray[np.int64]:
    """Decode a batch of sizes[i] values from decoders[i]; whole (n,) and rows (n,) in the decoders' order.

    Raises: FormatError as `take_batch`.
    """
    residual = take_tables(decoders, rows, sizes).astype(np.int64)
    residual -= REACH
    # without an escape a value lies within REACH of its mean, and so inside its range
    if residual.size and int(residual.max()) > REACH:
        start = 0
        for decoder, size, offset in zip(decoders, sizes, offsets, strict=True):
            part = residual[start : start + size]
            take_escapes(decoder, part, offset=offset)
            check_range(whole[start : start + size] + part, offset)
            start += size
    residual += whole
    return residual


def check_range(values: NDArray[np.int64], offset: int) -> None:
    """Hold decoded values (n,) against rule E5."""
    if values.size and not VALUE_MIN <= int(values.min()) <= int(values.max()) <= VALUE_MAX:
        raise FormatError(
            "decoded value",
            offset=offset,
            expected="-32768..32767",
            found=int(np.abs(values).max()),
            rule="E5",
        )

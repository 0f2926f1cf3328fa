"""Tensors of small integers, coded as differences to their bases in one stream (spec section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.configs import Tensor, TensorSpec
from ddcodec.entropy.coder import Decoder, Encoder
from ddcodec.entropy.fixed_point import SHIFT_MAX
from ddcodec.entropy.tables import ESCAPE, REACH, SCALES, SYMBOLS, cost_bits
from ddcodec.entropy.values import VALUE_MAX, VALUE_MIN, centred_rows, checksum24, push_batch, residual_bits, take_batch
from ddcodec.errors import EncodeError, FormatError
from ddcodec.format.wire import Cursor

UNCHANGED = 255


def difference(spec: TensorSpec, tensor: Tensor) -> NDArray[np.int64]:
    """What the stream holds for a tensor, flat int64."""
    return (tensor if spec.base is None else tensor - spec.base).reshape(-1).astype(np.int64)


@cache
def _centred_costs() -> NDArray[np.int64]:
    """Bits of each symbol under each scale with mean zero, (SCALES, SYMBOLS), in units of 2^-20.

    As integers, so that no order of summation decides between two scales.
    """
    costs: NDArray[np.int64] = np.rint(cost_bits()[centred_rows(np.arange(SCALES))] * 2**20).astype(np.int64)
    return costs


def best_scale(values: NDArray[np.int64]) -> tuple[int, float]:
    """Scale index that codes values (n,) in the fewest bits, and those bits."""
    symbols = np.where(np.abs(values) > REACH, ESCAPE, values + REACH)
    best = int(np.argmin(_centred_costs() @ np.bincount(symbols, minlength=SYMBOLS)))
    return best, residual_bits(values, centred_rows(np.full(len(values), best)))


def tensor_bits(spec: TensorSpec, tensor: Tensor, shift: int) -> float:
    """Ideal bits of one tensor, its descriptor included."""
    values = difference(spec, tensor)
    if not values.any() and shift == spec.base_shift:
        return 8.0
    return best_scale(values)[1] + (8.0 if spec.base is not None else 16.0)


def pack_tensors(specs: Sequence[TensorSpec], tensors: Sequence[Tensor], shifts: Sequence[int]) -> bytes:
    """Descriptors, then the stream."""
    head = bytearray()
    batches: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for spec, tensor, shift in zip(specs, tensors, shifts, strict=True):
        if spec.base is not None and shift != spec.base_shift:
            raise EncodeError(f"tensor {spec.name} has shift {shift}, its base {spec.base_shift}")
        if not 0 <= shift <= SHIFT_MAX:
            raise EncodeError(f"rule N1: shift {shift} of tensor {spec.name} is not in 0..{SHIFT_MAX}")
        values = difference(spec, tensor)
        if not values.any() and shift == spec.base_shift:
            head.append(UNCHANGED)
            continue
        if not VALUE_MIN <= int(values.min()) <= int(values.max()) <= VALUE_MAX:
            raise EncodeError(f"rule E5: tensor {spec.name} is more than 16 bits away from its base")
        scale, _ = best_scale(values)
        head += bytes([scale] if spec.base is not None else [scale, shift])
        batches.append((values, centred_rows(np.full(len(values), scale))))
    if not batches:
        return bytes(head)
    encoder = Encoder(checksum24(np.concatenate([values for values, _ in batches]), "<i4"))
    for values, rows in reversed(batches):
        push_batch(encoder, values, rows)
    return bytes(head) + encoder.bytes()


def read_tensors(cursor: Cursor, specs: Sequence[TensorSpec]) -> tuple[list[Tensor], list[int]]:
    """Parse what `pack_tensors` wrote, to the end of the cursor's field."""
    scales, shifts = [], []
    for spec in specs:
        start = cursor.offset
        scale, shift = cursor.byte("tensor descriptor", rule="W2"), spec.base_shift
        if scale != UNCHANGED and scale >= SCALES:
            raise FormatError("tensor descriptor", offset=start, expected="0..63 or 255", found=scale, rule="G4")
        if scale != UNCHANGED and spec.base is None:
            start, shift = cursor.offset, cursor.byte("shift", rule="W2")
            if shift > SHIFT_MAX:
                raise FormatError("shift", offset=start, expected=f"0..{SHIFT_MAX}", found=shift, rule="N1")
        scales.append(scale)
        shifts.append(shift)
    offset = cursor.offset
    if all(scale == UNCHANGED for scale in scales):
        cursor.close("group blob without coded tensors", rule="G5")
        deltas = [np.zeros(int(np.prod(spec.shape)), np.int64) for spec in specs]
    else:
        deltas = _read_stream(Decoder(cursor.rest(), offset=offset), specs, scales, offset)
    tensors = []
    for spec, delta in zip(specs, deltas, strict=True):
        shaped = delta.reshape(spec.shape)
        tensors.append(shaped if spec.base is None else shaped + spec.base)
    return tensors, shifts


def _read_stream(
    decoder: Decoder, specs: Sequence[TensorSpec], scales: Sequence[int], offset: int
) -> list[NDArray[np.int64]]:
    deltas, coded = [], []
    for spec, scale in zip(specs, scales, strict=True):
        size = int(np.prod(spec.shape))
        if scale == UNCHANGED:
            deltas.append(np.zeros(size, np.int64))
            continue
        rows = centred_rows(np.full(size, scale))
        deltas.append(take_batch(decoder, np.zeros(size, np.int64), rows, offset=offset))
        coded.append(deltas[-1])
    decoder.close(checksum24(np.concatenate(coded), "<i4"))
    return deltas

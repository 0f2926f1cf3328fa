"""LABL, codec 1: the original order of samples that are not sorted by class (spec section 8)."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.entropy.coder import Decoder, Encoder
from ddcodec.entropy.tables import TOTAL
from ddcodec.errors import EncodeError, FormatError


def label_pmf(counts: Sequence[int]) -> NDArray[np.int64]:
    """(C,) int64 with sum 2^24: how likely each class is, from the images it has; all at least 1.

    Args:
        counts: images of each class, C >= 2 integers, not all zero.
    """
    total, free = sum(counts), TOTAL - len(counts)
    pmf = np.array([1 + count * free // total for count in counts], dtype=np.int64)
    pmf[int(np.argmax(counts))] += TOTAL - int(pmf.sum())  # argmax takes the first of several
    return pmf


def _checksum(order: NDArray[np.int64]) -> int:
    return zlib.crc32(order.astype("<u2").tobytes()) & (TOTAL - 1)


def _find_fault(order: NDArray[np.int64], counts: Sequence[int]) -> tuple[str, str] | None:
    """Broken rule (L3 or L4) and the fault in words, or None."""
    if len(counts) < 2 or not len(order):
        return "L4", "labels for fewer than two classes or for no images"
    if np.bincount(order, minlength=len(counts)).tolist() != list(counts):
        return "L3", "classes do not occur as often as the header says"
    if bool((np.diff(order) >= 0).all()):
        return "L4", "labels of a set that is sorted by class"
    return None


def encode_labels(order: NDArray[np.int64], counts: Sequence[int]) -> bytes:
    """Write the payload of LABL.

    Args:
        order: (N,) integers, class of each sample in the original order, not sorted.
        counts: images of each class, C integers.
    Raises: EncodeError for an order that is sorted or does not fit the counts.
    """
    if order.size and not 0 <= int(order.min()) <= int(order.max()) < len(counts):
        raise EncodeError("labels: a class number is outside the classes")
    fault = _find_fault(order, counts)
    if fault is not None:
        raise EncodeError(f"{fault[1]} (rule {fault[0]})")
    encoder = Encoder(_checksum(order))
    encoder.push_pmf(order.astype(np.int32), label_pmf(counts))
    return encoder.bytes()


def decode_labels(payload: bytes, counts: Sequence[int], offset: int = 0) -> NDArray[np.int64]:
    """Read the payload of LABL.

    Args:
        payload: the section.
        counts: images of each class, C integers with a sum that was held against its limit.
        offset: place of the payload in the file.
    Returns: (N,) int64, class of each sample in the original order.
    Raises: FormatError L3, L4 and those of the entropy coder (E1); ChecksumError E2, E3.
    """
    total = sum(counts)
    if len(counts) < 2 or not total:
        raise FormatError("labels for fewer than two classes or for no images", offset=offset, rule="L4")
    decoder = Decoder(payload, offset=offset)
    order = decoder.take_pmf(label_pmf(counts), total).astype(np.int64)
    decoder.close(_checksum(order))
    fault = _find_fault(order, counts)
    if fault is not None:
        raise FormatError(fault[1], offset=offset, rule=fault[0])
    return order

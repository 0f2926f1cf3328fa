"""SHA-256 of what a file decodes to (spec section 9)."""

import hashlib
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.dataset import SOFT_KINDS, DistilledSet
from ddcodec.label_head import LOSSES, REUSE_RULES, ROW_KINDS
from ddcodec.label_views import LabelViews


def content_hash(dataset: DistilledSet) -> bytes:
    """Of the integers and labels of a set, 32 bytes."""
    digest = start_hash(dataset.class_counts, (*dataset.pixels.shape[1:], dataset.peak), dataset.order, dataset.pixels)
    if dataset.soft is not None:
        digest.update(b"soft" + struct.pack("<2I", SOFT_KINDS.index(dataset.soft.kind), dataset.soft.unit))
        digest.update(np.ascontiguousarray(dataset.soft.values, dtype="<i2").data)
    if dataset.label_views is not None:
        hash_views(digest, dataset.label_views)
    if dataset.priors is not None:
        digest.update(b"draw")
        digest.update(np.ascontiguousarray(dataset.priors.draw(0), dtype="<i2").data)
    return digest.digest()


def start_hash(
    class_counts: Sequence[int],
    shape: Sequence[int],
    order: NDArray[np.int64] | None,
    pixels: NDArray[np.int16] | None = None,
) -> "hashlib._Hash":
    """A content hash as far as images and hard labels go (spec section 9).

    Args: shape: channels, height, width, peak; pixels: None in a file of labels alone.
    """
    digest = hashlib.sha256(b"ddz content 1")
    numbers = (len(class_counts), *shape, *class_counts)
    digest.update(struct.pack(f"<{len(numbers)}I", *numbers))
    if pixels is not None:
        digest.update(np.ascontiguousarray(pixels, dtype="<i2").data)
    if order is not None:
        digest.update(order.astype("<u2").data)
    return digest


def hash_views(digest: "hashlib._Hash", views: LabelViews) -> None:
    """Add soft labels of many views to a content hash (spec section 9)."""
    head = views.head
    numbers = [ROW_KINDS.index(head.kind), head.unit_shift, head.views, head.rows, REUSE_RULES.index(head.reuse)]
    numbers += (round(256 * head.temperature), LOSSES.index(head.loss), round(256 * head.hard_weight), head.hard_known)
    digest.update(b"rows" + struct.pack(f"<{len(numbers)}I", *numbers))
    for block in range(head.block_count):
        start, stop = head.rows_of(block)
        digest.update(np.ascontiguousarray(views.numbers(start, stop), dtype="<i4").data)

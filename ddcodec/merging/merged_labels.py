"""Labels of a merged set from those of its blocks (spec section 8)."""

from dataclasses import replace

import numpy as np

from ddcodec.codecs.labels import encode_labels
from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.dataset import SoftLabels
from ddcodec.format import constants as c
from ddcodec.format.container import Payload
from ddcodec.limits import Limits
from ddcodec.merging.arrangement import Arrangement

_PADDED = ("probabilities", "scores")
"""Kinds of soft labels that can say "none of these": 0. A logit cannot."""


def merged_labels(plan: Arrangement, limits: Limits, notes: list[str]) -> list[Payload]:
    """LABL and SOFT: samples block after block if a block has an order, else by class; losses go to `notes`."""
    labels = np.concatenate(
        [np.array(places, np.int64)[part.labels] for part, places in zip(plan.files, plan.places, strict=True)]
    )
    has_order = any(part.order is not None for part in plan.files)
    rows = np.arange(len(labels)) if has_order else np.argsort(labels, kind="stable")
    payloads = [Payload("LABL", c.CODEC, encode_labels(labels, plan.counts))] if has_order else []
    soft = _soft(plan, notes)
    if soft is not None:
        limits.check("soft_labels", soft.values.size)
        ordered = replace(soft, values=np.ascontiguousarray(soft.values[rows]))
        payloads.append(Payload("SOFT", c.CODEC, encode_soft_labels(ordered, labels[rows])))
    others = sorted({kind for part in plan.files for kind in part.left_out} - {"SOFT", "VIEW"})
    if others:
        notes.append(f"sections {', '.join(others)} are left out: they are of one block only")
    return payloads


def _soft(plan: Arrangement, notes: list[str]) -> SoftLabels | None:
    """Soft labels block by block, 0 for the classes of other blocks; None where they cannot be had."""
    rows = any("SOFT" in part.left_out for part in plan.files)
    found = [part.soft for part in plan.files if part.soft is not None]
    if not found and not rows:
        return None
    kinds = {(soft.kind, soft.unit) for soft in found}
    if rows or len(found) < len(plan.files) or len(kinds) > 1 or found[0].kind not in _PADDED:
        notes.append("soft labels are left out: those of the blocks do not make labels over all classes; "
                     "`ddcodec labels relabel` issues new ones")  # fmt: skip
        return None
    values = np.zeros((sum(len(soft.values) for soft in found), plan.class_count), np.int16)
    start = 0
    for soft, places in zip(found, plan.places, strict=True):
        values[start : start + len(soft.values), list(places)] = soft.values
        start += len(soft.values)
    return SoftLabels(values, found[0].unit, found[0].kind)

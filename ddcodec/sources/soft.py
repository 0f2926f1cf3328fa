"""Labels of foreign sets: classes, or vectors of one number per class."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.sources.foreign import LABEL_WORDS, Options, Parts
from ddcodec.sources.trees import as_labels


class Labels(NamedTuple):
    """hard (N,) int64; soft (N, K) float32 and its kind, or None; notes, what was assumed."""

    hard: NDArray[np.int64]
    soft: NDArray[np.float32] | None
    kind: str | None
    notes: tuple[str, ...]


def read_labels(parts: Parts, images: int, options: Options) -> Labels:
    """Make labels of what a file holds; hard ones that it does not state are the greatest entries of soft ones.

    Args:
        parts: labels are (N,) or (N, 1) whole numbers, or (N, K) numbers.
        images: N.
        options: `labels` and `unsorted` matter.
    Raises: InputError naming what is wrong with them.
    """
    if parts.soft is None:
        found = _read(_checked(parts.labels, images), parts.label_kind, options.labels)
        if found.soft is not None and not options.unsorted:
            _require_sorted(found.hard)
        return found
    hard, soft = _checked(parts.labels, images), _checked(parts.soft, images)
    if hard.ndim != 1 or soft.ndim != 2 or parts.soft_kind not in LABEL_WORDS.values():
        kinds = ", ".join(LABEL_WORDS.values())
        raise InputError(f"soft labels: expected labels (N,), soft (N, classes) and a soft_kind out of {kinds}")
    if options.labels == "hard":
        return Labels(_whole(hard), None, None, ("the file's soft labels were left out",))
    return Labels(_whole(hard), soft.astype(np.float32), parts.soft_kind, ())


def _checked(found: Any, images: int) -> NDArray[Any]:
    labels = as_labels(found)
    if len(labels) != images:
        raise InputError(f"labels: expected {images}, one per image, found {len(labels)} (shape {labels.shape})")
    if labels.dtype.kind not in "iuf":
        raise InputError(f"labels: expected numbers, found {labels.dtype}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = np.argwhere(~np.isfinite(labels))[0][0]
        raise InputError(f"labels: NaN or infinity at image {row}; every label must be a finite number")
    if labels.ndim == 2 and labels.shape[1] == 0:
        raise InputError(f"labels: shape {labels.shape} has an empty axis")
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _require_sorted(hard: NDArray[np.int64]) -> None:
    falls = np.flatnonzero(np.diff(hard) < 0)
    if falls.size:
        row = int(falls[0]) + 1
        raise InputError(
            f"soft labels are not sorted by class: row {row} is greatest for class {hard[row]}, after class "
            f"{hard[row - 1]}; sort them, or give --unsorted to keep this order"
        )


def _read(labels: NDArray[Any], layout_kind: str | None, asked: str | None) -> Labels:
    if labels.ndim == 1:
        if asked not in (None, "hard"):
            raise InputError(f"labels: --labels {asked} asks for (N, classes) numbers, found one number per image")
        return Labels(_whole(labels), None, None, ())
    hard = labels.argmax(axis=1).astype(np.int64)
    if asked == "hard":
        return Labels(hard, None, None, ("soft labels were reduced to the greatest of each row",))
    if asked is None and _one_hot(labels):
        return Labels(hard, None, None, ("labels are one-hot vectors; they were taken as classes",))
    word, notes = (asked, ()) if asked is not None else _guess(labels, layout_kind)
    return Labels(hard, labels.astype(np.float32), LABEL_WORDS[word], notes)


def _whole(labels: NDArray[Any]) -> NDArray[np.int64]:
    wrong = (labels < 0) | (labels != np.floor(labels)) | (labels > np.iinfo(np.int32).max)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"labels: expected classes 0, 1, ..., found {labels[row]} at image {row}")
    return labels.astype(np.int64)


def _one_hot(labels: NDArray[Any]) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def _guess(labels: NDArray[Any], layout_kind: str | None) -> tuple[str, tuple[str, ...]]:
    if labels.min() >= 0 and np.allclose(labels.sum(axis=1, dtype=np.float64), 1, atol=1e-3):
        return "probs", ("labels sum to 1 in each row; they were taken as probabilities (--labels says otherwise)",)
    word = layout_kind or "logits"
    return word, (f"labels were taken as {LABEL_WORDS[word]} (--labels says otherwise)",)

"""A decoded set as one file of arrays: npz, safetensors, or torch's format."""

import io
import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet
from ddcodec.errors import DdzError, InputError
from ddcodec.format.atomic import write_atomic

FORMATS = ("npz", "pt", "safetensors")


def arrays_of(dataset: DistilledSet) -> dict[str, NDArray[Any]]:
    """images (N, channels, height, width) float32 and labels (N,) int64; mean and std float32 if known."""
    found: dict[str, NDArray[Any]] = {"images": dataset.images, "labels": dataset.labels}
    for name, values in (("mean", dataset.mean), ("std", dataset.std)):
        if values is not None:
            found[name] = np.array(values, dtype=np.float32)
    return found


def _npz(dataset: DistilledSet) -> bytes:
    arrays = arrays_of(dataset)
    # Else a reader of a file with sides of 1..4 pixels would have to guess.
    arrays["layout"] = np.array("NCHW")
    if dataset.classes is not None:
        arrays["classes"] = np.array(dataset.classes, dtype=np.str_)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _safetensors(dataset: DistilledSet) -> bytes:
    from safetensors.numpy import save

    notes = None if dataset.classes is None else {"classes": json.dumps(dataset.classes)}
    packed: bytes = save(arrays_of(dataset), notes)
    return packed


def _pt(dataset: DistilledSet) -> bytes:
    try:
        import torch
    except ImportError as error:
        raise DdzError("torch is not installed; install ddcodec[train], or export to safetensors") from error
    plain: dict[str, Any] = {name: torch.from_numpy(part) for name, part in arrays_of(dataset).items()}
    if dataset.classes is not None:
        plain["classes"] = list(dataset.classes)
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    return buffer.getvalue()


def write_tensors(dataset: DistilledSet, path: str | os.PathLike[str], kind: str) -> None:
    """Write one file with `arrays_of` and the class names.

    Args:
        path: target; an existing file is replaced.
        kind: "npz" (names in `classes`), "safetensors" (names as JSON in the metadata), or "pt" (a dict of
            tensors and a list of names, which torch.load reads with weights_only).
    Raises: InputError for another kind; DdzError without torch; as `write_atomic`.
    """
    writers = {"npz": _npz, "pt": _pt, "safetensors": _safetensors}
    if kind not in writers:
        raise InputError(f"unknown kind {kind!r}; expected one of {', '.join(FORMATS)}")
    write_atomic(path, writers[kind](dataset))

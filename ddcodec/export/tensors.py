"""A decoded set as one file of arrays: npz, safetensors, or torch's format."""

import io
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet
from ddcodec.errors import DdzError, InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.views.notes import as_json, plain

FORMATS = ("npz", "pt", "safetensors")


def arrays_of(dataset: DistilledSet) -> dict[str, NDArray[Any]]:
    """The numbers of a set, in the original order of its samples.

    Returns: images (N, channels, height, width) float32 in [0, 1] units, not normalised; labels (N,) int64;
        and what is known of: mean, std (channels,) float32; soft (N, C) float32; learning_rate () float32.
    """
    found: dict[str, NDArray[Any]] = {"images": dataset.images, "labels": dataset.labels}
    for name, values in (("mean", dataset.mean), ("std", dataset.std)):
        if values is not None:
            found[name] = np.array(values, dtype=np.float32)
    if dataset.soft is not None:
        found["soft"] = dataset.soft.floats
    if "learning_rate" in dataset.recipe:
        found["learning_rate"] = np.array(dataset.recipe["learning_rate"], dtype=np.float32)
    return found


def texts_of(dataset: DistilledSet) -> dict[str, Any]:
    """Plain values beside the numbers: soft_kind (text), recipe and whitening (maps), where there are any."""
    found: dict[str, Any] = {} if dataset.soft is None else {"soft_kind": dataset.soft.kind}
    found |= {name: plain(part) for name in ("recipe", "whitening") if (part := getattr(dataset, name))}
    return found


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _npz(dataset: DistilledSet) -> bytes:
    arrays = arrays_of(dataset)
    # Else a reader of a file with sides of 1..4 pixels would have to guess.
    arrays["layout"] = np.array("NCHW")
    if dataset.classes is not None:
        arrays["classes"] = np.array(dataset.classes, dtype=np.str_)
    arrays |= {name: np.array(_as_text(value)) for name, value in texts_of(dataset).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _safetensors(dataset: DistilledSet) -> bytes:
    from safetensors.numpy import save

    notes = {name: _as_text(value) for name, value in texts_of(dataset).items()}
    if dataset.classes is not None:
        notes["classes"] = as_json(dataset.classes)
    packed: bytes = save(arrays_of(dataset), notes or None)
    return packed


def torch_file(content: Any) -> bytes:
    """Dicts, lists and plain values, with numpy arrays as tensors, as torch.load reads them with weights_only.

    Raises: DdzError without torch.
    """
    try:
        import torch
    except ImportError as error:
        raise DdzError("torch is not installed; install ddcodec[train], or export to safetensors") from error

    def with_tensors(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return torch.from_numpy(value)
        if isinstance(value, dict):
            return {name: with_tensors(part) for name, part in value.items()}
        return [with_tensors(part) for part in value] if isinstance(value, list) else value

    buffer = io.BytesIO()
    torch.save(with_tensors(content), buffer)
    return buffer.getvalue()


def _pt(dataset: DistilledSet) -> bytes:
    content = arrays_of(dataset) | texts_of(dataset)
    if dataset.classes is not None:
        content["classes"] = list(dataset.classes)
    return torch_file(content)


def write_tensors(dataset: DistilledSet, path: str | os.PathLike[str], kind: str) -> None:
    """Write one file with `arrays_of`, `texts_of` and the class names.

    Args:
        path: target; an existing file is replaced.
        kind: "npz" (names in `classes`, maps as JSON in texts), "safetensors" (names and maps as JSON in the
            metadata), or "pt" (a dict of tensors and plain values, which torch.load reads with weights_only).
    Raises: InputError for another kind; DdzError without torch; as `write_atomic`.
    """
    writers = {"npz": _npz, "pt": _pt, "safetensors": _safetensors}
    if kind not in writers:
        raise InputError(f"unknown kind {kind!r}; expected one of {', '.join(FORMATS)}")
    write_atomic(path, writers[kind](dataset))

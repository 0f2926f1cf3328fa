"""CIFAR-10 and CIFAR-100 from the official archives, packed or unpacked, in the Python or the binary version.

A row of the Python version is 3,072 bytes of a uint8 array in a pickle, its label an integer in a list; a row of
the binary version is the label (CIFAR-100: coarse, fine) and then the same 3,072 bytes: three planes of 32x32.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.sources.archive import read_members
from ddcodec.sources.cifar_names import CIFAR10, CIFAR100
from ddcodec.sources.labelled import LabelledImages
from ddcodec.sources.safe_pickle import read_pickle

_SHAPE = (3, 32, 32)
_PIXELS = 3_072
MAX_ROWS = 100_000


@dataclass(frozen=True)
class _Layout:
    """Names of the official files. label_bytes: before each binary row, the last of them the label."""

    folders: tuple[str, str]
    archives: tuple[str, str]
    parts: dict[str, tuple[str, ...]]
    label_key: bytes
    name_key: bytes
    metas: tuple[str, str]
    label_bytes: int
    names: tuple[str, ...]


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_LAYOUTS = {
    "cifar10": _Layout(
        folders=("cifar-10-batches-py", "cifar-10-batches-bin"),
        archives=("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"),
        parts={"train": _BATCHES, "test": ("test_batch",)},
        label_key=b"labels",
        name_key=b"label_names",
        metas=("batches.meta", "batches.meta.txt"),
        label_bytes=1,
        names=CIFAR10,
    ),
    "cifar100": _Layout(
        folders=("cifar-100-python", "cifar-100-binary"),
        archives=("cifar-100-python.tar.gz", "cifar-100-binary.tar.gz"),
        parts={"train": ("train",), "test": ("test",)},
        label_key=b"fine_labels",
        name_key=b"fine_label_names",
        metas=("meta", "fine_label_names.txt"),
        label_bytes=2,
        names=CIFAR100,
    ),
}


def load_cifar(kind: str, path: str, split: str, name: str) -> LabelledImages:
    """Read one split.

    Args:
        kind: "cifar10" or "cifar100" (with its 100 fine labels).
        path: the archive, the folder it unpacks to, or a folder that holds one of these.
        split: "train" or "test".
        name: what to call the source.
    Returns: images (N, 3, 32, 32), in the order of the files; classes as the archive names them.
    Raises: InputError, one line that begins with the path, for what is missing, damaged or not CIFAR.
    """
    layout = _LAYOUTS[kind]
    place = _find(Path(path), layout)
    pickled = layout.parts[split]
    binary = tuple(f"{part}.bin" for part in pickled)
    found = read_members(place, {*pickled, *binary, *layout.metas})
    parts = pickled if found.keys() & set(pickled) or not found.keys() & set(binary) else binary
    missing = [part for part in parts if part not in found]
    if missing:
        raise InputError(f"{place}: has no file {missing[0]}; expected {kind} in its Python or binary version")
    rows, labels = [], []
    for part in parts:
        try:
            read = _from_pickle(found[part], layout) if parts is pickled else _from_binary(found[part], layout)
            _check_labels(read[1], len(layout.names))
        except InputError as error:
            raise InputError(f"{place}: {part}: {error}") from None
        rows.append(read[0])
        labels.append(read[1])
    try:
        names = _names(found, layout)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    images = np.concatenate(rows).reshape(-1, *_SHAPE).astype(np.float32)
    images /= np.float32(255)
    return LabelledImages(images, np.concatenate(labels), names, name)


def _find(path: Path, layout: _Layout) -> Path:
    """The archive or folder meant: the path itself, or what a folder holds under an official name."""
    if path.is_dir():
        for inside in (*layout.folders, *layout.archives):
            if (path / inside).exists():
                return path / inside
    return path


def _from_pickle(data: bytes, layout: _Layout) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    values = _by_bytes(read_pickle(data))
    rows, labels = values.get(b"data"), values.get(layout.label_key)
    word = layout.label_key.decode()
    if not isinstance(rows, np.ndarray) or not isinstance(labels, list):
        raise InputError(f"expected a dict with an array data and a list {word}")
    if rows.ndim != 2 or rows.shape[1] != _PIXELS or not 1 <= len(rows) <= MAX_ROWS:
        raise InputError(f"data: expected 1..{MAX_ROWS:,} rows of {_PIXELS} bytes, found shape {rows.shape}")
    if len(labels) != len(rows):
        raise InputError(f"{word}: expected {len(rows)} of them, one per row, found {len(labels)}")
    if not all(type(label) is int and abs(label) < 1 << 31 for label in labels):
        raise InputError(f"{word}: expected integers")
    return rows, np.array(labels, dtype=np.int64)


def _by_bytes(values: Any) -> dict[Any, Any]:
    """The top-level dict, its keys as bytes whichever Python wrote them."""
    if not isinstance(values, dict):
        raise InputError("expected a pickled dict")
    return {key.encode() if isinstance(key, str) else key: value for key, value in values.items()}


def _from_binary(data: bytes, layout: _Layout) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    length = layout.label_bytes + _PIXELS
    count, rest = divmod(len(data), length)
    if rest or not 1 <= count <= MAX_ROWS:
        raise InputError(f"expected 1..{MAX_ROWS:,} rows of {length} bytes, found {len(data)} bytes")
    rows = np.frombuffer(data, dtype=np.uint8).reshape(count, length)
    return rows[:, layout.label_bytes :], rows[:, layout.label_bytes - 1].astype(np.int64)


def _check_labels(labels: NDArray[np.int64], classes: int) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise InputError(f"labels: expected 0..{classes - 1}, found {labels[wrong[0]]} at row {wrong[0]}")


def _names(found: dict[str, bytes], layout: _Layout) -> tuple[str, ...]:
    """Names of the classes as the archive has them, or the usual ones where it has none."""
    pickled, text = layout.metas
    try:
        if pickled in found:
            stored = _by_bytes(read_pickle(found[pickled])).get(layout.name_key)
            words = [item.decode() if isinstance(item, bytes) else item for item in stored or []]
        elif text in found:
            words = found[text].decode().split()
        else:
            return layout.names
    except (InputError, UnicodeDecodeError, TypeError) as error:
        raise InputError(f"the names of the classes cannot be read: {error}") from error
    if len(words) != len(layout.names) or not all(isinstance(word, str) and word.isprintable() for word in words):
        raise InputError(f"expected {len(layout.names)} names of classes, found {len(words)}")
    if len(set(words)) != len(words):
        raise InputError("two classes have the same name")
    return tuple(words)

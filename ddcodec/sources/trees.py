"""Files of plain values: what kind a file is by its first bytes, and its content as lists, dicts and arrays."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import DdzError, InputError
from ddcodec.limits import Limits

_DDZ = b"\x89DDZ\r\n\x1a\n"
_HEADER_BYTES = 2**20


@dataclass(frozen=True)
class Opaque:
    """A value that has no plain counterpart, such as a sparse tensor; text says what it was."""

    text: str


def kind_of(path: Path) -> str:
    """ "torch", "npz", "npy", "safetensors", "parquet" or "ddz", by content, never by name.

    Raises: InputError for a file that cannot be read, or of another kind.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror}") from error
    if start.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if start.startswith(_DDZ):
        return "ddz"
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 10**8:
        return "safetensors"
    if start[:1] == b"\x80":  # a bare pickle: torch's format before 1.6
        return "torch"
    raise InputError(
        f"{path}: no file of a known kind (torch, npz, npy, safetensors, parquet); it begins {start[:8]!r}"
    )


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:  # a damaged directory makes zipfile raise several kinds
        raise InputError(f"{path}: a damaged archive, perhaps cut short: {error}") from error
    if any(name.endswith("data.pkl") for name in names):
        return "torch"
    if any(name.endswith(".npy") for name in names):
        return "npz"
    raise InputError(f"{path}: an archive of neither torch nor numpy; unpack it and give the folder")


def load_tree(path: Path) -> Any:
    """Content of a torch or .npy file: arrays in lists, tuples and dicts.

    Raises: InputError for another kind or a damaged file; DdzError without torch.
    """
    kind = kind_of(path)
    if kind == "npy":
        return _load_npy(path)
    if kind != "torch":
        raise InputError(f"{path}: expected a torch or .npy file, found {kind}")
    try:
        from ddcodec.sources.torch_file import load_torch
    except ImportError as error:
        raise DdzError(f"{path}: torch is not installed; install ddcodec[train]") from error
    return load_torch(path)


def _load_npy(path: Path) -> NDArray[Any]:
    try:
        # mapped, so that a header that promises more than there is fails instead of claiming memory
        array = np.load(path, mmap_mode="r", allow_pickle=False, max_header_size=_HEADER_BYTES)
    except Exception as error:  # headers are read as Python literals, so damaged ones raise nearly anything
        raise InputError(f"{path}: not a usable .npy file: {str(error).partition(chr(10))[0]}") from error
    return np.asarray(array)


def describe(tree: Any) -> str:
    """A few words about a value, for messages."""
    if isinstance(tree, np.ndarray):
        return f"a tensor {tree.shape} {tree.dtype}"
    if isinstance(tree, dict):
        keys = ", ".join(sorted(tree)[:4])
        return f"a dict of {len(tree)} keys ({keys}{', ...' if len(tree) > 4 else ''})"
    if isinstance(tree, list | tuple):
        first = f", the first {describe(tree[0])}" if tree else ""
        return f"a {type(tree).__name__} of {len(tree)}{first}"
    if isinstance(tree, Opaque):
        return tree.text
    return f"a value of type {type(tree).__name__}"


def as_images(value: Any) -> NDArray[Any]:
    """Images as found, held against shape and limits.

    Raises: InputError unless it is an array (N, C, H, W) with no empty axis; LimitError.
    """
    if not isinstance(value, np.ndarray) or value.ndim != 4:
        raise InputError(f"images: expected a tensor (N, channels, height, width), found {describe(value)}")
    if not value.size:
        raise InputError(f"images: there are none (shape {value.shape})")
    Limits().check("images", len(value))
    Limits().check("pixels", value.size)
    return value


def as_labels(value: Any) -> NDArray[Any]:
    """Labels as found: an array of one or two axes, or a list of numbers.

    Raises: InputError for anything else.
    """
    if isinstance(value, list | tuple) and value and all(isinstance(item, int) for item in value):
        value = np.array(value)
    if not isinstance(value, np.ndarray) or value.ndim not in (1, 2):
        raise InputError(f"labels: expected a tensor (N,) or (N, classes), found {describe(value)}")
    return value


def as_number(value: Any, what: str) -> float:
    """A number, or a tensor that holds one.

    Raises: InputError for anything else.
    """
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiu":
        # as one would write it: of all numbers with the same float32, the shortest
        value = float(str(value.reshape(())[()])) if value.dtype == np.float32 else value.item()
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(f"{what}: expected one finite number, found {describe(value)}")
    return float(value)

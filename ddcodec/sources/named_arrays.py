"""Archives of named arrays, .npz and safetensors, as a dict; sizes are held against the limits first."""

import json
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.limits import Limits

_MAX_BYTES = 8 * Limits().pixels  # of one array; images may be float64
_MAX_HEADER = 10_000


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive; nothing is unpickled.

    Raises: InputError, one line that begins with the path.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in members}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # numpy reads headers as Python literals, so damaged ones raise nearly anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: not a usable .npz archive, perhaps cut short: {reason}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, whose header must promise what the archive unfolds to, and no more than the limit."""
    name = info.filename.removesuffix(".npy")
    if info.file_size > _MAX_BYTES:
        raise InputError(f"array {name} unfolds to {info.file_size:,} bytes, at most {_MAX_BYTES:,} are read")
    with archive.open(info) as stream:
        shape, dtype = _header(stream, name)
        promised = dtype.itemsize
        for side in shape:
            promised *= side
        if promised != info.file_size - stream.tell():
            raise InputError(f"array {name} claims shape {shape} of {dtype}, but has {info.file_size:,} bytes")
    with archive.open(info) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False, max_header_size=_MAX_HEADER)
    return array


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream, max_header_size=_MAX_HEADER)
    if dtype.hasobject:
        raise InputError(f"array {name} holds pickled Python objects, which are not loaded; save plain arrays")
    return shape, dtype


def read_safetensors(path: Path) -> dict[str, Any]:
    """All tensors of a file, and from its metadata classes, soft_kind, recipe and whitening.

    Raises: InputError, one line that begins with the path.
    """
    from safetensors import SafetensorError, safe_open

    if path.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path}: has {path.stat().st_size:,} bytes, at most {_MAX_BYTES:,} are read")
    try:
        with safe_open(path, framework="numpy") as file:
            found: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
            notes = file.metadata() or {}
        if "classes" in notes:
            found["classes"] = json.loads(notes["classes"])
        found |= {name: notes[name] for name in ("soft_kind", "recipe", "whitening") if name in notes}
    except (SafetensorError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a usable safetensors file, perhaps cut short: {error}") from error
    return found

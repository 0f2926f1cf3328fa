"""Files of torch.save as plain Python values and numpy arrays; nothing in them is ever executed."""

import contextlib
import re
import warnings
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddcodec.errors import InputError
from ddcodec.limits import Limits
from ddcodec.sources.trees import Opaque

_MAX_ENTRIES = 200_000
_MAX_PICKLE_BYTES = 2**26
_MAX_DEPTH = 32
_GLOBAL = re.compile(r"GLOBAL ([\w.<>]+)|Unsupported (?:class|type) ([\w.<>]+)")


def load_torch(path: Path) -> Any:
    """Load a file with torch's restricted unpickler.

    Tensors become numpy arrays in their own shape and type (bfloat16 becomes float32), sparse and other special
    ones an `Opaque`. Beyond tensors, lists, tuples, dicts, numbers and texts only plain numpy numbers are let in:
    DC, DSA and DM store accuracies so. Storages are mapped, so that only what is used is read.

    Raises: InputError, one line that begins with the path.
    """
    try:
        mapped = _check_archive(path)
        with _numpy_numbers(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its own deprecated storages
            tree = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        return _plain(tree, 0)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror or error}") from error
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise InputError(f"{path}: {_reason(error)}") from error


def _check_archive(path: Path) -> bool:
    """Whether the file is a zip archive; one that would unfold to more than itself is refused."""
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):  # the format before torch 1.6, or a damaged archive
        if size > Limits().file_bytes:
            raise InputError(f"has {size:,} bytes in torch's old format, at most {Limits().file_bytes:,} are read")
        return False
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise InputError(f"has {len(entries):,} entries, at most {_MAX_ENTRIES:,} are read")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
            raise InputError(f"entry {entry.filename} is compressed, which torch.save never does")
        if entry.filename.endswith(".pkl") and entry.file_size > _MAX_PICKLE_BYTES:
            raise InputError(f"entry {entry.filename} has {entry.file_size:,} bytes, at most {_MAX_PICKLE_BYTES:,}")
    return True


def _numpy_numbers() -> AbstractContextManager[Any]:
    if not hasattr(torch.serialization, "safe_globals"):  # torch 2.4: files with numpy numbers are refused
        return contextlib.nullcontext()
    scalar = np.float64(0).__reduce__()[0]  # its home moved between versions of numpy
    kinds = [type(np.dtype(name)) for name in ("float64", "float32", "int64")]
    allowed = [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        (np.dtype, "numpy.dtype"),
        *kinds,
    ]
    return torch.serialization.safe_globals(allowed)  # type: ignore[arg-type]


def _plain(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise InputError(f"is nested more than {_MAX_DEPTH} deep")
    if isinstance(value, torch.Tensor):
        return _array(value)
    if isinstance(value, dict):
        return {str(key): _plain(child, depth + 1) for key, child in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(child, depth + 1) for child in value)
    if isinstance(value, list):
        return [_plain(child, depth + 1) for child in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return Opaque(type(value).__name__)


def _array(tensor: torch.Tensor) -> Any:
    shape = tuple(tensor.shape)
    if tensor.layout != torch.strided:
        return Opaque(f"sparse tensor {shape}")
    if tensor.is_quantized or tensor.is_complex() or tensor.device.type != "cpu":
        return Opaque(f"{str(tensor.dtype).removeprefix('torch.')} tensor {shape} on {tensor.device.type}")
    tensor = tensor.detach()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        Limits().check("pixels", tensor.numel())  # the conversion copies
        tensor = tensor.float()
    return tensor.resolve_neg().numpy()


def _reason(error: Exception) -> str:
    text = str(error)
    refused = _GLOBAL.search(text)
    if refused is not None:
        name = refused.group(1) or refused.group(2)
        return (
            f"it pickles an object of {name}, which is not loaded, since that could run any program; save its images "
            "and labels as plain tensors with the project that wrote it (as for DD-RUO's pool.pt)"
        )
    first = text.strip().partition("\n")[0][:160] or type(error).__name__
    return f"not a usable file of torch.save, perhaps damaged or cut short: {first}"

"""Parquet tables as the Hugging Face hub keeps them: a column of encoded pictures, one of class numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import DdzError, InputError
from ddcodec.limits import Limits
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.layouts.own_notes import parse_notes, parts_of
from ddcodec.sources.pictures import read_pictures

LAYOUTS = ("parquet",)
_BATCH = 256


def read(path: Path, options: Options) -> Parts:
    """The column of pictures ({bytes, path} or bytes) and the column of labels (integers); what our export adds.

    Raises: InputError when there is no such column, or more than one; DdzError without pyarrow; LimitError.
    """
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DdzError(f"{path}: pyarrow is not installed; install ddcodec[parquet]") from error
    try:
        with parquet.ParquetFile(path) as file:
            count, schema = file.metadata.num_rows, file.schema_arrow
            Limits().check("images", count)
            unfolded = sum(file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups))
            Limits().check("file_bytes", unfolded)
            types = pyarrow.types
            image = _one(schema, lambda kind: types.is_binary(kind) or _is_struct(types, kind), "image", "pictures")
            label = _one(schema, types.is_integer, "label", "class numbers")
            labels: list[int] = []
            found = read_pictures(_rows(file, image, label, labels), count)
            notes = parse_notes((schema.metadata or {}).get(b"ddcodec", b""))
            soft = _soft(file) if "soft_kind" in notes and "soft" in schema.names else None
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a usable parquet file: {str(error).partition(chr(10))[0]}") from error
    return Parts(
        "parquet",
        found.images,
        np.array(labels),
        pixels=True,
        soft=soft,
        soft_kind=None if soft is None else str(notes["soft_kind"]),
        classes=_names(schema.metadata or {}, label),
        notes=found.notes,
        **parts_of(notes),
    )


def _soft(file: Any) -> NDArray[np.float32]:
    try:
        return np.array(file.read(columns=["soft"]).column("soft").to_pylist(), dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"soft: expected as many numbers in each row: {error}") from error


def _is_struct(types: Any, kind: Any) -> bool:
    return bool(types.is_struct(kind)) and kind.get_field_index("bytes") >= 0


def _one(schema: Any, fits: Any, preferred: str, what: str) -> str:
    columns = [name for name, kind in zip(schema.names, schema.types, strict=True) if fits(kind)]
    if len(columns) > 1:
        columns = [name for name in columns if name == preferred] or columns
    if len(columns) != 1:
        found = ", ".join(columns) or "none"
        raise InputError(f"expected one column of {what}, or one called {preferred}; found {found}")
    return str(columns[0])


def _rows(file: Any, image: str, label: str, labels: list[int]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each picture; fills `labels` along the way."""
    row = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=[image, label]):
        for item, number in zip(batch.column(image).to_pylist(), batch.column(label).to_pylist(), strict=True):
            data = item.get("bytes") if isinstance(item, dict) else item
            if data is None or number is None:
                raise InputError(f"row {row}: has no {'label' if data is not None else 'bytes of a picture'}")
            labels.append(number)
            yield f"row {row}", data
            row += 1


def _names(notes: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """Class names where the table carries the hub's description of its columns."""
    try:
        names = json.loads(notes[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names)

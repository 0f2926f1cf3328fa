"""Images and labels through the `datasets` library: from the Hugging Face hub, or a folder or Parquet file here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import DdzError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.sources.pictures import read_pictures

_LABELS = ("label", "labels", "fine_label")
"""Columns that are taken where there is more than one to choose from, the first that there is."""
_IMAGES = ("image", "img")


def load_hub(path: str, split: str, name: str) -> LabelledImages:
    """Read one split of a data set with an image column and a label column.

    Args:
        path: a name on the hub, such as "owner/name", or a folder or Parquet file that `datasets` can read; no
            program that comes with a data set is ever run. split: one of the data set's own; a single file has none.
        name: what to call the source.
    Raises: DdzError without the library; InputError, one line that begins with the path; LimitError.
    """
    try:
        import datasets
    except ImportError as error:
        raise DdzError("datasets is not installed; install ddcodec[hf]") from error
    with _quiet(datasets):
        table = _open(datasets, path, split)
        image, label = _image_column(datasets, table, path), _label_column(datasets, table, path)
        table = table.select_columns([image, label]).cast_column(image, datasets.Image(decode=False))
        try:
            labels, classes = _numbers(table.features[label], list(table[label]), label)
            found = read_pictures(_files(table, image), len(table))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    images = np.ascontiguousarray(found.images, dtype=np.float32)
    images /= np.float32(255)
    return LabelledImages(images, labels, classes, name)


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """No progress bars of the library's own (ours is on the same line), and no code from the hub."""
    disabled = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    datasets.config.HF_DATASETS_TRUST_REMOTE_CODE = False
    try:
        yield
    finally:
        if not disabled:
            datasets.enable_progress_bars()


def _open(datasets: Any, path: str, split: str) -> Any:
    try:
        if os.path.isfile(path):
            return datasets.load_dataset("parquet", data_files=path, split="train")
        return datasets.load_dataset(path, split=split)
    except Exception as error:  # the library, and those it stands on, raise nearly anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: cannot load split {split} through datasets: {reason[:200]}") from error


def _choose(path: str, columns: list[str], preferred: tuple[str, ...], word: str, features: Any) -> str:
    """The only one of some columns, or the first preferred one."""
    if len(columns) == 1:
        return columns[0]
    wanted = [column for column in preferred if column in columns]
    if not wanted:
        kinds = ", ".join(f"{column} ({type(feature).__name__})" for column, feature in list(features.items())[:12])
        number = f"{len(columns)} {word} columns" if columns else f"no {word} column"
        raise InputError(f"{path}: {number}; expected one, or one called {' or '.join(preferred)}; columns: {kinds}")
    return wanted[0]


def _image_column(datasets: Any, table: Any, path: str) -> str:
    columns = [name for name, feature in table.features.items() if isinstance(feature, datasets.Image)]
    return _choose(path, columns, _IMAGES, "image", table.features)


def _label_column(datasets: Any, table: Any, path: str) -> str:
    columns = [name for name, feature in table.features.items() if isinstance(feature, datasets.ClassLabel)]
    if not columns:  # numbers or words that nobody declared to be classes
        columns = [name for name in _LABELS if isinstance(table.features.get(name), datasets.Value)][:1]
    return _choose(path, columns, _LABELS, "label", table.features)


def _numbers(feature: Any, values: list[Any], column: str) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Labels as (N,) int64 with the names of classes; words are numbered in alphabetical order."""
    names = tuple(getattr(feature, "names", None) or ()) or None
    if values and all(isinstance(value, str) for value in values):
        names = tuple(sorted(set(values)))
        values = [names.index(value) for value in values]
    for place, value in enumerate(values):
        if type(value) is not int or value < 0 or (names is not None and value >= len(names)):
            known = "from 0 on" if names is None else f"0..{len(names) - 1}"
            raise InputError(f"{column}: expected labels {known}, found {value!r} at image {place}")
    return np.array(values, dtype=np.int64), names


def _files(table: Any, column: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each picture, read one after the other."""
    for place, cell in enumerate(table[column]):
        if cell is None:
            raise InputError(f"{column}: no image in row {place}")
        if cell["bytes"] is not None:
            yield f"row {place}", cell["bytes"]
            continue
        try:
            with open(cell["path"], "rb") as stream:
                yield f"row {place}", stream.read()
        except OSError as error:
            raise InputError(f"row {place}: cannot read it: {error.strerror}") from error

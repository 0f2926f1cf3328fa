"""Which layout a file or folder has, by what is in it, and the way from there to a foreign set."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

from ddcodec.errors import InputError
from ddcodec.sources.assemble import assemble
from ddcodec.sources.foreign import ForeignSet, Options, Parts
from ddcodec.sources.layouts import (
    arrays,
    dd_ranking,
    fred,
    idc,
    image_folder,
    kip,
    mtt,
    parquet,
    vico,
    wang,
)
from ddcodec.sources.layouts.refused import refuse_folder, refuse_tree
from ddcodec.sources.layouts.siblings import find_images
from ddcodec.sources.named_arrays import read_npz, read_safetensors
from ddcodec.sources.trees import describe, kind_of, load_tree

# The first that fits is taken; DD-Ranking's is that of MTT, and only meant when asked for.
_READERS: tuple[ModuleType, ...] = (vico, fred, idc, wang, kip, arrays, mtt, dd_ranking)
_OTHERS: tuple[ModuleType, ...] = (image_folder, parquet)
LAYOUTS: tuple[str, ...] = tuple(name for reader in (*_READERS, *_OTHERS) for name in reader.LAYOUTS)
"""Ids of all layouts that can be read."""


def read_foreign(path: str | os.PathLike[str], options: Options | None = None) -> ForeignSet:
    """Read another project's set.

    Args: path: a file or a folder; options: what the user says about it.
    Raises: InputError, one line that begins with the path; LimitError; DdzError when a library is missing.
    """
    options = Options() if options is None else options
    place = Path(path)
    if options.layout is not None and options.layout not in LAYOUTS:
        raise InputError(f"unknown layout {options.layout!r}; expected one of {', '.join(LAYOUTS)}")
    if not place.exists():
        raise InputError(f"{place}: no such file or folder")
    try:
        return assemble(_read_folder(place, options) if place.is_dir() else _read_file(place, options), options)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(f"{place}") else f"{place}: {text}") from error
    except OSError as error:
        raise InputError(f"{error.filename or place}: cannot read it: {error.strerror}") from error


def _read_folder(folder: Path, options: Options) -> Parts:
    refuse_folder(folder)
    tensors = [] if options.layout == "image-folder" else find_images(folder)
    if len(tensors) == 1:
        return _read_file(tensors[0], options)
    if tensors:
        return mtt.read_parts(tensors, options)
    if options.layout not in (None, "image-folder"):
        raise InputError(f"is a folder without image tensors; --as {options.layout} needs a file")
    if not image_folder.matches(folder):
        raise InputError("expected a folder of class folders with images, or one with a tensor images*.pt")
    return image_folder.read(folder, options)


def _read_file(path: Path, options: Options) -> Parts:
    kind = kind_of(path)
    if kind == "ddz":
        raise InputError("is a .ddz file already")
    if kind == "parquet":
        return parquet.read(path, options)
    if kind == "npz":
        return _read_tree(read_npz(path), path, options)
    if kind == "safetensors":
        return _read_tree(read_safetensors(path), path, options)
    return _read_tree(load_tree(path), path, options)


def _read_tree(tree: Any, path: Path, options: Options) -> Parts:
    if options.layout is not None:
        fitting = [reader for reader in _READERS if options.layout in reader.LAYOUTS and reader.matches(tree)]
        if not fitting:
            raise InputError(f"is not built as layout {options.layout}; found {describe(tree)}")
        found: Parts = fitting[0].read(tree, path, options, options.layout)
        return found
    for reader in _READERS:
        if reader.matches(tree):
            found = reader.read(tree, path, options, reader.LAYOUTS[0])
            return found
    refuse_tree(tree)
    raise InputError(f"no known layout: found {describe(tree)}")

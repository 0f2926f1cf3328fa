"""Everything a decoded set can be written as, by the word of `ddcodec decode --to`."""

import os
from typing import TYPE_CHECKING

from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet

KINDS = ("png", "npz", "pt", "safetensors", "parquet", "imagefolder", "ddranking", "dc", "mtt")


def write(dataset: "DistilledSet", path: str | os.PathLike[str], kind: str) -> None:
    """Write a set as one of `KINDS`: one file, or for png, imagefolder, ddranking and mtt a folder.

    Args: path: an existing file is replaced; a folder must not exist or be empty.
    Raises: InputError for another kind, for what the kind cannot hold, or where nothing can be written;
        DdzError when a library is missing; EncodeError when the system fails while writing.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind {kind!r}; expected one of {', '.join(KINDS)}")
    # Imported here, since the command line needs the names alone, and at once.
    from ddcodec.export import imagefolder, parquet, png, tensors, torch_layouts

    writers = {
        "png": png.write_png_folder,
        "parquet": parquet.write_parquet,
        "imagefolder": imagefolder.write_image_folder,
        "ddranking": torch_layouts.write_ddranking,
        "dc": torch_layouts.write_dc,
        "mtt": torch_layouts.write_mtt,
    }
    if kind in writers:
        writers[kind](dataset, path)
    else:
        tensors.write_tensors(dataset, path, kind)

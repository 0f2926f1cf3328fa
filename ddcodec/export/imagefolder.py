"""A decoded set as a folder of class folders, for readers that number classes by the order of their folders."""

import os
import re
from typing import Any

import numpy as np

from ddcodec.dataset import DistilledSet
from ddcodec.export.folder import new_folder
from ddcodec.export.png import folder_names
from ddcodec.views.notes import as_json, notes_of
from ddcodec.views.pixels import png_files

_SAFE = re.compile(r"[^\W_][\w -]{0,39}")
_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)\d)", re.IGNORECASE)  # no file names on Windows


def class_folders(dataset: DistilledSet) -> list[str]:
    """One folder for each class, whose alphabetical order is the order of the classes.

    The names of the classes where they will do, all of them; else the number goes in front, as for PNG folders.
    """
    names = list(dataset.names)
    harmless = all(_SAFE.fullmatch(name) and name == name.strip() and not _DEVICES.fullmatch(name) for name in names)
    differ = len({name.casefold() for name in names}) == len(names)
    return names if harmless and differ and sorted(names) == names else folder_names(dataset)


def write_image_folder(dataset: DistilledSet, target: str | os.PathLike[str]) -> None:
    """Write `<class>/0000.png` for every image, and `classes.json`.

    Values are clamped to 0..1 and rounded to 8 bits. A class without images has an empty folder, as a missing
    one would shift the numbers of those behind it. `classes.json` holds classes (names in order), class_to_idx (number
    of each folder), recipe, mean, std, and with soft labels soft (a vector for each file).

    Args: target: the folder to make; it must not exist or be empty.
    Raises: InputError, EncodeError as `new_folder`; InputError for whitened images and for more than 4 channels.
    """
    folders, pictures = class_folders(dataset), png_files(dataset)
    digits = max(4, len(str(max(dataset.class_counts, default=0))))
    taken = [0] * dataset.class_count
    names = []
    for label in dataset.labels.tolist():
        names.append(f"{folders[label]}/{taken[label]:0{digits}d}.png")
        taken[label] += 1
    facts: dict[str, Any] = {
        "classes": dataset.names,
        "class_to_idx": {folder: number for number, folder in enumerate(folders)},
        **notes_of(dataset),
    }
    if dataset.soft is not None:
        facts["soft"] = dict(zip(names, np.asarray(dataset.soft.floats).tolist(), strict=True))
    with new_folder(target) as root:
        for folder in folders:
            (root / folder).mkdir()
        for name, picture in zip(names, pictures, strict=True):
            (root / name).write_bytes(picture)
        (root / "classes.json").write_text(f"{as_json(facts)}\n", encoding="utf-8")

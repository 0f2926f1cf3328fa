"""A decoded set as PNG files in class folders."""

import csv
import os
import re

import numpy as np

from ddcodec.dataset import DistilledSet
from ddcodec.export.folder import new_folder
from ddcodec.views.pixels import as_picture, to_bytes

_UNSAFE = re.compile(r"[^\w.-]+")
_NAME_LENGTH = 40


def folder_names(dataset: DistilledSet) -> list[str]:
    """One folder per class: its number, with zeros in front, and what is harmless of its name."""
    digits = max(2, len(str(dataset.class_count - 1)))
    names = dataset.classes or ("",) * dataset.class_count
    # The number alone makes them unique, so that cutting a name short does no harm.
    return [
        f"{number:0{digits}d}_{_UNSAFE.sub('_', name)[:_NAME_LENGTH]}".rstrip("_.") for number, name in enumerate(names)
    ]


def write_png_folder(dataset: DistilledSet, target: str | os.PathLike[str]) -> int:
    """Write `NN_name/000.png` for every image, and `labels.csv` in the original order of the samples.

    Values are clamped to 0..1 and rounded to 8 bits; 1, 2, 3, 4 channels become L, LA, RGB, RGBA.

    Args: target: the folder to make; it must not exist or be empty.
    Returns: how many images were written.
    Raises: InputError, EncodeError as `new_folder`.
    """
    folders = folder_names(dataset)
    pixels = to_bytes(dataset.pixels, dataset.peak)
    starts = np.cumsum([0, *dataset.class_counts])
    taken = [0] * dataset.class_count
    with new_folder(target) as root:
        rows = []
        for label in dataset.labels.tolist():
            place = taken[label]
            taken[label] += 1
            width = max(3, len(str(dataset.class_counts[label] - 1)))
            name = f"{folders[label]}/{place:0{width}d}.png"
            (root / folders[label]).mkdir(exist_ok=True)
            as_picture(pixels[starts[label] + place]).save(root / name, "PNG")
            rows.append([name, label, "" if dataset.classes is None else dataset.classes[label]])
        with open(root / "labels.csv", "w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(["file", "label", "class"])
            table.writerows(rows)
    return len(rows)

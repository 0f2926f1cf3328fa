"""Folders of pictures, one per class: SRe2L, CDA, RDED, D4M, torchvision's ImageFolder, `ddcodec decode`."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.limits import Limits
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.layouts.own_notes import parse_notes, parts_of
from ddcodec.sources.pictures import read_pictures

LAYOUTS = ("image-folder",)
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MAX_NOTES = 2**28
_NUMBERED = re.compile(r"^(?:new)?(\d+)$")
_EXPORTED = re.compile(r"^(\d+)_(.+)$")


def matches(folder: Path) -> bool:
    """Whether a subfolder holds a picture, or at least a file."""
    return any(any(entry.is_file() for entry in sub.iterdir()) for sub in _subfolders(folder))


def read(folder: Path, options: Options) -> Parts:
    """Decode all pictures, class after class, by name within a class.

    Folders whose names are all the numbers 0, 1, 2, ... (SRe2L writes new000) are classes by number. Otherwise
    the classes are the names in sorted order, as torchvision counts them; our own export's numbers come off, and
    its classes.json tells all that it knows.

    Raises: InputError naming the folder or file that is wrong.
    """
    folders = _subfolders(folder)
    stray = sorted(entry.name for entry in folder.iterdir() if _is_picture(entry))
    if stray:
        raise InputError(f"{stray[0]} lies outside the class folders")
    notes = _notes(folder, [sub.name for sub in folders])
    numbers, names = _told(notes) or _classes([sub.name for sub in folders])
    members, ignored = [], 0
    for number, sub in zip(numbers, folders, strict=True):
        files = sorted(entry for entry in sub.iterdir() if not entry.name.startswith("."))
        nested = [entry.name for entry in files if entry.is_dir()]
        if nested:
            raise InputError(f"{sub.name}/{nested[0]}: a folder inside a class folder")
        pictures = [entry for entry in files if _is_picture(entry)]
        ignored += len(files) - len(pictures)
        if not pictures and not notes:  # an empty class is only meant where classes.json lists it
            raise InputError(f"class folder {sub.name} has no image (png, jpg, webp)")
        members += [(number, entry) for entry in pictures]
    members.sort(key=lambda member: member[0])
    labels = np.array([number for number, _ in members])
    found = read_pictures(_contents(folder, [entry for _, entry in members]), len(members))
    soft, kind = _soft(notes, [f"{entry.parent.name}/{entry.name}" for _, entry in members])
    return Parts(
        "image-folder",
        found.images,
        labels,
        pixels=True,
        soft=soft,
        soft_kind=kind,
        classes=names,
        notes=found.notes + ((f"{ignored} files that are no images were ignored",) if ignored else ()),
        **parts_of(notes),
    )


def _notes(folder: Path, names: list[str]) -> dict[str, Any]:
    """classes.json, if it numbers just these folders."""
    file = folder / "classes.json"
    if not file.is_file() or file.stat().st_size > _MAX_NOTES:
        return {}
    notes = parse_notes(file.read_bytes())
    numbers, classes = notes.get("class_to_idx"), notes.get("classes")
    if not isinstance(numbers, dict) or not isinstance(classes, list) or sorted(numbers) != names:
        return {}
    return notes if sorted(map(str, numbers.values())) == sorted(map(str, range(len(classes)))) else {}


def _told(notes: dict[str, Any]) -> tuple[list[int], tuple[str, ...]] | None:
    if not notes:
        return None
    numbers = notes["class_to_idx"]
    return [int(numbers[name]) for name in sorted(numbers)], tuple(map(str, notes["classes"]))


def _soft(notes: dict[str, Any], names: list[str]) -> tuple[NDArray[np.float32] | None, str | None]:
    if "soft" not in notes:
        return None, None
    try:
        rows = np.array([notes["soft"][name] for name in names], dtype=np.float32)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"classes.json: soft has no row of numbers for each image: {error}") from error
    return rows, str(notes.get("soft_kind"))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _is_picture(entry: Path) -> bool:
    return entry.is_file() and entry.suffix.lower() in _SUFFIXES and not entry.name.startswith(".")


def _contents(folder: Path, files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for entry in files:
        name = os.fspath(entry.relative_to(folder))
        if entry.stat().st_size > Limits().file_bytes:
            raise InputError(f"{name}: has more than {Limits().file_bytes:,} bytes")
        yield name, entry.read_bytes()


def _classes(folders: list[str]) -> tuple[list[int], tuple[str, ...] | None]:
    """Class number of each folder, and the classes' names where the folders tell them."""
    every = list(range(len(folders)))
    numbered = [_NUMBERED.match(name) for name in folders]
    if all(numbered):
        numbers = [int(match[1]) for match in numbered if match]
        if sorted(numbers) == every:
            return numbers, None
    exported = [_EXPORTED.match(name) for name in folders]
    if all(exported):
        pairs = [(int(match[1]), match[2]) for match in exported if match]
        names = tuple(name for _, name in sorted(pairs))
        if sorted(number for number, _ in pairs) == every and len(set(names)) == len(names):
            return [number for number, _ in pairs], names
    return every, tuple(folders)

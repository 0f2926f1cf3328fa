"""FreD with DC or DM: as the layout of DC, but each entry is a list that holds a pair of decoded tensors."""

from pathlib import Path
from typing import Any

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.layouts.vico import entries_of, pick, which
from ddcodec.sources.trees import describe

LAYOUTS = ("fred",)
_MAX_NESTING = 4


def matches(tree: Any) -> bool:
    """Whether `data` of a dict is a list whose entries begin with a list or tuple."""
    entries = entries_of(tree)
    return bool(entries) and isinstance(entries[0][0], list | tuple)


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """Peel one entry down to its images and labels.

    Raises: InputError when there is no such entry, or no pair in it.
    """
    entries = entries_of(tree)
    entry = pick(entries, options.experiment)
    for _ in range(_MAX_NESTING):
        if isinstance(entry, list | tuple) and entry and isinstance(entry[0], list | tuple):
            entry = entry[0]
    if not isinstance(entry, list | tuple) or len(entry) < 2:
        raise InputError(f"entry {options.experiment} of data: expected [(images, labels)], found {describe(entry)}")
    note = "FreD stores decoded images here; its DCT coefficients are not in the file"
    return Parts(layout, entry[0], entry[1], notes=(note, *which(entries, options.experiment)))

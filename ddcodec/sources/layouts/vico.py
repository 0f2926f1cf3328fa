"""DC, DSA, DM, GLaD and continual-learning sets: a dict with a list of [images, labels] under `data`."""

from pathlib import Path
from typing import Any

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.trees import describe

LAYOUTS = ("dc",)


def matches(tree: Any) -> bool:
    """Whether `data` of a dict is a list whose entries begin with something else than a list."""
    entries = entries_of(tree)
    return bool(entries) and not isinstance(entries[0][0], list | tuple)


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """Take one entry of the list.

    Raises: InputError when there is no such entry, or when it is no pair.
    """
    entries = entries_of(tree)
    entry = pick(entries, options.experiment)
    if len(entry) < 2:
        raise InputError(f"entry {options.experiment} of data: expected [images, labels], found {describe(entry)}")
    return Parts(layout, entry[0], entry[1], notes=which(entries, options.experiment))


def entries_of(tree: Any) -> list[Any]:
    """Entries of `data`, each a list or tuple that is not empty; none when the tree is built in another way."""
    data = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(data, list | tuple):
        return []
    good = all(isinstance(entry, list | tuple) and entry for entry in data)
    return list(data) if good else []


def pick(entries: list[Any], number: int) -> Any:
    """One entry, counted as Python does.

    Raises: InputError when there are not so many.
    """
    if not -len(entries) <= number < len(entries):
        raise InputError(f"--exp {number}: the file has {len(entries)} entries, 0..{len(entries) - 1}")
    return entries[number]


def which(entries: list[Any], number: int) -> tuple[str, ...]:
    """A note where there was a choice."""
    if len(entries) == 1:
        return ()
    taken = number % len(entries)
    return (f"entry {taken} of {len(entries)} (experiments, or steps of continual learning) was taken (--exp)",)

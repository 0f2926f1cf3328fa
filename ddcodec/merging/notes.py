"""What provenance says about blocks: which classes of a whole set a file holds, what it was put together from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ddcodec.errors import InputError
from ddcodec.format import constants as c

BLOCK, BLOCKS = "block", "blocks"
"""Keys of provenance: what a file holds of a whole set, and what a merged file was put together from."""


@dataclass(frozen=True)
class Block:
    """Classes of a whole set: their numbers in it, ascending, and how many classes it has."""

    classes: tuple[int, ...]
    of: int

    def note(self) -> list[int]:
        """The value of provenance.block: number of classes of the whole set, then runs."""
        return [self.of, *runs_of(self.classes)]


def runs_of(numbers: Sequence[int]) -> list[int]:
    """First number and length of each run in ascending numbers, one after the other: 4 5 9 as 4 2 9 1."""
    found: list[int] = []
    for number in numbers:
        if found and number == found[-2] + found[-1]:
            found[-1] += 1
        else:
            found += [number, 1]
    return found


def numbers_of(runs: Sequence[object], below: int) -> tuple[int, ...]:
    """The reverse of `runs_of`.

    Raises: ValueError for what are no ascending runs of integers from 0 up to `below` (not included).
    """
    found: list[int] = []
    for first, count in zip(runs[::2], runs[1::2], strict=True):  # ValueError for an odd number of them
        if type(first) is not int or type(count) is not int or count < 1:
            raise ValueError("not runs of integers")
        if not (found[-1] if found else -1) < first <= below - count:
            raise ValueError(f"not ascending below {below}")
        found += range(first, first + count)
    return tuple(found)


def in_words(numbers: Sequence[int]) -> str:
    """Ascending numbers for a message: "4..5, 9"."""
    runs = runs_of(numbers)
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return ", ".join(f"{first}..{first + count - 1}" if count > 1 else str(first) for first, count in pairs)


def block_of(provenance: Mapping[str, Any], class_count: int, name: str) -> Block | None:
    """What a file says about the classes it holds of a whole set, None where it says nothing.

    Args: class_count: of the file; name: for messages.
    Raises: InputError for a note that does not fit the file.
    """
    note = provenance.get(BLOCK)
    if note is None:
        return None
    try:
        of, *runs = note
        if type(of) is not int or not 1 <= of <= c.MAX_CLASSES:
            raise ValueError("no number of classes")
        classes = numbers_of(runs, of)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: provenance.{BLOCK} is no note on a block of classes ({error})") from None
    if len(classes) != class_count:
        raise InputError(f"{name}: provenance.{BLOCK} names {len(classes)} classes, the file has {class_count}")
    return Block(classes, of)


@dataclass(frozen=True)
class Origin:
    """One block that a merged file was put together from.

    places: class numbers in the merged file, ascending; own: what the block said beside the merged file's words, as
    `merged_from` has it.
    """

    places: tuple[int, ...]
    own: Mapping[str, Any]

    def note(self, with_own: bool = True) -> list[Any]:
        """One entry of provenance.blocks: runs, and, if need be, a text of JSON."""
        tail = [json.dumps(self.own, sort_keys=True, separators=(",", ":"), ensure_ascii=False)] if self.own else []
        return [*runs_of(self.places), *(tail if with_own else [])]


def merged_from(provenance: Mapping[str, Any], class_count: int, name: str) -> list[Origin]:
    """The blocks that a merged file was put together from, none for any other file.

    Raises: InputError for notes that do not fit the file.
    """
    found: list[Origin] = []
    try:
        for entry in provenance.get(BLOCKS, []):
            has_own = bool(entry) and isinstance(entry[-1], str)
            own = json.loads(entry[-1]) if has_own else {}
            if not isinstance(own, dict) or not isinstance(own.get("meta", {}), dict):
                raise ValueError("no map")
            found.append(Origin(numbers_of(entry[:-1] if has_own else entry, class_count), own))
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise InputError(f"{name}: provenance.{BLOCKS} are no notes on blocks ({error})") from None
    places = sorted(place for origin in found for place in origin.places)
    if found and places != list(range(class_count)):
        raise InputError(f"{name}: provenance.{BLOCKS} do not name each class once")
    return found

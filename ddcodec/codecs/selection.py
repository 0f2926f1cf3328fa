"""Which classes, and how many images of each, a reader wants."""

import difflib
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError

ClassName = int | str
_SHOWN_NAMES = 3
_LONGEST_NUMBER = 9  # digits


def class_numbers(wanted: Sequence[ClassName], names: Sequence[str] | None, count: int) -> list[int]:
    """Numbers of the classes that a user asked for, ascending.

    Args:
        wanted: integers, names, or numbers as text; a name wins over a number.
        names: of all classes, if they have any.
        count: C.
    Raises: InputError for what is none of these, with the names that come nearest.
    """
    place_of_name = {name: place for place, name in reversed(list(enumerate(names or ())))}  # the first one counts
    found = set()
    for word in [wanted] if isinstance(wanted, str) else wanted:
        number = place_of_name[word] if isinstance(word, str) and word in place_of_name else _as_number(word)
        if not 0 <= number < count:
            near = _nearest(str(word), names or ())
            raise InputError(f"there is no class {word!r}; expected a name or 0..{count - 1}{near}")
        found.add(number)
    return sorted(found)


def _as_number(word: ClassName) -> int:
    if not isinstance(word, str):
        try:
            return operator.index(word)  # a numpy integer is welcome, 2.5 is not
        except TypeError:
            return -1
    return int(word) if word.isascii() and word.isdigit() and len(word) <= _LONGEST_NUMBER else -1


def _nearest(word: str, names: Sequence[str]) -> str:
    """The end of a complaint: names that look like the word, if there are any."""
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), folded, _SHOWN_NAMES)
    return f"; nearest: {', '.join(repr(folded[name]) for name in near)}" if near else ""


def kept_counts(counts: Sequence[int], classes: Sequence[int] | None, per_class: int | None) -> tuple[int, ...]:
    """Images that are left of each class, when only these classes and so many of each are wanted (None: all)."""
    wanted = set(range(len(counts)) if classes is None else classes)
    most = max(counts) if per_class is None else per_class
    return tuple(min(count, most) if number in wanted else 0 for number, count in enumerate(counts))


def kept_samples(counts: Sequence[int], kept: Sequence[int], order: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Which samples of the original order belong to the first kept[c] of the counts[c] images of class c.

    Args: order: class of each of the N samples, None where they are sorted.
    Returns: (N,) bool: what to take of everything that has a row per sample.
    """
    images = np.concatenate([np.arange(count) < few for count, few in zip(counts, kept, strict=True)])
    if order is None:
        return images
    samples = np.empty(len(order), np.bool_)
    samples[np.argsort(order, kind="stable")] = images  # image k of class c is its k-th sample
    return samples

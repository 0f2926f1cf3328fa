"""Which class of which block goes where in the whole set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ddcodec.errors import InputError
from ddcodec.merging.coded_file import CodedFile
from ddcodec.merging.notes import Block, block_of, in_words


@dataclass(frozen=True)
class Arrangement:
    """files: in the order of their classes; places: for each its classes in the merged set; blocks: their notes on the
    whole set, None where no file has one."""

    files: tuple[CodedFile, ...]
    places: tuple[tuple[int, ...], ...]
    blocks: tuple[Block, ...] | None

    @property
    def class_count(self) -> int:
        """Of the merged set."""
        return sum(len(part) for part in self.places)

    @property
    def members(self) -> list[tuple[int, int]]:
        """(file, class in it) of each class of the merged set."""
        found = [(place, f, k) for f, part in enumerate(self.places) for k, place in enumerate(part)]
        return [(f, k) for _, f, k in sorted(found)]

    @property
    def counts(self) -> list[int]:
        """Images of each class of the merged set."""
        return [self.files[f].header.counts[k] for f, k in self.members]


def arranged(parts: Sequence[CodedFile], partial: bool = False, in_order: bool = False) -> Arrangement:
    """By what the files say about the whole set, else in their order; arguments and errors as `merge`."""
    for part in parts[1:]:
        if part.header.shape != parts[0].header.shape:
            a, b = parts[0].header.shape, part.header.shape
            raise InputError(
                f"{part.name}: images of {_shape(b)}, those of {parts[0].name} are {_shape(a)};"
                " blocks of one set have one shape"
            )
    _refuse_same_names(parts)
    notes = [None if in_order else block_of(part.provenance, part.header.class_count, part.name) for part in parts]
    blocks = [block for block in notes if block is not None]
    if not blocks:
        edges = np.cumsum([0, *(part.header.class_count for part in parts)]).tolist()
        places = [tuple(range(a, b)) for a, b in zip(edges, edges[1:], strict=False)]
        return Arrangement(tuple(parts), tuple(places), None)
    if len(blocks) < len(parts):
        silent = next(part.name for part, note in zip(parts, notes, strict=True) if note is None)
        spoken = next(part.name for part, note in zip(parts, notes, strict=True) if note is not None)
        raise InputError(
            f"{silent}: does not say which classes of a whole set it holds, {spoken} does;"
            " --in-order takes the files in their order"
        )
    return _by_number(parts, blocks, partial)


def _by_number(parts: Sequence[CodedFile], blocks: Sequence[Block], partial: bool) -> Arrangement:
    holder: dict[int, CodedFile] = {}
    for part, block in zip(parts, blocks, strict=True):
        if block.of != blocks[0].of:
            raise InputError(
                f"{part.name}: is a block of {block.of} classes, {parts[0].name} one of {blocks[0].of};"
                " --in-order takes the files in their order"
            )
        for number in block.classes:
            if number in holder:
                raise InputError(f"{part.name}: holds class {number}, {holder[number].name} does, too")
            holder[number] = part
    missing = [number for number in range(blocks[0].of) if number not in holder]
    if missing and not partial:
        word = "class" if len(missing) == 1 else "classes"
        raise InputError(
            f"{word} {in_words(missing)} of {blocks[0].of} {'is' if len(missing) == 1 else 'are'} missing:"
            f" no block has {'it' if len(missing) == 1 else 'them'}; --partial merges what there is"
        )
    place_of = {number: place for place, number in enumerate(sorted(holder))}
    order = sorted(range(len(parts)), key=lambda i: blocks[i].classes)
    return Arrangement(
        tuple(parts[i] for i in order),
        tuple(tuple(place_of[number] for number in blocks[i].classes) for i in order),
        tuple(blocks[i] for i in order),
    )


def _shape(shape: tuple[int, int, int, int]) -> str:
    return f"{shape[0]} x {shape[1]} x {shape[2]}, peak {shape[3]}"


def _refuse_same_names(parts: Sequence[CodedFile]) -> None:
    holder: dict[str, str] = {}
    for part in parts:
        for name in part.metadata.get("classes", ()):
            if holder.setdefault(name, part.name) != part.name:
                raise InputError(f"{part.name}: has a class {name!r}, {holder[name]} has, too")

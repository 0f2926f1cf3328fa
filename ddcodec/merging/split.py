"""A merged file as the blocks it was put together from, or any file by its groups of networks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ddcodec.codecs.labels import encode_labels
from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.codecs.streams import pack_streams
from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError
from ddcodec.format import constants as c
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.format.metadata import pack_metadata
from ddcodec.format.wire import pack_varint
from ddcodec.limits import Limits
from ddcodec.merging.coded_file import CodedFile
from ddcodec.merging.notes import Block, Origin, block_of, merged_from
from ddcodec.merging.words import as_metadata, shared_words, with_difference
from ddcodec.verification import content_hash


def split(part: CodedFile, limits: Limits | None = None) -> tuple[list[bytes], list[str]]:
    """The files of the blocks, in order, and what gets lost, a line each.

    Of a merged file these are the very files that it was made of, byte for byte, but for what `merge` said it left out.

    Raises: InputError for a file of one block, or with notes that do not fit it; LimitError; EncodeError.
    """
    limits = Limits() if limits is None else limits
    origins = merged_from(part.provenance, part.header.class_count, part.name)
    whole = block_of(part.provenance, part.header.class_count, part.name)
    if not origins:
        groups = np.array(part.header.group_of_class)
        origins = [Origin(tuple(np.flatnonzero(groups == g).tolist()), {}) for g in range(part.header.group_count)]
        whole = whole or Block(tuple(range(part.header.class_count)), part.header.class_count)
    elif any(
        set(_groups_of(part, a.places)) & set(_groups_of(part, b.places))
        for number, a in enumerate(origins)
        for b in origins[:number]
    ):
        raise InputError(f"{part.name}: two of its blocks share networks")
    if len(origins) < 2:
        raise InputError(f"{part.name}: all classes share one group of networks: there is nothing to split")
    notes: list[str] = []
    if part.left_out:
        notes.append(f"sections {', '.join(part.left_out)} are left out: they are of the whole set")
    return [_block(part, origin, whole, limits, notes) for origin in origins], notes


def _groups_of(part: CodedFile, places: Sequence[int]) -> list[int]:
    """Groups of these classes, in order of first use."""
    return list(dict.fromkeys(part.header.group_of_class[place] for place in places))


def _block(part: CodedFile, origin: Origin, whole: Block | None, limits: Limits, notes: list[str]) -> bytes:
    header, places = part.header, origin.places
    groups = _groups_of(part, places)
    group_of_class = [groups.index(header.group_of_class[place]) for place in places]
    counts = [header.counts[place] for place in places]
    blobs = [part.blobs[group] for group in groups]
    payloads = [
        Payload("NETS", c.CODEC, b"".join(pack_varint(len(blob)) + blob for blob in blobs)),
        Payload("LATN", c.CODEC, pack_streams([part.streams[place] for place in places])),
        *_labels(part, places, counts, notes),
    ]
    packed = pack_metadata(as_metadata(_words(part, origin, whole)), len(places), header.shape.channels)
    meta = [Payload("meta", c.CODEC, packed)] if packed else []
    data = write_container(counts, header.shape, group_of_class, [*payloads, *meta], limits)
    if part.has_hash or origin.own.get("hash") is True:
        payloads.append(Payload("hash", c.CODEC, content_hash(read_container(data, limits), limits)))
        data = write_container(counts, header.shape, group_of_class, [*payloads, *meta], limits)
    return data


def _words(part: CodedFile, origin: Origin, whole: Block | None) -> dict[str, Any]:
    """Plain metadata of a block."""
    block = None if whole is None else Block(tuple(whole.classes[place] for place in origin.places), whole.of)
    return with_difference(shared_words(part.metadata, origin.places, block), origin.own.get("meta", {}))


def _labels(part: CodedFile, places: Sequence[int], counts: Sequence[int], notes: list[str]) -> list[Payload]:
    """LABL and SOFT of some of the classes."""
    chosen = np.isin(part.labels, places)
    labels = np.searchsorted(places, part.labels[chosen]).astype(np.int64)
    payloads = []
    if bool((np.diff(labels) < 0).any()):
        payloads.append(Payload("LABL", c.CODEC, encode_labels(labels, counts)))
    if part.soft is not None and part.soft.kind == "logits":
        _say(notes, "soft labels are left out: logits over all classes are none over a block's")
    elif part.soft is not None and len(labels):
        values, inside = part.soft.values[chosen], np.isin(np.arange(part.header.class_count), places)
        if values[:, ~inside].any():
            _say(notes, "soft labels are left out: they say something about classes of other blocks")
            return payloads
        soft = SoftLabels(np.ascontiguousarray(values[:, inside]), part.soft.unit, part.soft.kind)
        payloads.append(Payload("SOFT", c.CODEC, encode_soft_labels(soft, labels)))
    return payloads


def _say(notes: list[str], line: str) -> None:
    if line not in notes:
        notes.append(line)

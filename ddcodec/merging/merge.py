"""Files of blocks of classes as one file, without coding an image again (spec sections 5, 8 and 9)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ddcodec.codecs.streams import pack_streams
from ddcodec.errors import InputError
from ddcodec.format import constants as c
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.format.wire import pack_varint
from ddcodec.limits import Limits
from ddcodec.merging.arrangement import Arrangement, arranged
from ddcodec.merging.coded_file import CodedFile
from ddcodec.merging.merged_labels import merged_labels
from ddcodec.merging.merged_metadata import merged_metadata
from ddcodec.verification import content_hash


@dataclass(frozen=True)
class Merged:
    """A merged file, and what its user should know, a line each."""

    data: bytes
    notes: tuple[str, ...]


def merge(
    parts: Sequence[CodedFile],
    *,
    partial: bool = False,
    in_order: bool = False,
    metadata_of: str | None = None,
    limits: Limits | None = None,
) -> Merged:
    """Put blocks together; networks and the classes' streams are copied byte for byte.

    Args:
        parts: the blocks, in any order if they say which classes they hold, else in that of their classes.
        partial: do with the blocks that are there; in_order: take the files in their order, whatever they say.
        metadata_of: name of the file whose mean and std hold, where those of the blocks differ.
        limits: ceilings; None takes the defaults.
    Raises: InputError for blocks that do not go together, naming files; EncodeError for what the format cannot hold;
        FormatError and its subclasses where a block cannot be decoded; LimitError.
    """
    limits = Limits() if limits is None else limits
    if not parts:
        raise InputError("merge: no files")
    plan = arranged(parts, partial, in_order)
    notes: list[str] = []
    shape, (group_of_class, blobs) = plan.files[0].header.shape, _groups(plan)
    payloads = [
        Payload("NETS", c.CODEC, b"".join(pack_varint(len(blob)) + blob for blob in blobs)),
        Payload("LATN", c.CODEC, pack_streams([plan.files[f].streams[k] for f, k in plan.members])),
        *merged_labels(plan, limits, notes),
    ]
    meta = Payload("meta", c.CODEC, merged_metadata(plan, metadata_of, notes))
    data = write_container(plan.counts, shape, group_of_class, [*payloads, meta], limits)
    if all(part.has_hash for part in plan.files):
        digest = content_hash(read_container(data, limits), limits)
        payloads.append(Payload("hash", c.CODEC, digest))
        data = write_container(plan.counts, shape, group_of_class, [*payloads, meta], limits)
    return Merged(data, tuple(notes))


def _groups(plan: Arrangement) -> tuple[list[int], list[bytes]]:
    """Group of each class of the merged set, numbered in order of first use, and the groups' blobs."""
    numbers: dict[tuple[int, int], int] = {}
    found = [numbers.setdefault((f, plan.files[f].header.group_of_class[k]), len(numbers)) for f, k in plan.members]
    return found, [plan.files[f].blobs[group] for f, group in numbers]

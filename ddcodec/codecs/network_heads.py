"""What stands at the front of each group's networks, told without numpy (spec section 5)."""

from __future__ import annotations

from dataclasses import dataclass

from ddcodec.codecs.prior_fields import FIELDS_BYTES_MAX, PRIORS, ImageShape, PriorFields
from ddcodec.errors import FormatError, TruncatedError
from ddcodec.format.source import SectionReader
from ddcodec.format.wire import Cursor

NAMES = {1: "pyramid", 2: "transform", 4: "pixels", PRIORS: "priors"}
_VARINT_BYTES_MAX = 5
_FRONT_BYTES_MAX = 2 * _VARINT_BYTES_MAX
"""Of a size and a synthesis: all that is looked at of a group without priors."""
HEAD_BYTES_MAX = _VARINT_BYTES_MAX + FIELDS_BYTES_MAX


@dataclass(frozen=True)
class GroupHead:
    """How a group's images are coded.

    Fields: synthesis, its name, or its number where it is not known here; blob_bytes, of its networks; priors, their
    decoder, None for other syntheses.
    """

    synthesis: str
    blob_bytes: int
    priors: PriorFields | None = None


def read_heads(section: SectionReader, group_count: int, shape: ImageShape) -> tuple[GroupHead, ...]:
    """Heads of all groups of section NETS, of which little more is read.

    Raises: FormatError W1, W2, G1, R1..R6; what the section's source raises.
    """
    heads, start = [], 0
    for _ in range(group_count):
        front = section.read(start, min(start + _FRONT_BYTES_MAX, section.size))
        cursor = Cursor(front, section.offset + start)
        size = cursor.varint("size of a group blob")
        place = cursor.offset - section.offset
        if place + size > section.size:
            left = section.size - place
            raise TruncatedError("group blob", offset=cursor.offset, expected=f"{size} bytes", found=left, rule="G1")
        blob = Cursor(front[place - start : place - start + size], cursor.offset)
        synthesis = blob.varint("synthesis")
        priors = None
        if synthesis == PRIORS:
            fields = section.read(blob.offset - section.offset, min(start + HEAD_BYTES_MAX, place + size))
            priors = PriorFields.read(Cursor(fields, blob.offset), shape)
        heads.append(GroupHead(NAMES.get(synthesis, str(synthesis)), size, priors))
        start = place + size
    if start != section.size:
        found = section.size - start
        raise FormatError("NETS payload", offset=section.offset + start, expected="its end", found=found, rule="G1")
    return tuple(heads)

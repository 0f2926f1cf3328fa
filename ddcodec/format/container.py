"""The file as a whole: header and payloads (spec section 2)."""

import struct
import zlib
from collections.abc import Sequence
from mmap import mmap
from typing import NamedTuple

from ddcodec.errors import ChecksumError, EncodeError, FormatError
from ddcodec.format import constants as c
from ddcodec.format.header import header_end, pack_header, pack_prefix, parse_header
from ddcodec.format.records import Header, Section, Shape
from ddcodec.limits import Limits

Bytes = bytes | bytearray | memoryview | mmap


class Payload(NamedTuple):
    """One section to be written."""

    kind: str
    codec: int
    data: bytes


class Container:
    """A file whose header has been checked; payloads are checked when they are first used (rule H8)."""

    def __init__(self, header: Header, data: memoryview) -> None:
        self.header = header
        self._data = data
        self._verified: set[str] = set()

    def _read(self, section: Section) -> memoryview:
        payload = self._data[section.offset : section.offset + section.size]
        if section.kind not in self._verified:
            computed = zlib.crc32(payload)
            if computed != section.crc:
                raise ChecksumError(
                    f"section {section.kind}",
                    offset=section.offset,
                    expected=f"{section.crc:#010x}",
                    found=f"{computed:#010x}",
                    rule="H8",
                )
            self._verified.add(section.kind)
        return payload

    def verify(self) -> None:
        """Check every payload, unknown ones too.

        Raises: ChecksumError H8.
        """
        for section in self.header.sections:
            self._read(section)

    def section(self, kind: str) -> Section | None:
        """The section of this kind, if the file has it in a codec that this reader knows, else None."""
        return self.header.section(kind)

    def payload(self, kind: str) -> bytes | None:
        """Checked payload of the section of this kind, or None where `section` is None.

        Raises: ChecksumError H8.
        """
        section = self.section(kind)
        return None if section is None else bytes(self._read(section))


def read_container(data: Bytes, limits: Limits | None = None, *, verify: bool = True) -> Container:
    """Open a file that lies in memory.

    Args:
        data: the whole file; kept, not copied.
        limits: ceilings; None takes the defaults.
        verify: check all payloads now, else each on first use.
    Raises: FormatError and its subclasses with rules C1-C8, H1-H10; LimitError.
    """
    limits = Limits() if limits is None else limits
    view = memoryview(data).cast("B")
    limits.check("file_bytes", len(view))
    prefix = bytes(view[: c.PREFIX_BYTES])
    header = parse_header(bytes(view[: header_end(prefix)]), limits, file_size=len(view))
    container = Container(header, view)
    if verify:
        container.verify()
    return container


def write_container(
    counts: Sequence[int],
    shape: Shape,
    group_of_class: Sequence[int],
    payloads: Sequence[Payload],
    limits: Limits | None = None,
) -> bytes:
    """Lay out one file; the same arguments give the same bytes.

    Args:
        counts: images of each class (C integers).
        shape: shape and peak of every image.
        group_of_class: networks of each class (C integers, in order of first use).
        payloads: sections in file order.
        limits: ceilings that the file shall meet; None takes those that readers have by default.
    Raises: EncodeError for arguments that no valid file can hold; LimitError.
    """
    table = [(p.kind, p.codec, len(p.data), zlib.crc32(p.data)) for p in payloads]
    try:
        header = pack_header(counts, shape, group_of_class, table)
        prefix = pack_prefix(header, sum(len(p.data) for p in payloads))
        parsed = parse_header(prefix + header, limits)  # what no reader would accept is not written
    except FormatError as error:
        raise EncodeError(f"cannot be written: {error}") from error
    except (struct.error, TypeError, ValueError, OverflowError, IndexError) as error:
        raise EncodeError(f"header fields cannot be written: {error}") from error
    if parsed.counts != tuple(counts) or parsed.group_of_class != tuple(group_of_class):
        raise EncodeError("counts and groups must have one integer for each class")
    return b"".join([prefix, header, *(p.data for p in payloads)])

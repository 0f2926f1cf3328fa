"""Build and damage files: everything that is not damaged on purpose (sizes, checksums) is kept right."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgpack

NETS, LATN, HASH = b"networks", b"latents!!", bytes(range(32))
META = msgpack.packb({"classes": ["cat", "dog", "owl"], "mean": [0.5], "std": [0.25]})
LABL = b"labels"


@dataclass
class Draft:
    """One file, field by field; `build` fills in what is left at None.

    header: the value to pack, except that the section table is made from `payloads`; table, raw_header: used
    instead, if given. payloads: [kind, codec, bytes].
    """

    magic: bytes = b"\x89DDZ\r\n\x1a\n"
    major: int = 1
    minor: int = 0
    incompatible: int = 0
    compatible: int = 0
    header_size: int | None = None
    file_size: int | None = None
    header_crc: int | None = None
    header: list[Any] = field(default_factory=lambda: [3, 2, [1, 4, 4, 255], 0])
    more: list[Any] = field(default_factory=list)
    payloads: list[list[Any]] = field(default_factory=lambda: [["NETS", 1, NETS], ["LATN", 1, LATN]])
    table: Any = None
    raw_header: bytes | None = None
    tail: bytes = b""

    def sections(self) -> list[list[Any]]:
        """The table that fits the payloads."""
        return [[kind, codec, len(data), zlib.crc32(data)] for kind, codec, data in self.payloads]

    def packed_header(self) -> bytes:
        """The header as it will stand in the file."""
        if self.raw_header is not None:
            return self.raw_header
        table = self.sections() if self.table is None else self.table
        return msgpack.packb([*self.header, table, *self.more])

    def build(self) -> bytes:
        """The whole file."""
        header = self.packed_header()
        body = b"".join(data for _, _, data in self.payloads) + self.tail
        header_size = len(header) if self.header_size is None else self.header_size
        file_size = 24 + len(header) + len(body) if self.file_size is None else self.file_size
        fixed = bytes([self.major, self.minor, self.incompatible, self.compatible])
        fixed += struct.pack("<II", header_size, file_size)
        crc = zlib.crc32(fixed + header) if self.header_crc is None else self.header_crc
        return self.magic + fixed + struct.pack("<I", crc) + header + body

    def place(self, element: int, entry: int | None = None) -> int:
        """Byte of the file at which a header element, or an entry of the section table, begins."""
        before = 25 + sum(len(msgpack.packb(value)) for value in self.header[:element])
        if entry is None:
            return before
        table = self.sections() if self.table is None else self.table
        return before + 1 + sum(len(msgpack.packb(value)) for value in table[:entry])

    def payload_place(self, index: int) -> int:
        """Byte of the file at which a payload begins."""
        return 24 + len(self.packed_header()) + sum(len(data) for _, _, data in self.payloads[:index])


def parse(data: bytes) -> Draft:
    """Take a valid file (with a short section table) apart."""
    (header_size,) = struct.unpack_from("<I", data, 12)
    *header, table = (values := msgpack.unpackb(data[24 : 24 + header_size]))[:5]
    draft, place = Draft(header=header, payloads=[], more=values[5:]), 24 + header_size
    draft.minor, draft.compatible = data[9], data[11]
    for kind, codec, size, _ in table:
        draft.payloads.append([kind, codec, data[place : place + size]])
        place += size
    return draft


def full_draft() -> Draft:
    """A file with every kind of section; only the metadata and the header have a real content."""
    draft = Draft()
    draft.payloads += [["LABL", 1, LABL], ["hash", 1, HASH], ["meta", 1, META]]
    return draft


def single_bit_flips(data: bytes) -> Iterator[bytes]:
    """`data` with each of its bits turned, one at a time."""
    for place in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[place] ^= 1 << bit
            yield bytes(broken)

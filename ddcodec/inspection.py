"""What a file is made of, and whether it is intact."""

from dataclasses import dataclass

from ddcodec.codecs.latent import stream_table
from ddcodec.errors import ChecksumError
from ddcodec.format import constants as c
from ddcodec.format.container import Bytes, read_container
from ddcodec.format.metadata import Metadata
from ddcodec.format.records import Header
from ddcodec.limits import Limits
from ddcodec.reading import decode_container, read_metadata, required


@dataclass(frozen=True)
class Info:
    """What a file is made of, without decoding it.

    Fields: section_bytes, payload sizes by kind in file order, unknown kinds too; class_bytes, size of each
    class's stream; overhead_bytes, everything before the first payload.
    """

    header: Header
    metadata: Metadata
    section_bytes: dict[str, int]
    class_bytes: tuple[int, ...]
    overhead_bytes: int
    file_bytes: int

    @property
    def bits_per_image(self) -> float:
        """Bits of the whole file for each image; infinite for an empty set."""
        count = self.header.image_count
        return 8 * self.file_bytes / count if count else float("inf")

    @property
    def bits_per_pixel(self) -> float:
        """Bits of the whole file for each pixel (all channels together); infinite for an empty set."""
        return self.bits_per_image / (self.header.shape.height * self.header.shape.width)


@dataclass(frozen=True)
class VerifyReport:
    """Result of a full check that found no fault.

    Fields: images, how many were decoded; sections, kinds whose checksum was right; content_hash, SHA-256 of
    what was decoded; hash_stored, whether the file has a hash to compare it with.
    """

    images: int
    sections: tuple[str, ...]
    content_hash: bytes
    hash_stored: bool


def info(data: Bytes, limits: Limits | None = None) -> Info:
    """Say what a file is made of; checksums are checked, nothing is decoded.

    Raises: as `decode`.
    """
    container = read_container(data, limits)
    header = container.header
    latents, offset = required(container, "LATN")
    return Info(
        header=header,
        metadata=read_metadata(container),
        section_bytes={section.kind: section.size for section in header.sections},
        class_bytes=tuple(size for _, size in stream_table(latents, header.class_count, offset=offset)),
        overhead_bytes=c.PREFIX_BYTES + header.header_bytes,
        file_bytes=header.file_bytes,
    )


def verify(data: Bytes, limits: Limits | None = None) -> VerifyReport:
    """Decode everything and compare the content hash, if the file has one.

    Raises: as `decode`; ChecksumError M1 when the hash differs.
    """
    limits = Limits() if limits is None else limits
    container = read_container(data, limits)
    found = decode_container(container, limits, None)
    digest, stored = found.content_hash(), container.payload("hash")
    if stored is not None and stored != digest:
        section = container.section("hash")
        offset = None if section is None else section.offset
        raise ChecksumError("content hash", offset=offset, expected=stored.hex(), found=digest.hex(), rule="M4")
    kinds = tuple(section.kind for section in container.header.sections)
    return VerifyReport(len(found), kinds, digest, stored is not None)

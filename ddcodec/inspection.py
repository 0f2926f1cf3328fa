"""What a file is made of, told from its header and tables.

Nothing here needs numpy or the entropy coder, so that the answer comes at once.
"""

from dataclasses import dataclass

from ddcodec.codecs.streams import StreamTable
from ddcodec.format import constants as c
from ddcodec.format.container import open_container
from ddcodec.format.metadata import Metadata
from ddcodec.format.records import Header
from ddcodec.format.source import Bytes
from ddcodec.limits import Limits
from ddcodec.sections import StrPath, opened, prefetch, read_metadata, required_reader


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


def info(file: Bytes | StrPath, limits: Limits | None = None) -> Info:
    """Say what a file is made of, from its header, metadata and table of sizes; the rest is not even read.

    Args: file: a path or URL, or the bytes of a whole file.
    Raises: as `load`; damage outside the parts that are read goes unnoticed.
    """
    limits = Limits() if limits is None else limits
    with opened(file, limits) as source:
        container = open_container(source, limits)
        prefetch(container, "meta")
        header, metadata = container.header, read_metadata(container)
        sizes = StreamTable.read(required_reader(container, "LATN"), header.class_count).sizes
    return Info(
        header=header,
        metadata=metadata,
        section_bytes={section.kind: section.size for section in header.sections},
        class_bytes=sizes,
        overhead_bytes=c.PREFIX_BYTES + header.header_bytes,
        file_bytes=header.file_bytes,
    )

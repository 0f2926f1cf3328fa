"""What a file is made of, told from its header and tables.

Nothing here needs numpy or the entropy coder, so that the answer comes at once.
"""

from dataclasses import dataclass

from ddcodec.codecs.label_fields import HEAD_BYTES_MAX, MODES, read_head
from ddcodec.codecs.network_heads import HEAD_BYTES_MAX as NETS_BYTES_MAX
from ddcodec.codecs.network_heads import GroupHead, read_heads
from ddcodec.codecs.streams import StreamTable
from ddcodec.format import constants as c
from ddcodec.format.container import Container, open_container
from ddcodec.format.metadata import Metadata
from ddcodec.format.records import Header
from ddcodec.format.source import Bytes
from ddcodec.format.wire import Cursor
from ddcodec.label_head import LabelHead
from ddcodec.limits import Limits
from ddcodec.sections import StrPath, opened, prefetch, read_metadata, required_reader

_WHOLE_NETS_BYTES = 1 << 20
"""Networks of several groups, up to so many bytes, are fetched at once."""


@dataclass(frozen=True)
class Info:
    """What a file is made of, without decoding it.

    Fields: section_bytes, payload sizes by kind in file order, unknown kinds too; class_bytes, size of each
    class's stream, () in a file of labels alone; overhead_bytes, everything before the first payload; label_head,
    label_mode, what is said about rows of soft labels, None where there are none; groups, how each group of classes is
    coded, () in a file of labels alone.
    """

    header: Header
    metadata: Metadata
    section_bytes: dict[str, int]
    class_bytes: tuple[int, ...]
    overhead_bytes: int
    file_bytes: int
    label_head: LabelHead | None = None
    label_mode: str | None = None
    groups: tuple[GroupHead, ...] = ()

    @property
    def representation(self) -> str | None:
        """Names of the groups' syntheses, in order of first use; None in a file of labels alone."""
        return " and ".join(dict.fromkeys(group.synthesis for group in self.groups)) or None

    @property
    def bits_per_label(self) -> float | None:
        """Bits of section SOFT for each row of soft labels, its tables and networks included; None without rows."""
        return None if self.label_head is None else 8 * self.section_bytes["SOFT"] / self.label_head.rows

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
    """Say what a file is made of, from its header, metadata, table of sizes and the fronts of its networks; the rest
    is not even read, unless the networks of several groups are small enough to come at once.

    Args: file: a path or URL, or the bytes of a whole file.
    Raises: as `load`; damage outside the parts that are read goes unnoticed.
    """
    limits = Limits() if limits is None else limits
    with opened(file, limits) as source:
        container = open_container(source, limits)
        _prefetch(container)
        header, metadata = container.header, read_metadata(container)
        sizes: tuple[int, ...] = ()
        groups: tuple[GroupHead, ...] = ()
        if not header.labels_only:
            sizes = StreamTable.read(required_reader(container, "LATN"), header.class_count).sizes
            groups = read_heads(required_reader(container, "NETS"), header.group_count, header.shape)
        soft = container.section("SOFT")
        head = None
        if soft is not None and header.row_codec is not None:
            front = required_reader(container, "SOFT").read(0, min(HEAD_BYTES_MAX, soft.size))
            head = read_head(Cursor(front, soft.offset), header.image_count, limits)
    return Info(
        header=header,
        metadata=metadata,
        section_bytes={section.kind: section.size for section in header.sections},
        class_bytes=sizes,
        overhead_bytes=c.PREFIX_BYTES + header.header_bytes,
        file_bytes=header.file_bytes,
        label_head=head,
        label_mode=None if head is None or soft is None else MODES[soft.codec],
        groups=groups,
    )


def _prefetch(container: Container) -> None:
    """Bring all that `info` needs but labels to this place at once."""
    networks = container.reader("NETS")
    if networks is None or container.header.labels_only:
        prefetch(container, "meta")
    elif container.header.group_count > 1 and networks.size <= _WHOLE_NETS_BYTES:
        prefetch(container, "meta", "NETS")
    else:
        prefetch(container, "meta")
        networks.prefetch([(0, min(NETS_BYTES_MAX, networks.size))])

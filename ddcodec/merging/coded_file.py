"""A file taken apart without decoding its images: what `merge` puts together and `split` takes apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.soft_labels import decode_soft_labels
from ddcodec.codecs.streams import StreamTable
from ddcodec.dataset import SoftLabels, sample_labels
from ddcodec.errors import InputError
from ddcodec.format import constants as c
from ddcodec.format.container import Container, read_container
from ddcodec.format.records import Header
from ddcodec.format.wire import Cursor
from ddcodec.limits import Limits
from ddcodec.merging.words import as_map
from ddcodec.reading import read_order
from ddcodec.sections import read_metadata, required, required_reader

CARRIED = ("NETS", "LATN", "LABL", "SOFT", "hash", "meta")


@dataclass(frozen=True, eq=False)
class CodedFile:
    """Networks and streams as they lie in a file.

    name: for messages; blobs: of each group; streams: of each class; order: as in `EncodedModel`; soft: codec 1 only;
    metadata: plain map; left_out: kinds of sections that are not carried over, rows of soft labels among them.
    """

    name: str
    header: Header
    blobs: tuple[bytes, ...]
    streams: tuple[bytes, ...]
    order: NDArray[np.int64] | None
    soft: SoftLabels | None
    metadata: Mapping[str, Any]
    has_hash: bool
    left_out: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class of each sample in the original order."""
        return sample_labels(self.order, self.header.counts)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where the set comes from."""
        found: Mapping[str, Any] = self.metadata.get("provenance", {})
        return found


def take_apart(data: bytes, name: str, limits: Limits) -> CodedFile:
    """Parse a file; images are not decoded.

    Args: data: the whole file.
    Raises: FormatError and its subclasses, LimitError; InputError for a file of labels alone, or of a later version.
    """
    container = read_container(data, limits)
    header = container.header
    if header.minor > c.MINOR or header.compatible_flags:
        raise InputError(f"{name}: written by a later version; a copy would lose what this one does not know")
    if header.labels_only:
        raise InputError(f"{name}: holds labels without images")
    table = StreamTable.read(required_reader(container, "LATN"), header.class_count)
    soft = None
    if container.section("SOFT") is not None and header.row_codec is None:
        payload, offset = required(container, "SOFT")
        labels = sample_labels(read_order(container), header.counts)
        soft = decode_soft_labels(payload, labels, header.class_count, limits, offset)
    kept = [*CARRIED] if header.row_codec is None else [kind for kind in CARRIED if kind != "SOFT"]
    return CodedFile(
        name,
        header,
        _blobs(container),
        tuple(table.stream(number)[0] for number in range(header.class_count)),
        read_order(container),
        soft,
        as_map(read_metadata(container)),
        container.section("hash") is not None,
        tuple(s.kind for s in header.sections if s.kind not in kept or not s.known),
    )


def _blobs(container: Container) -> tuple[bytes, ...]:
    """Group blobs of NETS (spec section 5)."""
    cursor = Cursor(*required(container, "NETS"))
    sizes_and_blobs = (
        cursor.take(cursor.varint("size of a group blob"), "group blob", rule="G1")
        for _ in range(container.header.group_count)
    )
    blobs = tuple(sizes_and_blobs)
    cursor.close("NETS payload", rule="G1")
    return blobs

"""From the bytes of a file to a `DistilledSet`."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.labels import decode_labels
from ddcodec.codecs.latent import decode_latents
from ddcodec.codecs.networks import GroupNetworks, decode_groups
from ddcodec.dataset import DistilledSet, make_set
from ddcodec.errors import FormatError, InputError
from ddcodec.format import constants as c
from ddcodec.format.container import Bytes, Container, read_container
from ddcodec.format.metadata import Metadata, parse_metadata
from ddcodec.format.records import Shape
from ddcodec.limits import Limits

_PART_BYTES = 1 << 20


def decode(data: Bytes, limits: Limits | None = None, classes: Sequence[int] | None = None) -> DistilledSet:
    """Read a set from a file in memory.

    Args:
        data: the whole file.
        limits: ceilings; None takes the defaults.
        classes: numbers of the wanted classes, None for all; the others count 0 images and keep their names.
    Raises: FormatError and its subclasses, LimitError; InputError for a class the file does not have.
    """
    limits = Limits() if limits is None else limits
    return decode_container(read_container(data, limits), limits, classes)


def load(
    path: str | os.PathLike[str], limits: Limits | None = None, classes: Sequence[int] | None = None
) -> DistilledSet:
    """Read a set from a file on disk; arguments and errors as for `decode`, and InputError without a file."""
    return decode(read_file(path, limits), limits, classes)


def read_file(path: str | os.PathLike[str], limits: Limits | None = None) -> bytes:
    """Bytes of a file, whose size is held against the limit first.

    Raises: InputError when there is no readable file; LimitError.
    """
    limits = Limits() if limits is None else limits
    parts, size = [], 0
    try:
        with open(path, "rb") as stream:
            limits.check("file_bytes", os.fstat(stream.fileno()).st_size)
            while part := stream.read(_PART_BYTES):  # in parts, since a pipe does not tell its size
                parts.append(part)
                size += len(part)
                limits.check("file_bytes", size)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {os.fspath(path)}: {reason}") from error
    return b"".join(parts)


def required(container: Container, kind: str) -> tuple[bytes, int]:
    """Payload of a section that the header is known to have (rule H10), and its place in the file."""
    section, payload = container.section(kind), container.payload(kind)
    if section is None or payload is None:
        raise FormatError(f"section {kind} is missing", offset=c.PREFIX_BYTES, rule="H10")
    return payload, section.offset


def read_metadata(container: Container) -> Metadata:
    """Metadata, empty without a section; rule M1 is checked along the way."""
    header, section = container.header, container.section("hash")
    if section is not None and section.size != c.HASH_BYTES:
        expected = f"{c.HASH_BYTES} bytes"
        raise FormatError("hash", offset=section.offset, expected=expected, found=section.size, rule="M1")
    if container.section("meta") is None:
        return Metadata()
    payload, offset = required(container, "meta")
    return parse_metadata(payload, header.class_count, header.shape.channels, offset)


def decode_container(container: Container, limits: Limits, classes: Sequence[int] | None) -> DistilledSet:
    """Decode a file whose payloads have been checked; arguments and errors as for `decode`."""
    header, metadata = container.header, read_metadata(container)
    counts, order = header.counts, None
    if container.section("LABL") is not None:
        labels, offset = required(container, "LABL")
        order = decode_labels(labels, counts, offset)
    if classes is not None:
        unknown = [number for number in classes if not 0 <= number < header.class_count]
        if unknown:
            raise InputError(f"class {unknown[0]} is not in 0..{header.class_count - 1}")
        wanted = set(classes)
        counts = tuple(count if number in wanted else 0 for number, count in enumerate(counts))
        order = None if order is None else order[np.isin(order, list(classes))]
    payload, offset = required(container, "NETS")
    networks = decode_groups(payload, header.group_count, header.shape, limits, offset=offset)
    payload, offset = required(container, "LATN")
    latents = decode_latents(
        payload, networks, header.group_of_class, header.counts, limits, offset=offset, classes=classes
    )
    pixels = render(networks, header.group_of_class, latents, header.shape)
    return make_set(pixels, header.shape.peak, counts, order=order, **vars(metadata))


def render(
    networks: Sequence[GroupNetworks],
    group_of_class: Sequence[int],
    latents: Sequence[NDArray[np.int16]],
    shape: Shape,
) -> NDArray[np.int16]:
    """Pixels (N, channels, height, width) int16, sorted by class; latents are (n, per image) int16 each."""
    pixels = np.empty((sum(len(part) for part in latents), *shape[:3]), dtype=np.int16)
    start = 0
    for group, part in zip(group_of_class, latents, strict=True):
        if len(part):
            pixels[start : start + len(part)] = networks[group].render(part)
        start += len(part)
    return pixels

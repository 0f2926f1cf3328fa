"""A file with other metadata or other soft labels, and the same images."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError
from ddcodec.format import constants as c
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.format.metadata import Metadata, pack_metadata
from ddcodec.format.records import Header
from ddcodec.limits import Limits
from ddcodec.reading import decode
from ddcodec.sections import read_metadata

_LATER = "written by a later version; a copy would lose what this one does not know"
_OF_LABELS = ("SOFT", "VIEW", "orig")


def with_metadata(data: bytes, metadata: Metadata, limits: Limits | None = None) -> bytes:
    """A copy of a file that says something else about its set.

    Only the header and section `meta` change; all other sections are copied byte for byte, unknown ones, too.

    Args: data: the whole file; metadata: what the copy shall say; limits: ceilings, None takes the defaults.
    Raises: FormatError and its subclasses, LimitError for a file that cannot be read; InputError for one of a
        later version, whose header this one does not know in full; EncodeError for what the format cannot hold.
    """
    container = read_container(data, limits)
    header = container.header
    stored = [section for section in header.sections if section.kind == "meta"]
    if header.minor > c.MINOR or header.compatible_flags or not all(section.known for section in stored):
        raise InputError(_LATER)
    packed = pack_metadata(metadata, header.class_count, header.shape.channels)
    payloads = []
    for section in header.sections:
        kept = bytes(data[section.offset : section.offset + section.size])
        if section.kind != "meta" or packed:
            payloads.append(Payload(section.kind, section.codec, packed if section.kind == "meta" else kept))
    if packed and not stored:
        payloads.append(Payload("meta", c.CODEC, packed))
    return write_container(header.counts, header.shape, header.group_of_class, payloads, limits)


def with_recipe(data: bytes, fields: Mapping[str, Any], limits: Limits | None = None) -> bytes:
    """A copy of a file with some fields of its recipe added or replaced; arguments and errors as `with_metadata`."""
    metadata = read_metadata(read_container(data, limits))
    recipe = {**metadata.recipe, **fields}
    return with_metadata(data, dataclasses.replace(metadata, recipe=recipe), limits)


def with_soft_labels(data: bytes, soft: SoftLabels, limits: Limits | None = None) -> bytes:
    """A copy of a set with one soft label for each sample, in place of whatever soft labels it had.

    All other sections are copied byte for byte, but for the content hash, which covers the labels and is made anew, and
    the metadata, where the accuracy that the recipe states is left out: it was reached with other labels.

    Args: data: the whole file; soft: (N, classes), in the original order of the samples.
    Raises: as `with_metadata`; InputError, too, where a stored content hash is wrong, or the labels do not fit.
    """
    container = read_container(data, limits)
    header, dataset = container.header, decode(data, limits)
    known = all(section.known for section in header.sections if section.kind in ("meta", "hash"))
    if header.minor > c.MINOR or header.compatible_flags or not known:
        raise InputError(_LATER)
    expected = len(dataset), dataset.class_count
    if soft.values.shape != expected:
        raise InputError(f"soft labels: expected shape {expected}, found {soft.values.shape}")
    (Limits() if limits is None else limits).check("soft_labels", soft.values.size)
    stored = container.payload("hash")
    if stored is not None and stored != dataset.content_hash():
        raise InputError("the stored content hash is not that of the set; `ddcodec verify` tells more")
    labelled = Payload("SOFT", c.CODEC, encode_soft_labels(soft, dataset.labels))
    critical, beside = _others(data, header)
    copied = []
    for payload in beside:
        if payload.kind == "hash":
            copy = dataclasses.replace(dataset, soft=soft, label_views=None)
            payload = payload._replace(data=copy.content_hash())
        elif payload.kind == "meta":
            payload = payload._replace(data=_without_accuracy(read_metadata(container), payload.data, header))
        if payload.data:
            copied.append(payload)
    payloads = [*critical, labelled, *copied]
    return write_container(header.counts, header.shape, header.group_of_class, payloads, limits)


def _others(data: bytes, header: Header) -> tuple[list[Payload], list[Payload]]:
    """All sections but those of soft labels, byte for byte: critical ones, and those that a reader may leave out."""
    critical: list[Payload] = []
    beside: list[Payload] = []
    for section in header.sections:
        if section.kind not in _OF_LABELS:
            kept = bytes(data[section.offset : section.offset + section.size])
            (critical if section.critical else beside).append(Payload(section.kind, section.codec, kept))
    return critical, beside


def _without_accuracy(metadata: Metadata, packed: bytes, header: Header) -> bytes:
    """Metadata whose recipe states no accuracy, as they are (`packed`) where it states none."""
    recipe = {name: value for name, value in metadata.recipe.items() if not name.startswith("accuracy")}
    if recipe == dict(metadata.recipe):
        return packed
    return pack_metadata(dataclasses.replace(metadata, recipe=recipe), header.class_count, header.shape.channels)

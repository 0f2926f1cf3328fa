"""From the bytes of a file to a `DistilledSet`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.label_section import RowSection, open_rows
from ddcodec.codecs.labels import decode_labels
from ddcodec.codecs.latent import read_latents
from ddcodec.codecs.networks import decode_groups
from ddcodec.codecs.selection import ClassName, kept_counts, kept_samples
from ddcodec.codecs.selection import class_numbers as class_numbers
from ddcodec.codecs.soft_labels import decode_soft_labels
from ddcodec.codecs.view_section import GENERATOR, PackedViews, decode_generator
from ddcodec.dataset import DistilledSet, SoftLabels, make_set, sample_labels
from ddcodec.errors import FormatError, InputError
from ddcodec.format.container import Container, open_container, read_container
from ddcodec.format.source import Bytes
from ddcodec.label_head import LabelHead
from ddcodec.label_views import LabelViews
from ddcodec.limits import Limits
from ddcodec.rendering import priors_of, render
from ddcodec.sections import StrPath, prefetch, read_metadata, required, required_reader
from ddcodec.storage import open_source
from ddcodec.views.generator import ViewGenerator


def decode(
    data: Bytes,
    limits: Limits | None = None,
    classes: Sequence[ClassName] | None = None,
    per_class: int | None = None,
) -> DistilledSet:
    """Read a set from a file in memory, every byte of which is held against its checksum.

    Args:
        data: the whole file.
        limits: ceilings; None takes the defaults.
        classes: names or numbers of the wanted classes, None for all; the others count 0 images and keep their
            names and numbers.
        per_class: keep the first so many images of each class, None for all.
    Raises: FormatError and its subclasses, LimitError; InputError for a class the file does not have.
    """
    limits = Limits() if limits is None else limits
    return decode_container(read_container(data, limits), limits, classes, per_class)


def load(
    path: StrPath,
    limits: Limits | None = None,
    classes: Sequence[ClassName] | None = None,
    per_class: int | None = None,
) -> DistilledSet:
    """Read a set from a path or a URL (https://, s3://, hf:// ...); arguments and errors as for `decode`.

    With `classes` only the header, the networks, labels, metadata and the streams of these classes are read: damage
    elsewhere in the file goes unnoticed. Schemes other than file:// and http(s):// need ddcodec[remote].

    Raises: InputError, too, when there is no such file or it cannot be read.
    """
    limits = Limits() if limits is None else limits
    with open_source(path, limits) as source:
        container = open_container(source, limits)
        if classes is None:
            container = read_container(source.read(0, source.size), limits)
        return decode_container(container, limits, classes, per_class)


def read_file(path: StrPath, limits: Limits | None = None) -> bytes:
    """Bytes of a file at a path or URL, whose size is held against the limit first.

    Raises: InputError when there is no readable file; LimitError.
    """
    with open_source(path, limits) as source:
        return bytes(source.read(0, source.size))


def decode_container(
    container: Container,
    limits: Limits,
    classes: Sequence[ClassName] | None = None,
    per_class: int | None = None,
) -> DistilledSet:
    """Decode what is wanted of an open file; arguments and errors as for `decode`."""
    if per_class is not None and per_class < 1:
        raise InputError(f"per_class: {per_class} is not at least 1")
    header = container.header
    if header.labels_only:
        raise InputError(
            "the file holds labels without images: ddcodec.load_labels and `ddcodec labels unpack` read them"
        )
    prefetch(container, "NETS", "LABL", "SOFT", "VIEW", "meta")
    metadata = read_metadata(container)
    wanted = None if classes is None else class_numbers(classes, metadata.classes, header.class_count)
    kept = kept_counts(header.counts, wanted, per_class)
    order, soft, views = read_labels(container, kept, limits)
    payload, offset = required(container, "NETS")
    networks = decode_groups(payload, header.group_count, header.shape, limits, offset=offset)
    latents = read_latents(
        required_reader(container, "LATN"), networks, header.group_of_class, header.counts, limits, classes=wanted
    )
    latents = [part[:count] for part, count in zip(latents, kept, strict=True)]
    pixels = render(networks, header.group_of_class, latents, header.shape)
    priors = priors_of(networks, header.group_of_class, latents, pixels, header.counts)
    return make_set(
        *(pixels, header.shape.peak, kept), order=order, soft=soft, label_views=views, priors=priors, **vars(metadata)
    )


def read_labels(
    container: Container, kept: Sequence[int], limits: Limits
) -> tuple[NDArray[np.int64] | None, SoftLabels | None, LabelViews | None]:
    """Order, soft labels and views of the samples that are kept, each None where the file has none.

    Rows whose samples the file does not know are left out of a part of a set.
    """
    header, soft, views = container.header, None, None
    order = read_order(container)
    chosen = kept_samples(header.counts, kept, order)
    if header.row_codec is not None:
        views = read_views(container, order, limits)
        if not chosen.all():
            known = bool(views.head.views) or views.sample_of_row is not None
            views = views.select(chosen) if known and chosen.any() else None
    elif container.section("SOFT") is not None:
        payload, offset = required(container, "SOFT")
        labels = sample_labels(order, header.counts)
        soft = decode_soft_labels(payload, labels, header.class_count, limits, offset)
        soft = replace(soft, values=np.ascontiguousarray(soft.values[chosen]))
    return None if order is None else order[chosen], soft, views


def read_order(container: Container) -> NDArray[np.int64] | None:
    """Class of each sample in the original order, or None where the file is sorted by class."""
    if container.section("LABL") is None:
        return None
    payload, offset = required(container, "LABL")
    return decode_labels(payload, container.header.counts, offset)


def open_row_section(container: Container, limits: Limits) -> RowSection:
    """The front of a section of rows, which the header is known to have."""
    payload, offset = required(container, "SOFT")
    header = container.header
    codec = header.row_codec or 0  # the caller has looked
    return open_rows(payload, codec, header.image_count, header.class_count, limits, offset)


def read_row_samples(container: Container, head: LabelHead, limits: Limits) -> NDArray[np.int64] | None:
    """Sample of each listed row (R,), -1 where VIEW does not know it; None for a grid, and where VIEW knows none."""
    records = read_records(container, limits)
    if not isinstance(records, PackedViews):
        return None
    _, offset = required(container, "VIEW")
    if records.rows != head.rows:
        raise FormatError("records of views", offset=offset, expected=head.rows, found=records.rows, rule="V10")
    if records.sample_count > container.header.image_count:
        expected = f"at most {container.header.image_count}"
        found = records.sample_count
        raise FormatError("samples of views", offset=offset, expected=expected, found=found, rule="V10")
    if head.views or not records.sample_count:
        return None
    unknown = np.full(head.rows, -1, np.int64)
    samples = [unknown[: len(batch)] if batch.samples is None else batch.samples for batch in records]
    return np.concatenate(samples)


def read_records(container: Container, limits: Limits) -> ViewGenerator | PackedViews | None:
    """How the views were made, or None where the file does not say."""
    section = container.section("VIEW")
    if section is None:
        return None
    payload, offset = required(container, "VIEW")
    if section.codec == GENERATOR:
        return decode_generator(payload, offset)
    return PackedViews(payload, limits, offset)


def read_views(container: Container, order: NDArray[np.int64] | None, limits: Limits) -> LabelViews:
    """Soft labels of many views, to be decoded when they are asked for."""
    header = container.header
    rows = open_row_section(container, limits)
    samples = read_row_samples(container, rows.head, limits)
    views = rows.views(sample_labels(order, header.counts), header.class_count, samples)
    return replace(views, made=read_records(container, limits))


def load_labels(path: StrPath, limits: Limits | None = None) -> LabelViews:
    """Soft labels of many views from a path or URL, whether the file holds images or not.

    The whole file is read and held against its checksums; rows are decoded when they are asked for.

    Raises: InputError when there is no such file, or no such labels in it; FormatError and its subclasses; LimitError.
    """
    limits = Limits() if limits is None else limits
    return labels_of(read_file(path, limits), limits)


def labels_of(data: Bytes, limits: Limits | None = None) -> LabelViews:
    """As `load_labels`, from the bytes of a file."""
    limits = Limits() if limits is None else limits
    container = read_container(data, limits)
    if container.header.row_codec is None:
        raise InputError("the file has no soft labels of many views")
    return read_views(container, read_order(container), limits)

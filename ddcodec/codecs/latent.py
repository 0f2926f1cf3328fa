"""LATN section: one stream per class under its group's networks (spec section 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.lockstep import decode_streams, encode_streams
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.codecs.streams import StreamTable, pack_streams
from ddcodec.errors import EncodeError, FormatError
from ddcodec.format.source import BytesSource, SectionReader
from ddcodec.limits import Limits

Latents = NDArray[np.int16]


def _classes_by_group(group_of_class: Sequence[int]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for class_number, group in enumerate(group_of_class):
        members.setdefault(group, []).append(class_number)
    return members


def encode_class_streams(
    networks: Sequence[GroupNetworks], group_of_class: Sequence[int], latents: Sequence[Latents]
) -> tuple[list[bytes], list[float]]:
    """Stream and ideal code length in bits of every class.

    Args: latents: per class (images, latents_per_image) int16.
    Raises: EncodeError for latents of another shape.
    """
    streams, bits = [b""] * len(latents), [0.0] * len(latents)
    for group, members in _classes_by_group(group_of_class).items():
        net = networks[group]
        for c in members:
            if latents[c].ndim != 2 or latents[c].shape[1] != net.latents_per_image:
                raise EncodeError(
                    f"latents of class {c} have shape {latents[c].shape}, expected (n, {net.latents_per_image})"
                )
        for c in members:
            if net.unknown_level(latents[c]) is not None:
                raise EncodeError(f"rule X5: a latent of class {c} is the number of no level")
        part, part_bits = encode_streams(net.layout, net.context, [latents[c] for c in members])
        for c, stream, count in zip(members, part, part_bits, strict=True):
            streams[c], bits[c] = stream, count
    return streams, bits


def encode_latents(
    networks: Sequence[GroupNetworks], group_of_class: Sequence[int], latents: Sequence[Latents]
) -> bytes:
    """Payload of the LATN section; arguments as in `encode_class_streams`."""
    streams, _ = encode_class_streams(networks, group_of_class, latents)
    return pack_streams(streams)


def decode_latents(
    payload: bytes,
    networks: Sequence[GroupNetworks],
    group_of_class: Sequence[int],
    counts: Sequence[int],
    limits: Limits,
    *,
    offset: int,
    classes: Collection[int] | None = None,
) -> list[Latents]:
    """As `read_latents`, from a payload in memory whose place in the file is `offset`."""
    section = SectionReader(BytesSource(payload, offset), offset, len(payload))
    return read_latents(section, networks, group_of_class, counts, limits, classes=classes)


def read_latents(
    section: SectionReader,
    networks: Sequence[GroupNetworks],
    group_of_class: Sequence[int],
    counts: Sequence[int],
    limits: Limits,
    *,
    classes: Collection[int] | None = None,
) -> list[Latents]:
    """Latents (count, latents_per_image) int16 of every class; classes not asked for get 0 images.

    Of the section only the table of sizes and the streams of the wanted classes are read.

    Args: classes: numbers of the wanted ones (None: all).
    Raises: FormatError (L1, L2, E1..E5), ChecksumError, LimitError; what the section's source raises.
    """
    wanted = set(range(len(counts)) if classes is None else classes)
    limits.check(
        "latents",
        sum(counts[c] * networks[group_of_class[c]].latents_per_image for c in wanted),
    )
    table = StreamTable.read(section, len(counts))
    result: list[Latents] = []
    for c, group in enumerate(group_of_class):
        per_image = networks[group].latents_per_image
        if not counts[c] * per_image:
            table.require_empty(c)
        result.append(np.zeros((0, per_image), np.int16))
    table.prefetch(wanted)
    for group, members in _classes_by_group(group_of_class).items():
        chosen = [c for c in members if c in wanted]
        streams = [table.stream(c) for c in chosen]
        net = networks[group]
        decoded = decode_streams(net.layout, net.context, streams, [counts[c] for c in chosen])
        for c, latents in zip(chosen, decoded, strict=True):
            level = net.unknown_level(latents)
            if level is not None:
                raise FormatError("number of a level", offset=table.place(c), found=level, rule="X5")
            result[c] = latents
    return result

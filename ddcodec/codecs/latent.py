"""LATN section: one stream per class under its group's networks (spec section 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.lockstep import decode_streams, encode_streams
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.errors import EncodeError, FormatError
from ddcodec.format.wire import Cursor, pack_varint
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
        part, part_bits = encode_streams(net.layout, net.context, [latents[c] for c in members])
        for c, stream, count in zip(members, part, part_bits, strict=True):
            streams[c], bits[c] = stream, count
    return streams, bits


def encode_latents(
    networks: Sequence[GroupNetworks], group_of_class: Sequence[int], latents: Sequence[Latents]
) -> bytes:
    """Payload of the LATN section; arguments as in `encode_class_streams`."""
    streams, _ = encode_class_streams(networks, group_of_class, latents)
    return b"".join(pack_varint(len(stream)) for stream in streams) + b"".join(streams)


def stream_table(payload: bytes, class_count: int, *, offset: int) -> list[tuple[int, int]]:
    """(start in the payload, size) of every class's stream; checks rule L1."""
    cursor = Cursor(payload, offset)
    sizes = [cursor.varint("size of a class stream") for _ in range(class_count)]
    start = cursor.offset - offset
    if start + sum(sizes) != len(payload):
        raise FormatError(
            "sizes of the class streams",
            offset=offset,
            expected=f"{len(payload) - start} bytes in all",
            found=sum(sizes),
            rule="L1",
        )
    table = []
    for size in sizes:
        table.append((start, size))
        start += size
    return table


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
    """Latents (count, latents_per_image) int16 of every class; classes not asked for get 0 images.

    Args: offset: place of the payload in the file; classes: numbers of the wanted ones (None: all).
    Raises: FormatError (L1, L2, E1..E5), ChecksumError, LimitError.
    """
    wanted = set(range(len(counts)) if classes is None else classes)
    limits.check(
        "latents",
        sum(counts[c] * networks[group_of_class[c]].latents_per_image for c in wanted),
    )
    table = stream_table(payload, len(counts), offset=offset)
    result: list[Latents] = []
    for c, group in enumerate(group_of_class):
        per_image = networks[group].latents_per_image
        if not counts[c] * per_image and table[c][1]:
            raise FormatError(
                f"stream of class {c}, which has no latents",
                offset=offset + table[c][0],
                expected="0 bytes",
                found=table[c][1],
                rule="L2",
            )
        result.append(np.zeros((0, per_image), np.int16))
    for group, members in _classes_by_group(group_of_class).items():
        chosen = [c for c in members if c in wanted]
        streams = [(payload[table[c][0] : table[c][0] + table[c][1]], offset + table[c][0]) for c in chosen]
        net = networks[group]
        decoded = decode_streams(net.layout, net.context, streams, [counts[c] for c in chosen])
        for c, latents in zip(chosen, decoded, strict=True):
            result[c] = latents
    return result

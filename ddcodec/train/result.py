"""The last decisions that make a result: latents that fill a budget, bands that nothing uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.configs import TransformConfig
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.pipeline import EncodedModel, encode_set
from ddcodec.train.group import Group

STREAM_OVERHEAD_BITS = 28
"""What a class's stream costs beyond the ideal: checksum, start of the coder, whole bytes."""
_ROUNDS = 16
COARSEST = "even the coarsest images, container and networks"
DEAREST = 4096.0
"""Highest price at which a budget is tried, in multiples of the usual one."""


def overhead_bits(networks: Sequence[GroupNetworks], group_of_class: Sequence[int], classes: int) -> float:
    """Bits of a file that are not latents: container, networks and the streams' own overhead."""
    empty = [np.zeros((0, networks[g].latents_per_image), np.int16) for g in group_of_class]
    size = len(encode_set(EncodedModel(list(networks), list(group_of_class), empty)))
    # stream sizes take two or three bytes where an empty stream takes one
    return 8.0 * size + classes * (STREAM_OVERHEAD_BITS + 8)


def fit_budget(group: Group, weight: NDArray[np.float64], unit: float, budget_bits: float) -> None:
    """Choose latents at the lowest price, tried in multiples of `unit`, whose bits fit."""
    net = group.context_net()
    low, high = 0.001, 4.0
    best = None
    while group.choose(weight, high * unit, net).bits > budget_bits and high < DEAREST:
        low, high = high, 4 * high
    for _ in range(_ROUNDS):
        middle = math.sqrt(low * high)
        choice = group.choose(weight, middle * unit, net)
        if choice.bits > budget_bits:
            low = middle
        else:
            high, best = middle, choice
    group.take(best if best is not None else group.choose(weight, high * unit, net))


def trimmed(
    networks: GroupNetworks, latents: list[NDArray[np.int16]]
) -> tuple[GroupNetworks, list[NDArray[np.int16]], NDArray[np.bool_]]:
    """The same set without the transform's diagonals that no latent uses, and which latents (n,) are left."""
    config = networks.config
    layout = networks.layout
    if not isinstance(config, TransformConfig) or not latents:
        return networks, latents, np.ones(layout.latent_count, bool)
    blocks = layout.latent_count // max(1, len(layout.band_table))  # type: ignore[union-attr]
    used = np.zeros(layout.latent_count, bool)
    for part in latents:
        used |= (part != 0).any(axis=0)
    band_used = used.reshape(-1, blocks).any(axis=1)
    channel, u, v = layout.band_table.T  # type: ignore[union-attr]
    diagonals = tuple(
        int((u + v + 1)[band_used & (channel == c)].max(initial=0)) for c in range(networks.shape.channels)
    )
    keep = np.repeat(u + v < np.array(diagonals)[channel], blocks)
    smaller = replace(networks, config=replace(config, diagonals=diagonals))
    return smaller, [np.ascontiguousarray(part[:, keep]) for part in latents], keep

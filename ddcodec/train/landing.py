"""The last choice of latents: at the price that fills the budget with a whole file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ddcodec.pipeline import encode_set
from ddcodec.train.fit import error_weights
from ddcodec.train.group import ERROR_PER_BIT
from ddcodec.train.model import whole_latents
from ddcodec.train.pyramid_budget import nearest_bits, sensitivity, thin_out, widen
from ddcodec.train.quantise import search_shifts
from ddcodec.train.result import COARSEST, fit_budget, overhead_bits

if TYPE_CHECKING:
    from ddcodec.train.distiller import Distiller

_ROUNDS = 5
_CLOSE_ENOUGH = 0.004
_FULL = 0.99
"""Share of the bits left that a pyramid's latents may end at: a new scale costs the weights their good roundings."""
_TRIES, _DEARER = 8, 8.0


def left_bits(run: Distiller) -> float:
    """Bits of the budget that the networks, as they are, leave to the latents."""
    networks = [group.model.networks() for group in run.groups]
    spare = overhead_bits(networks, run.start.group_of_class, run.start.class_count)
    return 8.0 * int(run.start.budget.set_bytes) - spare


def meet_budget(run: Distiller, joint: bool) -> None:
    """Choose the latents of all groups, within the budget if there is one.

    Raises: EncodeError if nothing does.
    """
    wanted = int(run.start.budget.set_bytes)
    if run.is_pyramid:
        for group in run.groups:
            group.chosen = whole_latents(group.shadow)
        if wanted:
            _make_room(run)
            _land(run, wanted, [sensitivity(group) for group in run.groups], run.price)
        return
    unit = 1.0 if joint else run.price / ERROR_PER_BIT
    weights = [np.ones(g.model.layout.latent_count) if joint else error_weights(g.model) for g in run.groups]
    for group in run.groups:
        group.outlook = None if joint else group.outlook
    if wanted:
        _land(run, wanted, weights, unit)
        return
    for group, weight in zip(run.groups, weights, strict=True):
        group.take(group.choose(weight, ERROR_PER_BIT * unit))


def _land(run: Distiller, wanted: int, weights: list[NDArray[np.float64]], unit: float) -> None:
    """Latents whose file has at most `wanted` bytes, and nearly so many.

    Args: weights: per group (latents,) distortion of an error of one step; unit: of the prices that are tried.
    """
    bits = left_bits(run)
    kept: list[NDArray[np.int16]] = []
    most, sizes = 0, set[int]()
    for _ in range(_ROUNDS):
        for group, weight in zip(run.groups, weights, strict=True):
            fit_budget(group, weight, unit, bits * len(group.chosen) / len(run.labels))
        size = len(encode_set(run.assembled()[0]))
        if most < size <= wanted:
            most, kept = size, [group.chosen for group in run.groups]
        if size in sizes or 0 <= wanted - size <= _CLOSE_ENOUGH * wanted:
            break
        sizes.add(size)
        bits += 8 * (wanted - size) - 8
    if not kept:
        raise run.start.budget.refusal(size, COARSEST)
    for group, chosen in zip(run.groups, kept, strict=True):
        group.chosen = chosen


def _measured_left_bits(run: Distiller) -> float:
    """As `left_bits`, from the size of the file of the present choice: exact enough for small budgets."""
    spare = 8 * len(encode_set(run.assembled()[0])) - nearest_bits(run.groups, 1.0)
    return 8.0 * int(run.start.budget.set_bytes) - spare


def _make_room(run: Distiller) -> None:
    """Bring a pyramid's latents close to what the budget leaves to them; its networks give way where that is little."""
    price = run.price
    for number in range(_TRIES):
        left = _measured_left_bits(run)
        if left >= 8 * len(run.labels):
            widen(run.groups, _FULL * left)
            thin_out(run.groups, run.targets, price, left, run.generator)
            if nearest_bits(run.groups, 1.0) <= _measured_left_bits(run):
                return
            if number < _TRIES // 2:
                continue
        price *= _DEARER
        for group, images in zip(run.groups, run.targets, strict=True):
            search_shifts(group, images, price)

"""Grids for a file's own networks: coarser shifts as long as bits saved outweigh the harm."""

from __future__ import annotations

import torch
from torch import Tensor

from ddcodec.train.fit import squared_error
from ddcodec.train.group import Group

COARSEST_SHIFT = 2


def _cost(group: Group, images: Tensor, price: float) -> float:
    """Squared error against `images` in bits, plus latent and network bits, all on integer grids."""
    model, latents = group.model, group.chosen_tensor()
    error = squared_error(model.synthesis(latents, True), images, model.shape.peak)
    bits = torch.zeros(())
    if not model.context_base:
        bits = model.context.bits(latents, True).sum()
    return float(error / price + bits + model.network_bits())


@torch.no_grad()
def search_shifts(group: Group, images: Tensor, price: float) -> None:
    """Coordinate descent over the weight shifts of own tensors; biases keep a grid of one activation unit.

    Args:
        images: (n, C, H, W) what the latents rendered before rounding, in [0, 1] units.
        price: squared pixel-integer error that one bit is worth.
    """
    model = group.model
    store = model.synthesis.store
    best = _cost(group, images, price)
    for name in (own for own in model.own_tensors() if own.endswith(".weight")):
        bias = name.removesuffix("weight") + "bias"

        def place(shift: int, name: str = name, bias: str = bias) -> None:
            store.shifts[name] = store.shifts[bias] = shift

        kept = store.shifts[name]
        for shift in range(kept - 1, COARSEST_SHIFT - 1, -1):
            place(shift)
            cost = _cost(group, images, price)
            if cost >= best:
                break
            best, kept = cost, shift
        place(kept)
    if model.context_base:
        return
    context = model.context
    for number in range(len(context.weights)):
        kept = context.weight_shifts[number]
        for shift in range(kept - 1, COARSEST_SHIFT - 1, -1):
            context.weight_shifts[number], context.bias_shifts[number] = shift, 0
            cost = _cost(group, images, price)
            if cost >= best:
                break
            best, kept = cost, shift
        context.weight_shifts[number] = kept

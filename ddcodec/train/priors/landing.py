"""The last step to a byte budget: the smallest numbers of a decoder give way until the file fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ddcodec.errors import EncodeError
from ddcodec.train.priors.model import PriorModel

_ROUNDS = 24
Kept = tuple[torch.Tensor, torch.Tensor, float, torch.Tensor]
Refusal = Callable[[float, str], EncodeError]


@torch.no_grad()
def thin_out(models: Sequence[PriorModel], size_of: Callable[[], int], wanted_bytes: int, refusal: Refusal) -> None:
    """Move numbers towards zero, those nearest to it first, all by as little as the budget asks for.

    Every number, in steps of its grid, loses up to the same amount: what is smaller becomes zero.

    Args: size_of: bytes of the file as it is; refusal: makes the error of a budget that even zeros cannot meet.
    Raises: EncodeError.
    """
    if size_of() <= wanted_bytes:
        return
    kept = [_numbers(model) for model in models]
    low, high = 0.0, 1.0
    while True:
        _place(models, kept, high)
        size = size_of()
        if size <= wanted_bytes:
            break
        if high > 1e5:
            raise refusal(size, "even a decoder of zeros and container")
        low, high = high, 4 * high
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        _place(models, kept, middle)
        if size_of() <= wanted_bytes:
            high = middle
        else:
            low = middle
    _place(models, kept, high)


def _numbers(model: PriorModel) -> list[Kept]:
    """Parameters that give way, what is coded of them in steps of the grid, the size of a step, and their bases."""
    none = torch.zeros(())
    steps = [(layer.weight, 2.0**-layer.shift, layer.base) for _, layer in model.decoder_layers()]
    steps += [(model.means, 1.0, none), (model.log_scales, 1.0, none)]
    return [(value, (value / step - base).round().clone(), step, base) for value, step, base in steps]


def _place(models: Sequence[PriorModel], kept: Sequence[list[Kept]], amount: float) -> None:
    """Shrink by `amount` steps; what lies between whole steps decides by its place, so that a little takes a little."""
    for numbers in kept:
        for value, whole, step, base in numbers:
            place = torch.arange(whole.numel(), device=whole.device).reshape(whole.shape)
            share = (place * 0.618034) % 1.0  # evenly spread over 0..1, whatever the order
            lost = torch.floor(amount + share)
            value.copy_((base + whole.sign() * (whole.abs() - lost).clamp(min=0)) * step)

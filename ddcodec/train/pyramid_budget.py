"""A byte budget for the pyramid: the price of a bit follows the bytes, and a last search lands the file.

A pyramid's latents have no quantiser step that could be chosen beforehand. So the fit steers the price of a bit until
latents and networks, as they will be coded, take what was asked for; and since a scale can be moved between latents
and the first layer without changing an image, a set that came out too small is made finer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.codecs.networks import GroupNetworks
from ddcodec.entropy.fixed_point import SHIFT_MAX
from ddcodec.train.fit import squared_error
from ddcodec.train.group import Group
from ddcodec.train.joint import START_OVER
from ddcodec.train.model import GroupModel, whole_latents
from ddcodec.train.quantise import COARSEST_SHIFT, search_shifts
from ddcodec.train.result import overhead_bits
from ddcodec.train.rounding import noisy_soft_round

_FREE = 0.1
"""Share of the fit before feedback begins: latents start as zeros, which says nothing about the price."""
_CLOSING = 0.6
END_OVER = 1.0
"""Where a run ends, in multiples of its budget: not above, as a pyramid feels each bit that the last choice takes."""
_SETTLED = 0.7
"""Share of the fit after which the networks stay on their grids: latents can follow, and their bytes are known."""
_MEASURED = 5
"""How often during a fit the networks are put on their grids for a trial."""
_PACE, _DIRECT = 25.0, 4.0
_RANGE = 12.0  # of the logarithm of the price, both ways
_PROBES = 8
_THINNING_STEPS, _THINNING_RATE, _BIAS_RATE, _DEARER = 80, 0.01, 0.2, 1.05
_THIN = 0.996
"""Where thinning out stops: the last choice of latents shall have next to nothing to take away."""
_FIRST = "pixelwise.0.weight"


@dataclass
class PriceControl:
    """Proportional-integral feedback on the logarithm of the price.

    start: the first price, squared pixel-integer error per bit; spare_bits: container and networks as they were last
    measured.
    """

    start: float
    integral: float = 0.0
    spare_bits: float = 0.0

    def price(self, bits: float, goal: float, steps: int) -> float:
        """The next price: higher where the set is over its goal. steps: of the whole fit, which set the pace."""
        excess = max(-1.0, min(1.0, bits / goal - 1))
        self.integral = max(-_RANGE, min(_RANGE, self.integral + _PACE / steps * excess))
        return self.start * math.exp(max(-_RANGE, min(_RANGE, self.integral + _DIRECT * excess)))


def is_settled(number: int, steps: int) -> bool:
    """Whether at this step of so many the networks are on their grids for good."""
    return number >= settling_step(steps)


def settling_step(steps: int) -> int:
    """The step of the fit before which they are put there; never reached where there are no steps."""
    return math.ceil(_SETTLED * steps)


def first_price(variance: float, bits_per_value: float) -> float:
    """Where feedback may begin: below the slope of a Gaussian source's rate, as pyramids have more latents than pixels.

    Args: variance: of the images, in squared pixel integers; bits_per_value: of the whole set.
    """
    return float(0.35 * variance * 4.0 ** -min(4.0, bits_per_value))


def over(done: float, joint: bool) -> float:
    """Bytes aimed at when the share `done` of the fit is over, in multiples of the budget."""
    return START_OVER if joint else max(1 + (START_OVER - 1) * max(0.0, 1 - done / _CLOSING), END_OVER)


@contextmanager
def _own_shifts(model: GroupModel) -> Iterator[None]:
    """Put the grids back as they were."""
    kept = model.grids()
    try:
        yield
    finally:
        model.set_grids(kept)


def coarsest(model: GroupModel) -> GroupNetworks:
    """The networks on the coarsest grids that are ever tried; the model stays as it is."""
    store, context = model.synthesis.store, model.context
    with _own_shifts(model):
        for name in store.shifts:
            if name.endswith((".weight", ".bias")):
                store.shifts[name] = COARSEST_SHIFT
        if not model.context_base:
            context.weight_shifts = [COARSEST_SHIFT] * len(context.weights)
            context.bias_shifts = [0] * len(context.weights)
        return model.networks()


def trial_networks(group: Group, images: Tensor, price: float) -> GroupNetworks:
    """The networks as they would be coded now, at this price; the group stays as it is."""
    with _own_shifts(group.model):
        search_shifts(group, images, price)
        return group.model.networks()


@torch.no_grad()
def steer(
    control: PriceControl,
    groups: Sequence[Group],
    targets: Sequence[Tensor],
    price: float,
    number: int,
    steps: int,
    *,
    budget_bits: float,
    joint: bool,
    group_of_class: Sequence[int],
) -> float:
    """The price of the next step of the fit.

    Args:
        groups: with the choice of this step; targets: their images; number: of this step, of so many steps, or as
        many where networks and latents are tuned after the fit;
        budget_bits: of the whole set, networks and container; joint: whether a joint phase follows, which tightens.
    """
    done = number / max(1, steps)
    if is_settled(number, steps):
        networks = [group.model.networks() for group in groups]
        control.spare_bits = overhead_bits(networks, group_of_class, len(group_of_class))
    elif number % max(1, steps // _MEASURED) == 0:
        networks = [trial_networks(group, images, price) for group, images in zip(groups, targets, strict=True)]
        control.spare_bits = overhead_bits(networks, group_of_class, len(group_of_class))
    if done < _FREE:
        return price
    bits = sum(float(group.model.context.bits(group.chosen_tensor(), True).sum()) for group in groups)
    return control.price(bits + control.spare_bits, over(done, joint) * budget_bits, max(1, steps))


def sensitivity(group: Group) -> NDArray[np.float64]:
    """(latents,) squared error, in pixel integers, of an error of one step, on average over images.

    The diagonal of the rendered images' squared Jacobian, estimated with random signs.
    """
    model, total = group.model, torch.zeros(group.model.layout.latent_count, dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    latents = group.chosen_tensor().requires_grad_(True)
    for _ in range(_PROBES):
        images = model.synthesis(latents, True) * model.shape.peak
        signs = 2.0 * torch.randint(0, 2, images.shape, generator=draw) - 1
        (slope,) = torch.autograd.grad((images * signs).sum(), latents)
        total += slope.double().square().mean(0)
    weight: NDArray[np.float64] = (total / _PROBES).numpy()
    return np.maximum(weight, 1e-6 * max(1.0, float(weight.max())))


@torch.no_grad()
def nearest_bits(groups: Sequence[Group], scale: float) -> float:
    """Bits of all latents rounded to the nearest after they are made `scale` times as fine."""
    total = 0.0
    for group in groups:
        latents = whole_latents(group.shadow * scale)
        bits = group.model.context.bits(torch.from_numpy(latents).float(), True)
        total += float(bits.double().sum())
    return total


def thin_out(
    groups: Sequence[Group], targets: Sequence[Tensor], price: float, wanted_bits: float, generator: torch.Generator
) -> None:
    """Move latents, and the last biases of context networks, by a rising price until rounding takes few enough bits.

    Latents of a pyramid overlap: left to move together they lose far less than when some are just made smaller.
    Args: targets: per group (n, C, H, W) in [0, 1]; price: to begin with.
    """
    biases = [group.model.context.biases[-1] for group in groups]
    leaves = [group.shadow.detach().clone().requires_grad_(True) for group in groups]
    parts: list[dict[str, object]] = [{"params": leaves}, {"params": biases, "lr": _BIAS_RATE}]
    optimiser = torch.optim.Adam(parts, lr=_THINNING_RATE, betas=(0.9, 0.99))
    bits = nearest_bits(groups, 1.0)
    for _ in range(_THINNING_STEPS):
        if bits <= _THIN * wanted_bits:
            return
        optimiser.zero_grad(set_to_none=True)
        for group, images, leaf, bias in zip(groups, targets, leaves, biases, strict=True):
            model, latents = group.model, noisy_soft_round(leaf, 0.1, 0.1, generator)
            error = squared_error(model.synthesis(latents, True), images, model.shape.peak)
            slopes = torch.autograd.grad(model.context.bits(latents, True).sum(), [leaf, bias], retain_graph=True)
            (pull,) = torch.autograd.grad(error, leaf)
            price = max(price, float(pull.norm() / slopes[0].norm().clamp(min=1e-6)))  # else errors would rule alone
            leaf.grad, bias.grad = slopes[0] + pull / price, slopes[1]
        ends = [*leaves, *biases]
        starts = [part.detach().clone() for part in ends]
        optimiser.step()
        before, bits = bits, _go(groups, leaves)
        if bits < _THIN * wanted_bits:  # not all of the last step
            full, low, high = [part.detach().clone() for part in ends], 0.0, 1.0
            for _ in range(7):
                share = (low + high) / 2
                _mix(ends, starts, full, share)
                bits = _go(groups, leaves)
                low, high = (share, high) if bits > _THIN * wanted_bits else (low, share)
            _mix(ends, starts, full, high)
            bits = _go(groups, leaves)
        price *= _DEARER if bits < before else 2.0


@torch.no_grad()
def _mix(parts: Sequence[Tensor], starts: Sequence[Tensor], ends: Sequence[Tensor], share: float) -> None:
    """Set tensors between two states."""
    for part, start, end in zip(parts, starts, ends, strict=True):
        part.copy_(torch.lerp(start, end, share))


@torch.no_grad()
def _go(groups: Sequence[Group], leaves: Sequence[Tensor]) -> float:
    """Take over latents; bits of them when they are rounded."""
    for group, leaf in zip(groups, leaves, strict=True):
        group.shadow.copy_(leaf)
        group.chosen = whole_latents(leaf)
    return nearest_bits(groups, 1.0)


@torch.no_grad()
def widen(groups: Sequence[Group], wanted_bits: float) -> None:
    """Make latents finer, and the first layer's weights smaller by as much, until rounding them takes enough bits."""
    if nearest_bits(groups, 1.0) >= wanted_bits:
        return
    low, high = 1.0, 1.25
    while nearest_bits(groups, high) < wanted_bits and high < 1000:
        low, high = high, 1.5 * high
    for _ in range(6):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if nearest_bits(groups, middle) < wanted_bits else (low, middle)
    for group in groups:
        store = group.model.synthesis.store
        group.shadow.mul_(high)
        store.parameter(_FIRST).div_(high)
        bias = _FIRST.removesuffix("weight") + "bias"
        finer = min(SHIFT_MAX, store.shifts[_FIRST] + math.ceil(math.log2(high)))
        store.shifts[bias] += finer - store.shifts[_FIRST]
        store.shifts[_FIRST] = finer
        group.chosen = whole_latents(group.shadow)

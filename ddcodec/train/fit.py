"""Phase 1: latents and networks overfitted to chosen real images, squared error + price x bits."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.train.group import Group
from ddcodec.train.model import GroupModel
from ddcodec.train.rounding import noisy_soft_round
from ddcodec.train.synthesis_model import TransformModel

_MEMORY = 0.5  # of targets from step to step: 0 would let decisions flicker
_BIAS_RATE = 20.0  # biases live on the scale of activations, weights near one


def own_parameters(model: GroupModel) -> list[dict[str, object]]:
    """Parameter groups of the networks that the file itself will carry: not bases, steps or colours."""
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    if not model.context_base:
        weights += list(model.context.weights)
        biases += list(model.context.biases)
    for name in model.own_tensors():
        (biases if name.endswith("bias") else weights).append(model.synthesis.store.parameter(name))
    return [{"params": weights, "factor": 1.0}, {"params": biases, "factor": _BIAS_RATE}]


def make_optimiser(groups: list[dict[str, object]]) -> torch.optim.Adam | None:
    """Adam over non-empty parameter groups, each with its `factor`; None if there are none."""
    kept = [group for group in groups if group["params"]]
    return torch.optim.Adam(kept, lr=1e-3, betas=(0.9, 0.99)) if kept else None


def set_rate(optimiser: torch.optim.Adam, rate: float) -> None:
    """Learning rate of every group, times its factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


def cosine(done: float) -> float:
    """1 at done = 0, 0.05 at done = 1."""
    return 0.05 + 0.475 * (1 + math.cos(math.pi * min(1.0, done)))


def squared_error(rendered: Tensor, images: Tensor, peak: int) -> Tensor:
    """Sum of squared errors in pixel integers."""
    return ((rendered - images) * peak).square().sum()


def error_weights(model: GroupModel) -> NDArray[np.float64]:
    """(latents,) squared error, in pixel integers, of an error of one quantisation step."""
    assert isinstance(model.synthesis, TransformModel)
    steps = model.synthesis.band_steps(True).detach().double().numpy()
    return np.repeat(steps**2, model.layout.latent_count // len(steps))


def transform_step(
    group: Group, images: Tensor, price: float, optimiser: torch.optim.Adam | None, exact: bool
) -> dict[str, float]:
    """Choose latents near their targets, then move the targets by what the rendered images still miss.

    A proximal gradient step: the coder's own tables do the shrinking. Own networks take one step of Adam.
    """
    model = group.model
    weight = error_weights(model)
    group.take(group.choose(weight, price))
    latents = group.chosen_tensor().requires_grad_(True)
    error = squared_error(model.synthesis(latents, exact), images, model.shape.peak)
    loss = error
    if optimiser is not None:
        loss = error + price * (model.network_bits() + model.context.bits(latents.detach(), exact).sum())
        optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    assert latents.grad is not None
    target = latents.detach() - latents.grad / (2 * torch.from_numpy(weight).float())
    group.shadow = _MEMORY * group.shadow + (1 - _MEMORY) * target
    if optimiser is not None:
        optimiser.step()
    group.look_ahead(0.7)
    return {"rate_bits": group.bits, "squared_error": float(error.detach())}


def pyramid_step(
    group: Group,
    images: Tensor,
    price: float,
    optimiser: torch.optim.Adam,
    generator: torch.Generator,
    done: float,
    exact: bool,
) -> dict[str, float]:
    """One step of Adam on latents and networks; rounding is soft, and hardens towards done = 1."""
    model = group.model
    temperature, spread = 0.3 - 0.2 * min(1.0, 1.3 * done), 0.25 - 0.15 * done
    latents = noisy_soft_round(group.shadow, temperature, spread, generator)
    error = squared_error(model.synthesis(latents, exact), images, model.shape.peak)
    bits = model.context.bits(latents, exact).sum()
    networks = model.network_bits()
    optimiser.zero_grad(set_to_none=True)
    ((error / price + bits + networks) / group.shadow.numel()).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_([p for entry in optimiser.param_groups for p in entry["params"]], 0.1)
    optimiser.step()
    return {"rate_bits": float(bits.detach()), "squared_error": float(error.detach())}

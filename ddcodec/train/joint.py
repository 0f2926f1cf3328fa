"""Phase 2: the latents follow the matching loss while the price of a bit follows the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.codecs.lockstep import contexts
from ddcodec.entropy.context import ContextNet
from ddcodec.entropy.tables import CENTRE_FRACTION, FRACTIONS, REACH, SCALES, cost_bits
from ddcodec.entropy.values import bits_of_residuals
from ddcodec.train.group import Group
from ddcodec.train.model import whole_latents
from ddcodec.train.parts import by_parts

START_OVER = 1.4
"""The budget closes in from this factor over the first part of the run: generous, then tightening."""
_CLOSING = 0.6
END_OVER = 1.06
"""The run ends a little over its budget, because the last choice of latents only takes bits away."""


@dataclass
class Controller:
    """lambda by proportional-integral feedback on its logarithm.

    start: the rate's weight at which its gradient has 1/20 of the loss gradient's norm, set at the first step.
    """

    start: float = 0.0
    integral: float = 0.0

    def weight(self, bits: float, goal: float, loss_norm: float, rate_norm: float) -> float:
        """Weight of the rate gradient: more where the set is over its goal, less where it is under."""
        if not self.start:
            self.start = 0.05 * loss_norm / max(rate_norm, 1e-12)
        excess = max(-1.0, min(1.0, bits / goal - 1))
        self.integral = max(-40.0, min(40.0, self.integral + excess))
        return self.start * math.exp(max(-8.0, min(8.0, 0.3 * self.integral + 5 * excess)))


def goal_bits(budget_bits: float, done: float) -> float:
    """Bits allowed when the share `done` of the phase is over."""
    return budget_bits * max(1 + (START_OVER - 1) * max(0.0, 1 - done / _CLOSING), END_OVER)


@dataclass
class Adam:
    """Moments of one latent tensor (kept by hand: the tensor also moves by other means)."""

    first: Tensor
    second: Tensor
    count: int = 0

    def direction(self, gradient: Tensor) -> Tensor:
        """Normalised descent direction, same shape."""
        self.count += 1
        self.first.mul_(0.9).add_(gradient, alpha=0.1)
        self.second.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        mean = self.first / (1 - 0.9**self.count)
        return mean / ((self.second / (1 - 0.99**self.count)).sqrt() + 1e-12)


def rate_gradient(group: Group, net: ContextNet) -> Tensor:
    """Bits of the rounded shadow latents under the integer tables, and the slope of each latent's own bits.

    Sets the group's choice and bits. The slope is that of the expected distance from the mean under rounding
    noise, times the bits that one more step away from the mean costs: exact at no point, smooth everywhere.
    Returns: (n, latents) float32, bits per quantisation step.
    """
    layout = group.model.layout
    steps = list(layout.steps())
    group.chosen = whole_latents(group.shadow)
    shadow = np.ascontiguousarray(group.shadow.detach().numpy().T)
    slopes, costs = np.empty_like(shadow), np.empty(shadow.shape)

    def part_of(images: slice) -> list[int]:
        """Slopes and bits of some images, in place; raw bits of escapes for each step."""
        raw = []
        for step, (residual, rows) in zip(steps, contexts(layout, net, group.chosen[images]), strict=True):
            bits, escapes = bits_of_residuals(residual, rows)
            fraction = ((rows & 15) - CENTRE_FRACTION) / 16
            value = shadow[step.latents, images]
            distance = value - (np.rint(value) - residual + fraction)
            costs[step.latents, images] = bits
            slopes[step.latents, images] = _step_cost()[rows] * np.clip(2 * distance, -1, 1)
            raw.append(escapes)
        return raw

    escapes = [sum(parts) for parts in zip(*by_parts(len(group.chosen), part_of), strict=True)]
    group.bits = 0.0
    for step, raw in zip(steps, escapes, strict=True):
        group.bits += float(costs[step.latents].reshape(-1).sum() + raw)
    return torch.from_numpy(np.ascontiguousarray(slopes.T))


@cache
def _step_cost() -> NDArray[np.float32]:
    """(rows,) bits that one more step away from the mean costs, from the table's own scale."""
    scale = 2.0 ** ((np.arange(SCALES) - 34) / 8)
    theta = np.minimum(np.exp(-1 / scale), 0.999)
    # the cost of leaving the centre bin is bounded by the table's smallest probability
    away = cost_bits().reshape(SCALES, FRACTIONS, -1)[:, CENTRE_FRACTION, REACH + 1]
    stay = cost_bits().reshape(SCALES, FRACTIONS, -1)[:, CENTRE_FRACTION, REACH]
    slope = np.minimum(np.maximum(-np.log2(theta), away - stay), 16.0)
    return np.repeat(slope, FRACTIONS).astype(np.float32)

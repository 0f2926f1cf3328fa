"""The coder's probability model in differentiable form (spec section 3), and the rate of weights.

The same tables' closed form: training minimises what the file will cost, up to rounding of scale indices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ddcodec.entropy.tables import REACH, SCALES, TOTAL_BITS

_LN2 = math.log(2.0)


def laplace_bits(residual: Tensor, scale_index: Tensor, exact: bool = False) -> Tensor:
    """Bits of values at distance `residual` from their mean, in quantisation steps; same shape, float.

    The mass of the unit bin around `residual` under a Laplace density with b = 2^((scale_index - 34) / 8).
    `exact` adds what the tables do far from the mean: least probabilities and escapes. Without it, the slope
    towards the mean never ends, which is what an optimiser needs.
    """
    inverse = torch.exp2((34 - scale_index) / 8)
    distance = residual.abs()
    # outside the centre bin: exp(-d/b) sinh(1/2b); inside: 1 - exp(-1/2b) cosh(d/b)
    outer = (0.5 - distance) * inverse + torch.log1p(-torch.exp(-inverse)) - _LN2
    near = distance.clamp(max=0.5) * inverse
    half = 0.5 * inverse
    inner = 1 - 0.5 * (torch.exp(near - half) + torch.exp(-near - half))
    mass = torch.where(distance < 0.5, torch.log(inner.clamp(min=1e-9)), outer)
    if not exact:
        return -mass / _LN2
    least = torch.full_like(mass, -TOTAL_BITS * _LN2)
    bits = -torch.logaddexp(mass, least) / _LN2
    # an escape: all mass beyond the symbols, then sign, exponent and mantissa of the excess
    escape = -torch.logaddexp(-(REACH + 0.5) * inverse, least) / _LN2
    excess = (distance.round() - REACH).clamp(min=1)
    return torch.where(distance > REACH + 0.5, escape + 5 + torch.floor(torch.log2(excess)), bits)


def weight_bits(values: Tensor) -> Tensor:
    """Smooth estimate of the bits of integer weights (any shape) under one Laplace scale; scalar.

    n log2(2 e b) for a mean magnitude b well above a step; the added 1 makes it zero where all are zero.
    """
    magnitude = values.abs().mean()
    return values.numel() * torch.log2(1 + 2 * math.e * magnitude)


def coded_weight_bits(values: Tensor) -> float:
    """Bits of whole-numbered weights (any shape) under the best of the tables' scales, in closed form."""
    scales = torch.arange(SCALES, dtype=torch.float64)[:, None]
    bits = laplace_bits(values.detach().double().reshape(1, -1), scales, exact=True)
    return float(bits.sum(1).min())

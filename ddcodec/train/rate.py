"""The coder's probability model in differentiable form (spec section 3), and the rate of weights.

The same tables' closed form: training minimises what the file will cost, up to rounding of scale indices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LN2 = math.log(2.0)


def laplace_bits(residual: Tensor, scale_index: Tensor) -> Tensor:
    """Bits of values at distance `residual` from their mean, in quantisation steps; same shape, float.

    The mass of the unit bin around `residual` under a Laplace density with b = 2^((scale_index - 34) / 8).
    """
    inverse = torch.exp2((34 - scale_index) / 8)
    distance = residual.abs()
    # outside the centre bin: exp(-d/b) sinh(1/2b); inside: 1 - exp(-1/2b) cosh(d/b)
    outer = (0.5 - distance) * inverse + torch.log1p(-torch.exp(-inverse)) - _LN2
    near = distance.clamp(max=0.5) * inverse
    half = 0.5 * inverse
    inner = 1 - 0.5 * (torch.exp(near - half) + torch.exp(-near - half))
    return -torch.where(distance < 0.5, torch.log(inner.clamp(min=1e-9)), outer) / _LN2


def weight_bits(values: Tensor) -> Tensor:
    """Smooth estimate of the bits of integer weights (any shape) under one Laplace scale; scalar.

    n log2(2 e b) for b well above a step, with b the mean magnitude; the added 1/4 keeps it finite and
    close to the cost of a table row near zero.
    """
    magnitude = values.abs().mean()
    return values.numel() * torch.log2(1 + 2 * math.e * magnitude)

"""Stand-ins for rounding that have a gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def straight_through(values: Tensor) -> Tensor:
    """round(values) forward, identity backward."""
    return values + (torch.round(values) - values).detach()


def floor_through(values: Tensor) -> Tensor:
    """floor(values) forward, identity backward."""
    return values + (torch.floor(values) - values).detach()


def soft_round(values: Tensor, temperature: float) -> Tensor:
    """Smooth rounding: the identity for a large temperature, round() for a small one (Agustsson & Theis, 2020)."""
    centre = torch.floor(values) + 0.5
    sharp = torch.tanh((values - centre) / temperature)
    edge = torch.tanh(torch.tensor(0.5 / temperature, dtype=values.dtype, device=values.device))
    return centre + 0.5 * sharp / edge


def noisy_soft_round(values: Tensor, temperature: float, spread: float, generator: torch.Generator) -> Tensor:
    """Soft rounding, Gaussian noise of standard deviation `spread`, soft rounding again (C3, arXiv 2312.02753)."""
    noise = torch.randn(values.shape, generator=generator, dtype=values.dtype, device=values.device)
    return soft_round(soft_round(values, temperature) + spread * noise, temperature)

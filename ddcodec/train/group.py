"""The latents of a group while they are being optimised, beside the group's networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.entropy.context import ContextNet
from ddcodec.train.choose import Choice, choose_latents
from ddcodec.train.model import GroupModel
from ddcodec.train.rate import laplace_bits

ERROR_PER_BIT = 0.12
"""Squared quantisation steps that one bit is worth: what balances step size against zeroed coefficients."""


@dataclass
class Group:
    """classes: class numbers of the group, ascending, in whose order its n images stand.

    shadow: (n, latents) float32, what the optimiser moves; chosen: (n, latents) int16, what would be coded.
    stand_in: a base's network that decides latents until the group's own has learned enough to do so.
    """

    model: GroupModel
    classes: list[int]
    shadow: Tensor
    chosen: NDArray[np.int16]
    outlook: NDArray[np.float64] | None = None
    bits: float = 0.0
    stand_in: ContextNet | None = None

    def context_net(self) -> ContextNet:
        """The integer context network: the stand-in while there is one, else of the present weights."""
        if self.stand_in is not None:
            return self.stand_in
        return ContextNet(tuple(self.model.context.layers()), self.model.layout.static_count)

    def choose(self, error_weight: NDArray[np.float64], price: float, net: ContextNet | None = None) -> Choice:
        """Decide the latents near `shadow`; does not change the group."""
        return choose_latents(
            self.model.layout,
            self.context_net() if net is None else net,
            self.shadow.detach().double().numpy(),
            error_weight,
            price,
            self.outlook,
        )

    def take(self, choice: Choice) -> None:
        """Make a choice the present one."""
        self.chosen, self.bits = choice.latents, choice.bits

    def look_ahead(self, memory: float) -> None:
        """Estimate what each latent costs those that see it: the slope of their bits, averaged over calls."""
        latents = torch.from_numpy(self.chosen).float().requires_grad_(True)
        mean, scale = self.model.context(latents)
        bits = laplace_bits(latents.detach().t() - mean, scale).sum()
        (slope,) = torch.autograd.grad(bits, latents)
        fresh = slope.double().numpy()
        self.outlook = 0.5 * fresh if self.outlook is None else memory * self.outlook + (1 - memory) * fresh

    def chosen_tensor(self) -> Tensor:
        """(n, latents) float32 of the present choice."""
        return torch.from_numpy(self.chosen).float()

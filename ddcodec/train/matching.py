"""Distribution matching against a pool: class means of features, and of last-layer gradients.

The means are distribution matching (Zhao and Bilen, 2023) in trained feature spaces; the second term
matches, class by class, the gradient that images exert on a network's last layer, which has a closed form,
so that no second derivative of the network is needed.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ddcodec.train.pool import Reference, class_moments


class Loss(Protocol):
    """Terms to minimise, for a network drawn by the caller. Other losses are drop-in replacements."""

    def __call__(self, images: Tensor, labels: Tensor, reference: Reference) -> dict[str, Tensor]:
        """Scalar terms for normalised, augmented images (N, C, H, W) with labels (N,)."""
        ...


def distribution_matching(images: Tensor, labels: Tensor, reference: Reference) -> dict[str, Tensor]:
    """Terms `mean` and `head`; see the module's text."""
    features = reference.network.features(images)
    logits = reference.network.head(features)
    found = class_moments((features - reference.centre) / reference.spread, logits, labels)
    real = reference.real
    mean = (found.mean - real.mean).square().mean(1).sum()
    head = (found.head - real.head).square().sum((1, 2)) / real.head.square().sum((1, 2)).clamp(min=1e-12)
    return {"mean": mean, "head": head.sum()}


LOSSES: dict[str, Loss] = {"dm": distribution_matching}


class Balance:
    """Weights that give the terms set shares of the pixel gradient, fixed by their first few norms."""

    def __init__(self, shares: dict[str, float], rounds: int = 5) -> None:
        self._shares, self._rounds = shares, rounds
        self.norms: dict[str, list[float]] = {name: [] for name in shares}

    def gradient(self, terms: dict[str, Tensor], images: Tensor) -> Tensor:
        """Gradient of the balanced sum with respect to images."""
        if len(next(iter(self.norms.values()))) < self._rounds:
            for name in self._shares:
                (part,) = torch.autograd.grad(terms[name], images, retain_graph=True)
                self.norms[name].append(float(part.norm()))
        total = torch.zeros((), device=images.device)
        for name, share in self._shares.items():
            norms = self.norms[name]
            total = total + share * len(norms) / (sum(norms) + 1e-12) * terms[name]
        (gradient,) = torch.autograd.grad(total, images)
        return gradient

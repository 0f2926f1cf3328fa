"""Trajectory matching as it is written first: one graph over all student steps, float32, one step after another.

A reference for speed and memory (and for the gradient, which must be the same); nothing in it is clever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from ddcodec.train.convnet import ConvNet

View = Callable[[Tensor, int], Tensor]


def plain_trajectory(
    network: ConvNet,
    images: Tensor,
    labels: Tensor,
    ends: tuple[Tensor, Tensor],
    rate: float,
    batches: Sequence[Tensor],
    view: View,
) -> tuple[float, Tensor, float]:
    """Loss, its gradient with respect to the pixels, and its derivative with respect to the student's rate.

    Args:
        network: whose architecture it is; images: (N, C, H, W); labels: (N,); ends: start and target of the expert,
        (P,) each, in the order of the network's parameters; rate: the student's learning rate; batches: rows of the
        images for each step; view: what the network sees of a batch in a step.
    """
    shapes = {name: value.shape for name, value in network.named_parameters()}
    start, target = ends
    pixels = images.detach().requires_grad_(True)
    learned = torch.tensor(rate, device=images.device, requires_grad=True)
    weights = {
        name: part.reshape(shape).requires_grad_(True)
        for part, (name, shape) in zip(
            start.detach().clone().split([s.numel() for s in shapes.values()]), shapes.items(), strict=True
        )
    }
    for step, rows in enumerate(batches):
        logits = functional_call(network, weights, (view(pixels[rows], step),))
        loss = functional.cross_entropy(logits, labels[rows])
        slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        weights = {name: value - learned * slope for (name, value), slope in zip(weights.items(), slopes, strict=True)}
    found = torch.cat([value.flatten() for value in weights.values()])
    distance = (found - target).square().sum() / (start - target).square().sum()
    by_pixel, by_rate = torch.autograd.grad(distance, (pixels, learned))
    return float(distance.detach()), by_pixel, float(by_rate)

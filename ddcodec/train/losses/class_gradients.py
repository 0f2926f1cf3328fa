"""Gradients that each class exerts on a network's parameters, for all classes in one pass where that is faster."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional

from ddcodec.train.flat import FlatNetwork, at_once


def class_table(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Rows of each class as a table.

    Args: labels: (N,) int64 in 0..classes - 1.
    Returns: rows (classes, most) int64, where short classes repeat row 0, and weights (classes, most) float32:
        1 / images of the class, 0 for the repeated ones.
    """
    counts = torch.bincount(labels, minlength=classes)
    order = torch.argsort(labels, stable=True)
    first = counts.cumsum(0) - counts
    place = torch.arange(int(counts.max()), device=labels.device)
    valid = place < counts[:, None]
    rows = torch.where(valid, order[(first[:, None] + place).clamp(max=len(labels) - 1)], 0)
    return rows, valid / counts.clamp(min=1)[:, None]


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """(classes, N) float32 by which a product with (N, F) takes the mean of each class; labels: (N,) int64."""
    member = functional.one_hot(labels, classes).float()
    return (member / member.sum(0).clamp(min=1)).t()


def class_gradients(
    network: FlatNetwork, flat: Tensor, images: Tensor, weights: Tensor, together: bool | None = None
) -> Tensor:
    """Gradients of each class's weighted cross-entropy with respect to the parameters.

    Args:
        flat: (P,) parameters; images: (classes, n, C, H, W), normalised; weights: (classes, n).
        together: all classes in one pass; None: where `at_once` says so.
    Returns: (classes, P), through which a gradient reaches the images if they ask for one.
    """

    def loss(parameters: Tensor, some: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        logits = network.logits(parameters, some)
        each = functional.cross_entropy(logits, label.expand(len(some)), reduction="none")
        return (each * weight).sum()

    labels = torch.arange(len(images), device=images.device)
    if at_once(images) if together is None else together:
        found: Tensor = vmap(grad(loss), in_dims=(None, 0, 0, 0))(flat, images, labels, weights)
        return found
    with torch.enable_grad():
        leaf = flat.detach().requires_grad_(True)
        values = [loss(leaf, *parts) for parts in zip(images, labels, weights, strict=True)]
        wanted = images.requires_grad
        slopes = [torch.autograd.grad(value, leaf, create_graph=wanted)[0] for value in values]
    return torch.stack(slopes)


def cosine_distance(network: FlatNetwork, found: Tensor, real: Tensor) -> Tensor:
    """One minus cosine, summed over classes, weight tensors and the output channels of each.

    Args: found, real: (classes, P). Returns: a scalar. Biases and norm layers are left out.
    """
    total = found.new_zeros(())
    left, right = network.split(found), network.split(real)
    for name, shape in network.shapes.items():
        if len(shape) > 1:
            similar = functional.cosine_similarity(left[name].flatten(2), right[name].flatten(2), dim=2, eps=1e-8)
            total = total + (1 - similar).sum()
    return total

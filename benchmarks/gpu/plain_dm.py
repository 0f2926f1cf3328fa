"""Distribution matching as it is written first: a new random network each step, class after class, float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ddcodec.train.augment import augment
from ddcodec.train.convnet import seeded_convnet


def plain_distribution(
    images: Tensor, labels: Tensor, real_of: Callable[[int], Tensor], *, width: int, policy: str, seed: int
) -> Tensor:
    """Pixel gradient of the summed squared distances of class means of features.

    Args:
        images: (N, C, H, W), labels: (N,) int64: synthetic, normalised; real_of: real images (n, C, H, W) of a
        class, normalised, drawn anew; width: of the network; policy: of `augment`; seed: of network and transforms.
    """
    classes, (height, breadth) = int(labels.max()) + 1, images.shape[2:]
    network = seeded_convnet(images.shape[1], (height, breadth), classes, seed=seed, width=width)
    network = network.to(images.device).requires_grad_(False)
    leaf = images.detach().requires_grad_(True)
    total = torch.zeros((), device=images.device)
    for label in range(classes):
        mark = seed * classes + label
        with torch.no_grad():
            real = augment(real_of(label), policy, torch.Generator().manual_seed(mark), siamese=True)
            wanted = network.features(real).mean(0)
        own = augment(leaf[labels == label], policy, torch.Generator().manual_seed(mark), siamese=True)
        total = total + (network.features(own).mean(0) - wanted).square().sum()
    (gradient,) = torch.autograd.grad(total, leaf)
    return gradient

"""Distribution matching as a reader of the paper would write it: the reference of `benchmarks.dm_step`.

Pixels are the parameters. Each step draws a network with random weights and goes through the classes one by one:
real images and synthetic images of the class under the same augmentation, squared distance of their mean features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ddcodec.train.augment import DSA, augment


def conv_net(channels: int, width: int) -> nn.Sequential:
    """Three blocks of convolution, instance norm, ReLU and average pool; (N, C, 32, 32) to (N, 16 * width)."""
    layers: list[nn.Module] = []
    for block in range(3):
        layers += [
            nn.Conv2d(width if block else channels, width, 3, padding=1),
            nn.GroupNorm(width, width),
            nn.ReLU(),
            nn.AvgPool2d(2),
        ]
    return nn.Sequential(*layers, nn.Flatten())


class PlainMatching:
    """The reference.

    Args: images: (M, C, 32, 32) float32, normalised; labels: (M,) int64; pixels: (N, C, 32, 32), to be learned,
        sorted by class, equally many of each class.
    """

    def __init__(self, images: Tensor, labels: Tensor, pixels: Tensor, *, classes: int, width: int, real: int) -> None:
        self.images, self.rows = images, [torch.nonzero(labels == c)[:, 0] for c in range(classes)]
        self.pixels = pixels.clone().requires_grad_(True)
        self.optimiser = torch.optim.SGD([self.pixels], lr=1.0, momentum=0.5)
        self.width, self.real = width, real

    def step(self, number: int) -> float:
        """One step; returns the loss."""
        torch.manual_seed(number)
        network = conv_net(self.images.shape[1], self.width).to(self.images.device)
        for parameter in network.parameters():
            parameter.requires_grad = False
        each = len(self.pixels) // len(self.rows)
        loss = torch.zeros((), device=self.images.device)
        for c, rows in enumerate(self.rows):
            real = self.images[rows[torch.randint(len(rows), (self.real,)).to(rows.device)]]
            synthetic = self.pixels[c * each : (c + 1) * each]
            seed = len(self.rows) * number + c
            real, synthetic = (
                augment(batch, DSA, torch.Generator().manual_seed(seed), siamese=True) for batch in (real, synthetic)
            )
            wanted = network(real).detach().mean(0)
            loss = loss + (network(synthetic).mean(0) - wanted).square().sum()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return float(loss.detach())

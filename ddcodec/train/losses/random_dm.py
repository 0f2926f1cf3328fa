"""Distribution matching as it was first described: a network with random weights in each step, class means only.

The idea is Zhao and Bilen's (2023): squared distance between the mean features of real and synthetic images of each
class, under the same augmentation. Ours: all classes in one pass, under one transform a step; real images go through
in pieces that fit a cache, without a graph.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.convnet import ConvNet
from ddcodec.train.flat import mixed_seed
from ddcodec.train.losses.class_gradients import class_weights
from ddcodec.train.losses.network_pool import fresh_network
from ddcodec.train.losses.seam import RealImages, Stateless


def real_piece(device: torch.device) -> int:
    """Real images that go through a network at once: on a CPU, 64 to 256 took two thirds of the time of all together.

    (Those were measured, with a network of width 128 and images of 32x32 pixels.)
    """
    return 128 if device.type == "cpu" else 512


class RandomMatching(Stateless):
    """The matcher `dm` with matching.source = "random"."""

    def __init__(self, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self._real, self._generator, self._options = real, generator, config.matching
        self._seed = config.train.seed

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """See `Matcher`."""
        network = fresh_network(self._options, self._real, mixed_seed(self._seed, 5, step))
        rows = self._real.draw_rows(self._options.real_batch, self._generator)
        seed = int(torch.randint(2**62, (), generator=self._generator))
        wanted = self.real_means(network, rows, seed)
        leaf = images.detach().requires_grad_(True)
        features = network.features(self._alike(self._real.normalise(leaf), seed))
        found = class_weights(labels, self._real.classes) @ features
        loss = (found - wanted).square().sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        return gradient, {"loss_mean": float(loss.detach())}

    @torch.no_grad()
    def real_means(self, network: ConvNet, rows: Tensor, seed: int) -> Tensor:
        """Mean features (classes, F) of real images given by rows (classes, n) under the seed's transform."""
        pieces = torch.split(rows.flatten(), real_piece(self._real.device))
        features = torch.cat([network.features(self._alike(self._real.take(piece), seed)) for piece in pieces])
        return features.reshape(*rows.shape, -1).mean(1)

    def _alike(self, images: Tensor, seed: int) -> Tensor:
        """Images under the one transform that the seed stands for."""
        return augment(images, self._options.augmentation, torch.Generator().manual_seed(seed), siamese=True)

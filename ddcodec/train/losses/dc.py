"""Gradient matching: what a class of synthetic images does to a network, real images of the class shall do, too.

The idea is Zhao, Mopuri and Bilen's (2021): one minus cosine between the cross-entropy's gradients of real and
synthetic images, weight tensor by weight tensor, class by class, along the training of ever new networks; with
the same augmentation for both sides (Zhao and Bilen, 2021). Ours: all classes in one vectorised pass (on a GPU),
one transform for all classes of a step, and plain SGD in between, on synthetic or, by option, on real images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.flat import FlatNetwork, mixed_seed
from ddcodec.train.losses.class_gradients import class_gradients, class_table, cosine_distance
from ddcodec.train.losses.seam import RealImages, Stateless

_INNER_BATCH = 256


class GradientMatching(Stateless):
    """The matcher `dc`."""

    def __init__(self, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self._real, self._generator, self._options = real, generator, config.dc
        self._seed, self._policy = config.train.seed, config.matching.augmentation
        width, precision = config.matching.width, config.matching.precision
        self._network = FlatNetwork(real.channels, real.size_hw, real.classes, width, real.device, precision=precision)
        self._flat = torch.empty(0)
        self._matched = 0

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """See `Matcher`."""
        round_, place = divmod(self._matched, self._options.matches)
        if place == 0:
            self._flat = self._network.fresh(mixed_seed(self._seed, 1, round_))
        leaf = images.detach().requires_grad_(True)
        loss = self.distance(leaf, labels)
        (gradient,) = torch.autograd.grad(loss, leaf)
        self._matched += 1
        if self._matched % self._options.matches:
            self._train(images.detach(), labels)
        return gradient, {"loss_match": float(loss.detach())}

    def distance(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss at the present network, for images in [0, 1] units."""
        real = self._real.draw(self._options.real_batch, self._generator)
        seed = int(torch.randint(2**62, (), generator=self._generator))
        rows, weights = class_table(labels, self._real.classes)
        with torch.no_grad():
            even = torch.full(real.shape[:2], 1 / real.shape[1], device=real.device)
            target = class_gradients(self._network, self._flat, self._alike(real.flatten(0, 1), seed, real), even)
        normal = self._alike(self._real.normalise(images), seed)
        found = class_gradients(self._network, self._flat, normal[rows], weights.to(normal.dtype))
        return cosine_distance(self._network, found, target)

    def _alike(self, images: Tensor, seed: int, like: Tensor | None = None) -> Tensor:
        """Images under the one transform that the seed stands for, in the shape of `like`."""
        moved = augment(images, self._policy, torch.Generator().manual_seed(seed), siamese=True)
        return moved if like is None else moved.reshape(like.shape)

    def _train(self, images: Tensor, labels: Tensor) -> None:
        """Let the network learn a little."""
        normal = self._real.normalise(images)
        for _ in range(self._options.inner_steps):
            if self._options.train_on == "real":
                each = max(1, min(self._options.real_batch, _INNER_BATCH // self._real.classes))
                batch = self._real.draw(each, self._generator).flatten(0, 1)
                wanted = torch.arange(self._real.classes, device=batch.device).repeat_interleave(each)
            else:
                rows = torch.randperm(len(normal), generator=self._generator)[:_INNER_BATCH].to(normal.device)
                batch, wanted = normal[rows], labels[rows]
            flat = self._flat.detach().requires_grad_(True)
            loss = self._network.loss(flat, augment(batch, self._policy, self._generator), wanted)
            (slope,) = torch.autograd.grad(loss, flat)
            self._flat = self._flat - self._options.inner_rate * slope

    def state(self) -> dict[str, Tensor]:
        """The network and how often it has been matched."""
        return {"matcher.flat": self._flat, "matcher.matched": torch.tensor([self._matched])}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        self._flat = state["matcher.flat"].to(self._real.device)
        self._matched = int(state["matcher.matched"])

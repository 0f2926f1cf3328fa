"""Experts: networks trained on the real images, whose ways through parameter space students shall follow.

A group of experts is trained at once, as rows of one matrix; each epoch of each group is a step of its own,
which depends on the checkpoint before it and the seed alone.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.expert_store import ExpertStore
from ddcodec.train.flat import FlatNetwork, at_once, mixed_seed
from ddcodec.train.losses.seam import RealImages


class Experts:
    """Experts of a run, trained step by step.

    Attributes: network: what they are; store: where their checkpoints are; steps: calls of `train` until complete;
    together: whether a group's experts are computed in one pass.
    """

    def __init__(self, config: Config, real: RealImages) -> None:
        self._options, self._policy, self._seed = config.tm, config.matching.augmentation, config.train.seed
        self._real = real
        width, precision = config.matching.width, config.matching.precision
        self.network = FlatNetwork(real.channels, real.size_hw, real.classes, width, real.device, precision=precision)
        self.groups = math.ceil(config.tm.experts / config.tm.together)
        self.steps = self.groups * config.tm.expert_epochs
        self.store = ExpertStore(self._stamp(config))
        self.together = at_once(torch.empty(0, device=real.device))
        self._data: tuple[Tensor, Tensor] | None = None

    def _stamp(self, config: Config) -> str:
        """All that decides the experts, hashed."""
        options, matching = config.tm, config.matching
        parts = (options.experts, options.together, options.expert_batch, options.expert_rate, matching.width)
        narrow = () if matching.precision == "float32" else (matching.precision,)
        text = repr((self._real.data.sha256(), *parts, matching.augmentation, config.train.seed, *narrow))
        return hashlib.sha256(text.encode()).hexdigest()

    def count(self, group: int) -> int:
        """Experts of a group: the last one may be smaller."""
        return min(self._options.together, self._options.experts - group * self._options.together)

    def train(self, number: int) -> dict[str, float]:
        """Step `number`: one epoch of one group, unless its checkpoint is there."""
        group, epoch = divmod(number, self._options.expert_epochs)
        done = {"experts": float(group * self._options.together), "expert_epochs": float(epoch + 1)}
        if self.store.has(group, epoch + 1):
            return done
        if epoch == 0:
            first = group * self._options.together
            seeds = [mixed_seed(self._seed, 2, first + row) for row in range(self.count(group))]
            self.store.put(group, 0, torch.stack([self.network.fresh(seed) for seed in seeds]))
        flat, loss = self._epoch(self.store.get(group, epoch).to(self._real.device), group, epoch)
        self.store.put(group, epoch + 1, flat)
        return {**done, "loss": loss}

    def _epoch(self, flat: Tensor, group: int, epoch: int) -> tuple[Tensor, float]:
        """One epoch of SGD with every real image for every expert; the mean loss."""
        if self._data is None:
            self._data = self._real.all()
        images, labels = self._data
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, 3, group, epoch))
        orders = torch.stack([torch.randperm(len(images), generator=generator) for _ in flat]).to(images.device)
        total = torch.zeros((), device=images.device)
        for rows in torch.split(orders, self._options.expert_batch, dim=1):
            seen = augment(images[rows.flatten()], self._policy, generator)
            step, loss = self._slopes(flat, seen.reshape(*rows.shape, *seen.shape[1:]), labels[rows], self.together)
            flat = flat - self._options.expert_rate * step
            total += loss.mean() * (rows.shape[1] / len(images))
        return flat, float(total)

    def _slopes(self, flat: Tensor, seen: Tensor, labels: Tensor, together: bool) -> tuple[Tensor, Tensor]:
        """Gradients (experts, P) and losses (experts,) of every expert on its own batch."""
        if together:
            found: tuple[Tensor, Tensor] = vmap(grad_and_value(self.network.loss))(flat, seen, labels)
            return found
        leaf = flat.detach().requires_grad_(True)
        losses = torch.stack([self.network.loss(*parts) for parts in zip(leaf, seen, labels, strict=True)])
        (slopes,) = torch.autograd.grad(losses.sum(), leaf)
        return slopes, losses.detach()

    def release(self) -> None:
        """Let go of the normalised real images."""
        self._data = None

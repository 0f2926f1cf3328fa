"""What every run takes from its data first: the real images it starts from, groups of classes, normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData


@dataclass(frozen=True, eq=False)
class Chosen:
    """rows: of each class, ascending, the real images that its own start from; members: classes of each group."""

    rows: list[NDArray[np.int64]]
    members: list[list[int]]

    @property
    def counts(self) -> list[int]:
        """Images of each class."""
        return [len(part) for part in self.rows]

    @property
    def group_of_class(self) -> list[int]:
        """Of C classes."""
        return [group for group, classes in enumerate(self.members) for _ in classes]

    @property
    def labels(self) -> Tensor:
        """(N,) int64, sorted."""
        return torch.from_numpy(np.repeat(np.arange(len(self.rows)), self.counts))

    def images(self, data: TrainingData, group: int) -> Tensor:
        """Images (n, C, H, W) float32 of a group, by class."""
        rows = np.concatenate([self.rows[c] for c in self.members[group]])
        return torch.from_numpy(data.images[rows]).float()


def choose(config: Config, data: TrainingData) -> Chosen:
    """train.images_per_class random images of each class, or all it has; groups as codec.share says."""
    train, codec, classes = config.train, config.codec, data.class_count
    random = np.random.default_rng(train.seed)
    rows = [
        np.sort(random.permutation(np.flatnonzero(data.labels == c))[: train.images_per_class]) for c in range(classes)
    ]
    each = {"all": classes, "class": 1, "group": codec.group_size}[codec.share]
    return Chosen(rows, [list(range(c, min(c + each, classes))) for c in range(0, classes, each)])


def normalisation_of(data: TrainingData) -> tuple[Tensor, Tensor]:
    """Mean and std of each channel (C,), those of the whole set where the data are a block of it."""
    if data.whole is not None:
        return torch.tensor(data.whole.mean), torch.tensor(data.whole.std)
    per_channel = data.images.astype(np.float64)
    std = torch.from_numpy(per_channel.std((0, 2, 3))).float().clamp(min=1e-3)
    return torch.from_numpy(per_channel.mean((0, 2, 3))).float(), std

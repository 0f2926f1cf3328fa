"""What a run asks of a loss, and what a loss is given: the one interface of this folder.

A run renders its images without a graph of the loss, asks for the gradient with respect to their pixels, and
takes that gradient through its own networks once. Whatever a loss unrolls inside thus never holds them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData


class RealImages:
    """The real images of a run, normalised on request.

    Args: mean, std: (channels,) float32; device: where normalised images shall lie.
    """

    def __init__(self, data: TrainingData, mean: Tensor, std: Tensor, device: torch.device) -> None:
        self.data, self.device = data, device
        self.mean, self.std = mean, std
        self.classes = data.class_count
        self._labels = torch.from_numpy(data.labels).long()
        self._order = torch.argsort(self._labels, stable=True)
        self._counts = torch.bincount(self._labels, minlength=self.classes)
        self._first = self._counts.cumsum(0) - self._counts

    @property
    def channels(self) -> int:
        """Of an image."""
        return int(self.data.images.shape[1])

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.data.images.shape[2]), int(self.data.images.shape[3])

    def normalise(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [0, 1] units, on any device, less mean, over std; differentiable."""
        mean, std = self.mean.to(images.device), self.std.to(images.device)
        return (images - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)

    def all(self) -> tuple[Tensor, Tensor]:
        """All images (M, C, H, W), normalised, and their labels (M,) int64."""
        images = self.normalise(torch.from_numpy(self.data.images).float())
        return images.to(self.device), self._labels.to(self.device)

    def draw(self, each: int, generator: torch.Generator) -> Tensor:
        """Normalised images (classes, each, C, H, W), drawn with replacement from each class."""
        images = self.take(self.draw_rows(each, generator).flatten())
        return images.reshape(self.classes, each, *images.shape[1:])

    def draw_rows(self, each: int, generator: torch.Generator) -> Tensor:
        """Rows (classes, each) int64 of images drawn with replacement from each class."""
        place = (torch.rand(self.classes, each, generator=generator) * self._counts[:, None]).long()
        return self._order[self._first[:, None] + place.clamp(max=self._counts[:, None] - 1)]

    def take(self, rows: Tensor) -> Tensor:
        """Normalised images (n, C, H, W) of rows (n,) int64."""
        images = torch.from_numpy(np.ascontiguousarray(self.data.images[rows.numpy()])).float()
        return self.normalise(images).to(self.device)


class Matcher(Protocol):
    """A loss at work in a run. Everything random comes from the generator it was made with, or from the seed."""

    @property
    def prepare_steps(self) -> int:
        """Calls of `prepare` that have to come before the first gradient."""
        ...

    def use_folder(self, folder: Path) -> None:
        """Told before anything else which folder may hold what is too large for checkpoints."""
        ...

    def prepare(self, number: int) -> dict[str, float]:
        """Step `number` of the preparations; a run is never resumed in the middle of one. Returns: metrics."""
        ...

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """Gradient of the loss with respect to the pixels.

        Args:
            images: (N, C, H, W) float32 in [0, 1] units, not clamped; labels: (N,) int64, every class present.
            step: number of the joint step, from 0.
        Returns: (N, C, H, W), and metrics, of which those named `loss_...` add up to the loss. What is not finite
            there ends the run.
        """
        ...

    def learned(self) -> dict[str, float]:
        """Fields of the recipe that were learned with the images."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything that changes, by names that begin with "matcher." (or "pool."); finite, without the generator."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on bit for bit where `state` was taken; raises KeyError, RuntimeError or ValueError if it does not fit."""
        ...


MatcherFactory = Callable[[Config, RealImages, torch.Generator], Matcher]


class Stateless:
    """Those parts of a matcher that many have no use for."""

    @property
    def prepare_steps(self) -> int:
        """None."""
        return 0

    def use_folder(self, folder: Path) -> None:
        """Not needed."""

    def prepare(self, number: int) -> dict[str, float]:
        """Nothing to do."""
        return {}

    def learned(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Nothing changes."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Nothing to load."""

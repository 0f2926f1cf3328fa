"""Latents of a prior, its means and log-scales, and the hyperprior they are coded under (spec section 7c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.layout import Index, Step


@dataclass(frozen=True)
class PriorLayout:
    """dimensions: z. Latents are z means, then z log-scales; nothing has neighbours."""

    dimensions: int
    input_count = 0
    static_count = 0

    @property
    def latent_count(self) -> int:
        """2 z."""
        return 2 * self.dimensions

    @property
    def padded_size(self) -> int:
        """2 z: no place is needed for neighbours."""
        return 2 * self.dimensions

    def steps(self) -> Iterator[Step]:
        """All means, then all log-scales."""
        none = np.zeros((0, self.dimensions), np.int64)
        for first in (0, self.dimensions):
            places: Index = np.arange(first, first + self.dimensions)
            yield Step(places, places, none, none, none)


@dataclass(frozen=True, eq=False)
class Hyperprior:
    """Mean in sixteenths and scale index of each latent of a group, (2 z,) int64 each: the same for all priors."""

    means: NDArray[np.int64]
    scales: NDArray[np.int64]


class PriorNeighbourhood:
    """What is known of a latent before it is decoded: its place alone."""

    def __init__(self, model: Hyperprior, images: int) -> None:
        self._model, self._images = model, images

    def store(self, step: Step, values: NDArray[np.int64]) -> None:
        """Nobody looks at values."""

    def context(self, step: Step) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Mean and scale index, (n, images) each, of the latents of a step."""
        shape = (len(step.latents), self._images)
        mean, scale = (table[step.latents, None] for table in (self._model.means, self._model.scales))
        return np.broadcast_to(mean, shape), np.broadcast_to(scale, shape)

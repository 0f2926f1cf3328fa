"""Fresh images in every epoch, drawn from the priors of a set; the labels of a prior hold for all that it gives.

An epoch is made of blocks, each an image of every prior in the samples' original order: the decoded means first, if
the recipe wants them, then the epoch's draws. Epoch e takes draws e * n .. e * n + n - 1 of every prior. Nothing is
kept from one epoch to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.dataset import DistilledSet
from ddcodec.errors import InputError
from ddcodec.train.flat import mixed_seed
from ddcodec.train.recipe import Recipe
from ddcodec.views.mosaic import cut_and_enlarge

MEANS_ONLY = ("recipe.draws_per_epoch=0", "recipe.with_means=true")
"""Settings under which nothing is drawn."""
_DRAWS, _DRAW_NUMBERS = 7, 1 << 32
Whitened = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Draws(Protocol):
    """What a set's `priors` are asked for."""

    def draw(self, number: int, seed: int) -> NDArray[np.int16]:
        """Draw `number` of every prior, (N, channels, height, width), sorted by class as `pixels` are."""
        ...


@dataclass(frozen=True, eq=False)
class Redrawing:
    """How the images of an epoch are made.

    Fields: dataset, whose priors these are; means, (N, channels, height, width) float32, as training sees them, or None
        where they are left out; draws, of every prior in an epoch, at least 1; factor, of mosaics; whitened, what
        drawn images go through, or None.
    """

    dataset: DistilledSet
    priors: Draws
    means: Tensor | None
    draws: int
    factor: int = 1
    whitened: Whitened | None = None

    @property
    def blocks(self) -> int:
        """Images of each prior in an epoch."""
        return self.draws + (self.means is not None)

    def of_seed(self, seed: int) -> Callable[[int], Tensor]:
        """From an epoch to its images (blocks * N, channels, height, width) float32, for the network of a seed.

        Networks of other seeds see other draws.
        """
        own = mixed_seed(seed % (1 << 64), _DRAWS)

        def images(epoch: int) -> Tensor:
            numbers = range(epoch * self.draws, (epoch + 1) * self.draws)
            return torch.cat([*([] if self.means is None else [self.means]), *(self._drawn(n, own) for n in numbers)])

        return images

    def _drawn(self, number: int, seed: int) -> Tensor:
        drawn = replace(self.dataset, pixels=self.priors.draw(number, seed)).images
        images = cut_and_enlarge(drawn, self.factor)
        return torch.from_numpy(np.ascontiguousarray(images if self.whitened is None else self.whitened(images)))

    def repeated(self, parts: Tensor) -> Tensor:
        """Labels (N,) or (N, classes) of the means as labels of an epoch, or another tensor with a row for each."""
        return parts.repeat(self.blocks, *(1,) * (parts.ndim - 1))

    @property
    def note(self) -> str:
        """What is trained on, in a line."""
        means = "no means" if self.means is None else "the mean"
        return f"each epoch trains on {means} and {self.draws} fresh draw{'s' * (self.draws > 1)} of each prior"


def redrawing_of(
    dataset: DistilledSet, recipe: Recipe, means: Tensor, whitened: Whitened | None = None
) -> Redrawing | None:
    """How to train on the priors of a set; None where it has none or the recipe wants its means only.

    Args: recipe: the one in use; means, whitened: as in `Redrawing`.
    Raises: InputError where an epoch's draws would have no number.
    """
    priors: Draws | None = getattr(dataset, "priors", None)
    if priors is None or not recipe.draws_per_epoch:
        return None
    if recipe.epochs * recipe.draws_per_epoch > _DRAW_NUMBERS:
        found = f"{recipe.epochs} x {recipe.draws_per_epoch}"
        raise InputError(f"recipe.epochs x recipe.draws_per_epoch: expected at most {_DRAW_NUMBERS}, found {found}")
    kept = means if recipe.with_means else None
    return Redrawing(dataset, priors, kept, recipe.draws_per_epoch, recipe.factor, whitened)

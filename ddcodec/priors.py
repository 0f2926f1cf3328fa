"""Priors: what images of a set are drawn from, in integers that every machine agrees on (spec section 7c)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError, LimitError
from ddcodec.limits import Limits

MAX_DRAW, MAX_SEED = 2**32 - 1, 2**64 - 1
_CHUNK_IMAGES = 1_024
"""Images that are drawn at once: as many vectors of latents are copied."""
Numbers = NDArray[np.int64]


class Source(Protocol):
    """What builds images of the priors of a group."""

    def draw(self, latents: NDArray[np.int16], numbers: Numbers, draw: Numbers, seed: int) -> NDArray[np.int16]:
        """Images (n, channels, height, width), from latents (n, L), numbers (n,) of the priors, and draws (n,)."""


@dataclass(frozen=True, eq=False)
class Priors:
    """What further images of a set are drawn from; `DistilledSet.priors` has it.

    Fields:
        means: (N, channels, height, width) int16, the images of the priors' means, sorted by class.
        class_counts: priors of each class, C integers with sum N.
        numbers: (N,) int64, of each prior in the whole file: part of a file gives the images that the whole gives.
        latents, sources: of each class, (n, L) int16 and what builds images of them; a class whose source is None
            has images instead of priors, which every draw repeats.
    """

    means: NDArray[np.int16]
    class_counts: tuple[int, ...]
    numbers: Numbers
    latents: Sequence[NDArray[np.int16]]
    sources: Sequence[Source | None]

    def __len__(self) -> int:
        return len(self.means)

    def draw(self, number: int, seed: int = 0) -> NDArray[np.int16]:
        """One image of each prior, the same whenever it is asked for.

        Args: number: of the draw, 0 .. 2^32 - 1; seed: 0 .. 2^64 - 1.
        Returns: (N, channels, height, width) int16, sorted by class.
        Raises: InputError for numbers out of range.
        """
        _check("draw", number, 0, MAX_DRAW)
        _check("seed", seed, 0, MAX_SEED)
        places = [np.arange(count) for count in self.class_counts]
        return self._images(places, [np.full(count, number, np.int64) for count in self.class_counts], seed)

    def samples(
        self, per_class: int, seed: int = 0, limits: Limits | None = None
    ) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Images of every class that has priors, the j-th one of k priors being draw j // k of prior j % k.

        Args: per_class: 1 or more; seed: 0 .. 2^64 - 1; limits: ceilings on images and pixels, None for the defaults.
        Returns: pixels (M, channels, height, width) int16, sorted by class, and the prior (0 .. N - 1) of each (M,).
        Raises: InputError for numbers out of range; LimitError, before memory is taken.
        """
        _check("samples of each class", per_class, 1, None)
        _check("seed", seed, 0, MAX_SEED)
        limits = Limits() if limits is None else limits
        images = per_class * sum(count > 0 for count in self.class_counts)
        for name, found in (("images", images), ("pixels", images * int(np.prod(self.means.shape[1:])))):
            allowed = getattr(limits, name)
            if found > allowed:
                problem = f"{per_class:,} samples of each class are {found:,} {name}, the limit is {allowed:,}"
                raise LimitError(problem, limit=name, allowed=allowed, found=found)
        each = np.arange(per_class)
        places = [each % count if count else each[:0] for count in self.class_counts]
        draws = [each // count if count else each[:0] for count in self.class_counts]
        first = np.cumsum((0, *self.class_counts))
        pixels = self._images(places, draws, seed)
        return pixels, np.concatenate([start + part for start, part in zip(first, places, strict=False)])

    def _images(self, places: Sequence[Numbers], draws: Sequence[Numbers], seed: int) -> NDArray[np.int16]:
        """Images (M, channels, height, width), sorted by class.

        Args: places: priors to draw from, counted from the first of a class, and draws of them, (m,) for each class.
        """
        images = np.empty((sum(map(len, places)), *self.means.shape[1:]), np.int16)
        start = done = 0
        for number, count in enumerate(self.class_counts):
            source = self.sources[number]
            for first in range(0, len(places[number]), _CHUNK_IMAGES):
                place, draw = (part[number][first : first + _CHUNK_IMAGES] for part in (places, draws))
                out, found = slice(done, done + len(place)), start + place
                if source is None:
                    images[out] = self.means[found]
                else:
                    images[out] = source.draw(self.latents[number][place], self.numbers[found], draw, seed)
                done = out.stop
            start += count
        return images


def _check(what: str, value: int, least: int, most: int | None) -> None:
    if value < least or (most is not None and value > most):
        wanted = f"at least {least}" if most is None else f"{least}..{most}"
        raise InputError(f"{what}: expected {wanted}, found {value}")

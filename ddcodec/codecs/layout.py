"""Where the latents of an image stand, in which steps they are decoded, and what each may look at.

A layout keeps the latents of one image in a *padded* array: a flat array with zeros around each plane, in
which every neighbour of a latent lies at a fixed distance and those that do not exist read zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

_BLOCK = 1 << 14  # latents whose steps are built at once


@dataclass(frozen=True)
class Step:
    """Latents that are decoded together: none of them looks at another.

    latents: (n,) places in latent order; padded: (n,) places in the padded array; signed (S, n) and
    magnitude (M, n): padded places of the neighbours; static: (F, n) static features.
    """

    latents: Index
    padded: Index
    signed: Index
    magnitude: Index
    static: Index

    def part(self, start: int, stop: int) -> Step:
        """Some of the latents, as views."""
        return Step(
            self.latents[start:stop],
            self.padded[start:stop],
            self.signed[:, start:stop],
            self.magnitude[:, start:stop],
            self.static[:, start:stop],
        )


class Layout(Protocol):
    """Order, steps and neighbourhoods of one image's latents."""

    @property
    def latent_count(self) -> int: ...
    @property
    def padded_size(self) -> int: ...
    @property
    def input_count(self) -> int: ...
    @property
    def static_count(self) -> int: ...

    def steps(self) -> Iterator[Step]:
        """Steps in decoding order; every latent is in exactly one."""
        ...


def runs_of_equal(values: NDArray[np.integer]) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal numbers in a sorted (n,) array."""
    if not len(values):
        return []
    cuts = np.flatnonzero(np.diff(values)) + 1
    return list(zip([0, *cuts.tolist()], [*cuts.tolist(), len(values)], strict=True))


def cut_steps(time: NDArray[np.integer], build: Callable[[Index], Step]) -> Iterator[Step]:
    """Steps of latents of equal time (n,), in ascending order of time, then of place.

    Args: build: makes one `Step` of given places (k,) in the time array; it is asked for many steps at once.
    """
    order = np.argsort(time, kind="stable")
    runs = runs_of_equal(time[order])
    first = 0
    while first < len(runs):
        start, last = runs[first][0], first + 1
        while last < len(runs) and runs[last][1] - start <= _BLOCK:
            last += 1
        block = build(order[start : runs[last - 1][1]])
        for begin, end in runs[first:last]:
            yield block.part(begin - start, end - start)
        first = last

"""The pool of trained networks as a part of a matcher: made step by step, drawn from in shuffled rounds."""

from __future__ import annotations

import torch
from torch import Tensor

from ddcodec.train.config import MatchingOptions
from ddcodec.train.convnet import ConvNet, seeded_convnet
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.pool import Reference, pool_from_state, pool_state, train_member


def fresh_network(options: MatchingOptions, real: RealImages, seed: int) -> ConvNet:
    """A frozen network with random weights that depend on the seed alone, where the images are."""
    network = seeded_convnet(
        real.channels, real.size_hw, real.classes, seed=seed, width=options.width, precision=options.precision
    )
    return network.to(real.device).eval().requires_grad_(False)


class NetworkPool:
    """`members` grow by one network's stages with each `train`; `draw` takes every one in turn."""

    def __init__(self, options: MatchingOptions, real: RealImages, seed: int, generator: torch.Generator) -> None:
        self.options, self._real, self._seed, self._generator = options, real, seed, generator
        self.members: list[Reference] = []
        self.queue: list[int] = []

    def train(self, number: int) -> dict[str, float]:
        """Train network `number`, unless it is there (a caller may lend the pool of another run)."""
        if len(self.members) <= number * len(self.options.stages):
            images, labels = self._real.all()
            self.members += train_member(
                images, labels, number, classes=self._real.classes, options=self.options, seed=self._seed
            )
        return {"networks": float(len(self.members))}

    def draw(self) -> int:
        """Number of the member to use next."""
        if not self.queue:
            self.queue = torch.randperm(len(self.members), generator=self._generator).tolist()
        return self.queue.pop()

    def state(self) -> dict[str, Tensor]:
        """Members and queue, on the CPU."""
        state = {name: value.cpu() for name, value in pool_state(self.members).items()}
        return state | {"matcher.queue": torch.tensor(self.queue, dtype=torch.int64)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        place, options, real = self._real.device, self.options, self._real
        self.members = pool_from_state(
            {name: value.to(place) for name, value in state.items() if name.startswith("pool.")},
            lambda: ConvNet(real.channels, real.size_hw, real.classes, options.width, precision=options.precision).to(
                place
            ),
        )
        self.queue = state["matcher.queue"].tolist()

"""The pool of trained networks as a part of a matcher: made step by step, drawn from in shuffled rounds.

It depends on data, normalisation, seed and [matching] alone. A run that has a folder keeps the finished pool in a
file there, or in run.pool, where other runs find it, and out of its checkpoints.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ddcodec.train.config import Config, MatchingOptions
from ddcodec.train.convnet import ConvNet, seeded_convnet
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.pool import Reference, pool_from_state, pool_state, train_member
from ddcodec.train.pool_store import PoolStore


def fresh_network(options: MatchingOptions, real: RealImages, seed: int) -> ConvNet:
    """A frozen network with random weights that depend on the seed alone, where the images are."""
    network = seeded_convnet(
        real.channels, real.size_hw, real.classes, seed=seed, width=options.width, precision=options.precision
    )
    return network.to(real.device).eval().requires_grad_(False)


class NetworkPool:
    """`members` grow by one network's stages with each `train`; `draw` takes every one in turn."""

    def __init__(self, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self.options, self._real, self._seed, self._generator = config.matching, real, config.train.seed, generator
        self._folder = config.run.pool
        self.members: list[Reference] = []
        self.queue: list[int] = []
        self._store: PoolStore | None = None

    @property
    def _size(self) -> int:
        """Members of the finished pool."""
        return self.options.networks * len(self.options.stages)

    def use_folder(self, folder: Path) -> None:
        """Keep the finished pool there, or where run.pool says."""
        normal = (self._real.mean.tolist(), self._real.std.tolist())
        whitening = (self._real.zca,) if self._real.zca else ()
        parts = (self._real.data.sha256(), *normal, self._seed, self.options, *whitening)
        self._store = PoolStore(Path(self._folder) if self._folder else folder, parts, self._size)

    def train(self, number: int) -> dict[str, float]:
        """Train network `number`, unless it is there or the finished pool is; the last one completes the file."""
        if len(self.members) <= number * len(self.options.stages):
            if self._store is not None and self._store.kept:
                self.members = self._store.get(self._fresh, self._placed)
            else:
                images, labels = self._real.all()
                self.members += train_member(
                    images, labels, number, classes=self._real.classes, options=self.options, seed=self._seed
                )
        self._keep()
        return {"networks": float(len(self.members))}

    @torch.no_grad()
    def teach(self, images: Tensor) -> Tensor:
        """Logits (networks, N, classes) of normalised images: each network as it was trained longest."""
        stages = len(self.options.stages)
        return torch.stack([member.network(images) for member in self.members[stages - 1 :: stages]])

    def _keep(self) -> bool:
        """See that a finished pool is in its file; whether it is."""
        if self._store is None or len(self.members) != self._size:
            return False
        self._store.put(self.members)
        return True

    def draw(self) -> int:
        """Number of the member to use next."""
        if not self.queue:
            self.queue = torch.randperm(len(self.members), generator=self._generator).tolist()
        return self.queue.pop()

    def state(self) -> dict[str, Tensor]:
        """Queue, and members that are in no file, on the CPU."""
        members = [] if self._keep() else self.members
        state = {name: value.cpu() for name, value in pool_state(members).items()}
        return state | {"matcher.queue": torch.tensor(self.queue, dtype=torch.int64)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`; a file that is gone is made anew."""
        self.members = pool_from_state(
            {name: self._placed(value) for name, value in state.items() if name.startswith("pool.")}, self._fresh
        )
        for number in range(0 if self.members else self.options.networks):
            self.train(number)
        self._keep()
        self.queue = state["matcher.queue"].tolist()

    def _fresh(self) -> ConvNet:
        real, options = self._real, self.options
        network = ConvNet(real.channels, real.size_hw, real.classes, options.width, precision=options.precision)
        return network.to(real.device)

    def _placed(self, value: Tensor) -> Tensor:
        return value.to(self._real.device)

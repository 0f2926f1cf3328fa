"""Trajectory matching and maximum mean discrepancy in turn, the second in features of the first one's experts.

The two alternating updates of Qin et al. (2024, "distributional dataset distillation"). Ours: which of them a step
makes follows from its number; features of an expert are standardised by the real images drawn in the step; and since
neither has a learning rate of its own, the discrepancy's gradient is brought to a share of the norm that the
trajectory's has, by the first few norms of both.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ddcodec.errors import InputError
from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.convnet import ConvNet
from ddcodec.train.losses.kernel_distance import kernel_distance, kernel_widths
from ddcodec.train.losses.network_pool import fresh_network
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.losses.tm import TrajectoryMatching
from ddcodec.train.pool import scales_of

_ROUNDS = 5
_TINY = 1e-12


class AlternatingMatching:
    """The matcher `d3`."""

    def __init__(self, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self._options, self._kernel, self._tm_options = config.d3, config.mmd, config.tm
        if config.d3.feature_epoch > config.tm.expert_epochs:
            found = f"{config.d3.feature_epoch}, more than tm.expert_epochs, {config.tm.expert_epochs}"
            raise InputError(f"d3.feature_epoch is {found}")
        self._real, self._generator, self._policy = real, generator, config.matching.augmentation
        self.trajectories = TrajectoryMatching(config, real, generator)
        self._network: ConvNet | None = None
        self._matching = config.matching
        self.norms: dict[str, list[float]] = {"trajectory": [], "mmd": []}
        """Of the first few gradients of each kind."""

    @property
    def prepare_steps(self) -> int:
        """Those of the experts."""
        return self.trajectories.prepare_steps

    def use_folder(self, folder: Path) -> None:
        """Keep the experts there, or where run.experts says."""
        self.trajectories.use_folder(folder)

    def prepare(self, number: int) -> dict[str, float]:
        """Train a group of experts for an epoch."""
        return self.trajectories.prepare(number)

    def teach(self, images: Tensor) -> Tensor:
        """See `labelling.Teaches`."""
        return self.trajectories.teach(images)

    def follows_trajectory(self, step: int) -> bool:
        """Whether joint step `step` matches trajectories: the first tm_steps of each round do."""
        return step % (self._options.tm_steps + self._options.mmd_steps) < self._options.tm_steps

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """See `Matcher`; the metrics have the loss that the step is about."""
        if self.follows_trajectory(step):
            gradient, terms = self.trajectories.pixel_gradient(images, labels, step)
            self._note("trajectory", gradient)
            return gradient, terms
        gradient, value = self.discrepancy(images, labels)
        self._note("mmd", gradient)
        return self._share() * gradient, {"loss_mmd": value}

    def discrepancy(self, images: Tensor, labels: Tensor) -> tuple[Tensor, float]:
        """Gradient and value of the discrepancy in features of an expert drawn at random; arguments as there."""
        network = self._expert(int(torch.randint(self._tm_options.experts, (), generator=self._generator)))
        with torch.no_grad():
            drawn = self._real.draw(self._kernel.real_batch, self._generator)
            seen = network.features(augment(drawn.flatten(0, 1), self._policy, self._generator))
            centre, spread = scales_of(seen)
            real = ((seen - centre) / spread).reshape(*drawn.shape[:2], -1)
        leaf = images.detach().requires_grad_(True)
        found = network.features(augment(self._real.normalise(leaf), self._policy, self._generator))
        widths = kernel_widths(self._kernel.bandwidths, found.shape[1])
        value = kernel_distance(real, (found - centre) / spread, labels, widths)
        (gradient,) = torch.autograd.grad(value, leaf)
        return gradient, float(value.detach())

    def _expert(self, number: int) -> ConvNet:
        """An expert as it was after d3.feature_epoch epochs; the one network there is takes its weights."""
        if self._network is None:
            self._network = fresh_network(self._matching, self._real, seed=0)
        group, row = divmod(number, self._tm_options.together)
        experts = self.trajectories.experts
        flat = experts.store.get(group, self._options.feature_epoch or self._tm_options.expert_epochs, row)
        self._network.load_state_dict(experts.network.split(flat.to(self._real.device)))
        return self._network

    def _note(self, kind: str, gradient: Tensor) -> None:
        if len(self.norms[kind]) < _ROUNDS:
            self.norms[kind].append(float(gradient.norm()))

    def _share(self) -> float:
        """What the discrepancy's gradient is multiplied by."""
        trajectory, own = (sum(norms) / len(norms) for norms in (self.norms["trajectory"], self.norms["mmd"]))
        return self._options.mmd_share * trajectory / (own + _TINY)

    def learned(self) -> dict[str, float]:
        """The student's learning rate."""
        return self.trajectories.learned()

    def state(self) -> dict[str, Tensor]:
        """The state of the trajectories' part, and norms."""
        norms = {f"matcher.norms.{name}": torch.tensor(n, dtype=torch.float64) for name, n in self.norms.items()}
        return self.trajectories.state() | norms

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        self.trajectories.load_state(state)
        for name in self.norms:
            self.norms[name] = state[f"matcher.norms.{name}"].tolist()

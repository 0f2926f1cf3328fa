"""Matching of whole distributions of features by kernels: maximum mean discrepancy, class by class.

The term is one of the two of Qin et al. (2024, "distributional dataset distillation"), there in features of experts.
Ours: features of dm's pool, standardised, with widths in parts of the root of their number; and dm's closed form of the
last layer's gradient as a second term.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.losses.balance import Balance
from ddcodec.train.losses.dm import head_term
from ddcodec.train.losses.kernel_distance import kernel_distance, kernel_widths
from ddcodec.train.losses.network_pool import NetworkPool
from ddcodec.train.losses.seam import RealImages, Stateless
from ddcodec.train.pool import class_moments


class KernelMatching(Stateless):
    """The matcher `mmd`: one network of the pool and fresh real images a step."""

    def __init__(self, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self._real, self._generator, self._options = real, generator, config.mmd
        self._policy, self._networks = config.matching.augmentation, config.matching.networks
        self.pool = NetworkPool(config, real, generator)
        shares = {"mmd": 1.0, "head": config.mmd.head}
        self.balance = Balance({name: share for name, share in shares.items() if share})

    @property
    def prepare_steps(self) -> int:
        """One for each network."""
        return self._networks

    def use_folder(self, folder: Path) -> None:
        """Keep the pool there, or where run.pool says."""
        self.pool.use_folder(folder)

    def prepare(self, number: int) -> dict[str, float]:
        """Train a network."""
        return self.pool.train(number)

    def teach(self, images: Tensor) -> Tensor:
        """See `labelling.Teaches`."""
        return self.pool.teach(self._real.normalise(images))

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """See `Matcher`."""
        reference = self.pool.members[self.pool.draw()]
        with torch.no_grad():
            drawn = self._real.draw(self._options.real_batch, self._generator)
            seen = augment(drawn.flatten(0, 1), self._policy, self._generator)
            real = (reference.network.features(seen) - reference.centre) / reference.spread
        leaf = images.detach().requires_grad_(True)
        features = reference.network.features(augment(self._real.normalise(leaf), self._policy, self._generator))
        found = (features - reference.centre) / reference.spread
        widths = kernel_widths(self._options.bandwidths, found.shape[1])
        terms = {"mmd": kernel_distance(real.reshape(*drawn.shape[:2], -1), found, labels, widths)}
        if self._options.head:
            terms["head"] = head_term(class_moments(found, reference.network.head(features), labels), reference.real)
        gradient = self.balance.gradient(terms, leaf)
        return gradient, {f"loss_{name}": float(term.detach()) for name, term in terms.items()}

    def state(self) -> dict[str, Tensor]:
        """Pool, queue and norms, once there is a pool."""
        return self.pool.state() | self.balance.state() if self.pool.members else {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        if "matcher.queue" in state:
            self.pool.load_state(state)
            self.balance.load_state(state)

"""Matching of characteristic functions: all moments of the features at once, compared where they differ most.

The idea of Wang et al. (2025, "neural characteristic function matching"): compare the empirical characteristic
functions E exp(i t.f) of real and synthetic features f, in amplitude and phase, at frequencies t that an
adversary chooses, as a minimax game. Ours: features of dm's pool, standardised; class by class; the adversary
is no network but one positive scale for each feature, of constant mean square, that multiplies fresh normal
frequencies and climbs the very distance the images descend; squared distances without a root; and dm's closed
form of the last layer's gradient as a second term.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.losses.balance import Balance
from ddcodec.train.losses.class_gradients import class_weights
from ddcodec.train.losses.dm import head_term
from ddcodec.train.losses.network_pool import NetworkPool
from ddcodec.train.losses.seam import RealImages, Stateless
from ddcodec.train.pool import class_moments

_TINY = 1e-12
_FARTHEST = 2.0  # of a logarithm of a scale


def characteristic_distance(real: Tensor, found: Tensor, weights: Tensor, turns: Tensor, phase: float) -> Tensor:
    """Squared distance of class-wise characteristic functions, the mean over frequencies, summed over classes.

    Args:
        real: (classes, n, F) features; found: (N, F); weights: (classes, N), each row summing to 1.
        turns: (F, K) frequencies; phase: share in 0..1 of the phases' part against the amplitudes'.
    """
    angle, own = real @ turns, found @ turns
    a = torch.stack((angle.cos().mean(1), angle.sin().mean(1)))
    b = torch.stack((weights @ own.cos(), weights @ own.sin()))
    size_a, size_b = ((x.square().sum(0) + _TINY).sqrt() for x in (a, b))
    amplitudes = (size_a - size_b).square()
    phases = 2 * (size_a * size_b - (a * b).sum(0))  # 2 |a| |b| (1 - cos of the angle between them)
    return ((1 - phase) * amplitudes + phase * phases).mean(1).sum()


class CharacteristicMatching(Stateless):
    """The matcher `ncfm`."""

    def __init__(self, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self._real, self._generator, self._options = real, generator, config.ncfm
        self._policy, self._networks = config.matching.augmentation, config.matching.networks
        self.pool = NetworkPool(config.matching, real, config.train.seed, generator)
        shares = {"characteristic": 1.0, "head": config.ncfm.head}
        self.balance = Balance({name: share for name, share in shares.items() if share})
        self.scales: list[Tensor] = []
        """Logarithms (F,) for each network of the pool."""

    @property
    def prepare_steps(self) -> int:
        """One for each network."""
        return self._networks

    def prepare(self, number: int) -> dict[str, float]:
        """Train a network."""
        return self.pool.train(number)

    def turns(self, scale: Tensor) -> Tensor:
        """Fresh frequencies (F, K) for logarithms of scales (F,)."""
        noise = torch.randn(len(scale), self._options.frequencies, generator=self._generator).to(scale)
        size = scale.exp() / scale.mul(2).exp().sum().sqrt()  # squares that add up to 1
        return self._options.spread * size[:, None] * noise

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """See `Matcher`."""
        if not self.scales:
            self.scales = [torch.zeros_like(member.centre) for member in self.pool.members]
        number = self.pool.draw()
        reference, scale = self.pool.members[number], self.scales[number].requires_grad_(True)
        with torch.no_grad():
            drawn = self._real.draw(self._options.real_batch, self._generator)
            seen = augment(drawn.flatten(0, 1), self._policy, self._generator)
            real = (reference.network.features(seen) - reference.centre) / reference.spread
        leaf = images.detach().requires_grad_(True)
        normal = augment(self._real.normalise(leaf), self._policy, self._generator)
        features = reference.network.features(normal)
        found = (features - reference.centre) / reference.spread
        weights = class_weights(labels, self._real.classes)
        by_class = real.reshape(*drawn.shape[:2], -1)
        value = characteristic_distance(by_class, found, weights, self.turns(scale), self._options.phase)
        (climb,) = torch.autograd.grad(value, scale, retain_graph=True)
        terms = {"characteristic": value}
        if self._options.head:
            terms["head"] = head_term(class_moments(found, reference.network.head(features), labels), reference.real)
        gradient = self.balance.gradient(terms, leaf)
        self._climb(number, scale.detach(), climb)
        return gradient, {f"loss_{name}": float(term.detach()) for name, term in terms.items()}

    def _climb(self, number: int, scale: Tensor, slope: Tensor) -> None:
        """One step of the adversary, of the same root mean square whatever the slope's size."""
        unit = slope / (slope.square().mean().sqrt() + _TINY)
        moved = scale + self._options.ascent * unit
        self.scales[number] = (moved - moved.mean()).clamp(-_FARTHEST, _FARTHEST)

    def state(self) -> dict[str, Tensor]:
        """Pool, queue, norms and scales, once there is a pool."""
        if not self.pool.members:
            return {}
        scales = {f"matcher.scales.{n}": scale.detach().cpu() for n, scale in enumerate(self.scales)}
        return self.pool.state() | self.balance.state() | scales

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        if "pool.0.mean" not in state:
            return
        self.pool.load_state(state)
        self.balance.load_state(state)
        names = [name for name in state if name.startswith("matcher.scales.")]
        self.scales = [state[f"matcher.scales.{n}"].to(self._real.device) for n in range(len(names))]

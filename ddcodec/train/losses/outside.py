"""Losses from other packages, given as `package.module:Class`.

Most are a function of one step, `Loss`: it sees a real batch, the synthetic images and a network drawn for
the step, and returns a scalar. A class is made without arguments; a plain function will do, too. It keeps
nothing between steps that matters, or a resumed run is not the undisturbed one. Who needs more (preparations,
a state, a pixel gradient that does not come from one graph) names a class with the methods of
`ddcodec.train.losses.seam.Matcher` instead, which is made with (config, real images, generator).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ddcodec.errors import InputError
from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.convnet import ConvNet
from ddcodec.train.flat import mixed_seed
from ddcodec.train.losses.network_pool import fresh_network
from ddcodec.train.losses.seam import Matcher, MatcherFactory, RealImages, Stateless


@dataclass(frozen=True)
class RealBatch:
    """images: (M, C, H, W) float32, normalised and augmented; labels: (M,) int64, every class equally often;
    network: a frozen `ConvNet` with random weights, another one in each step."""

    images: Tensor
    labels: Tensor
    network: ConvNet


class Loss(Protocol):
    """What a package has to offer."""

    def __call__(self, real: RealBatch, images: Tensor, labels: Tensor, step: int) -> Tensor:
        """A scalar to minimise, through which a gradient reaches the images.

        Args:
            images: (N, C, H, W) float32 synthetic ones, normalised and under the real batch's augmentation;
            labels: (N,) int64; step: number of the joint step, from 0.
        """
        ...


class OutsideLoss(Stateless):
    """A `Loss` as a matcher."""

    def __init__(self, loss: Loss, config: Config, real: RealImages, generator: torch.Generator) -> None:
        self._loss, self._name = loss, config.train.loss
        self._real, self._generator = real, generator
        self._each, self._matching, self._seed = config.outside.real_batch, config.matching, config.train.seed

    def pixel_gradient(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """See `Matcher`.

        Raises: InputError if the loss returns no scalar that depends on the images.
        """
        real, place = self._real, self._real.device
        seed = int(torch.randint(2**62, (), generator=self._generator))
        batch = self._alike(real.draw(self._each, self._generator).flatten(0, 1), seed)
        wanted = torch.arange(real.classes, device=place).repeat_interleave(self._each)
        frozen = fresh_network(self._matching, real, mixed_seed(self._seed, 4, step))
        leaf = images.detach().requires_grad_(True)
        value = self._loss(RealBatch(batch, wanted, frozen), self._alike(real.normalise(leaf), seed), labels, step)
        if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
            raise InputError(f"train.loss {self._name}: expected a scalar tensor that depends on the images")
        (gradient,) = torch.autograd.grad(value, leaf)
        return gradient, {"loss_outside": float(value.detach())}

    def _alike(self, images: Tensor, seed: int) -> Tensor:
        """Images under the one transform that the seed stands for."""
        return augment(images, self._matching.augmentation, torch.Generator().manual_seed(seed), siamese=True)


def load_outside(name: str) -> MatcherFactory:
    """Import a loss and find out which of the two kinds it is.

    Args: name: "package.module:Class".
    Raises: InputError naming it, when it cannot be imported, does not exist or is no loss.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise InputError(f"train.loss {name}: cannot import {module}: {error}; is it on PYTHONPATH?") from error
    except AttributeError as error:
        raise InputError(f"train.loss {name}: {module} has no {attribute}") from error
    if isinstance(found, type) and hasattr(found, "pixel_gradient"):
        return found
    if not callable(found) or (isinstance(found, type) and not _calls(found)):
        raise InputError(f"train.loss {name}: is no loss: see ddcodec.train.losses.outside")

    def make(config: Config, real: RealImages, generator: torch.Generator) -> Matcher:
        return OutsideLoss(found() if isinstance(found, type) else found, config, real, generator)

    return make


def _calls(kind: type) -> bool:
    """Whether instances can be called."""
    return any("__call__" in vars(base) for base in kind.__mro__)

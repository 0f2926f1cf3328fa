"""A fixed pool of briefly trained networks, and what the real data look like through each of them.

Matching against networks that already know a little beats matching against random ones, and because the
pool is fixed, statistics of the real images are taken once: a step then touches synthetic images only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.train.augment import augment
from ddcodec.train.config import MatchingOptions
from ddcodec.train.convnet import ConvNet, seeded_convnet

TRAIN_BATCH, STAT_BATCH = 128, 500
_RATE, _MOMENTUM, _DECAY = 0.03, 0.9, 5e-4


@dataclass(frozen=True)
class Moments:
    """Class statistics through one network.

    mean: (classes, features) class means of the standardised features; head: (classes, classes, features)
    class means of the cross-entropy's gradient with respect to the weights of the last layer.
    """

    mean: Tensor
    head: Tensor


@dataclass(frozen=True)
class Reference:
    """A frozen network, the standardisation of its features (both (features,)), and the real moments."""

    network: ConvNet
    centre: Tensor
    spread: Tensor
    real: Moments


def class_moments(features: Tensor, logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Moments:
    """Moments of images with features (N, F), standardised, logits (N, C) and labels (N,) in 0..C-1.

    targets: (N, C) of the cross-entropy where they are not the labels, which say to which class an image counts.
    """
    classes = logits.shape[1]
    member = functional.one_hot(labels, classes).to(features.dtype)
    weight = member / member.sum(0).clamp(min=1)
    error = torch.softmax(logits, 1) - (member if targets is None else targets)
    mean = weight.t() @ features
    head = torch.einsum("nc,nk,nf->ckf", weight, error, features)
    return Moments(mean, head)


def scales_of(features: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and spread, (F,) each, by which features like these (N, F) are standardised; rare ones stay small."""
    return features.mean(0), features.std(0) + 0.1 * features.std() + 1e-8


def _snapshots(
    images: Tensor, labels: Tensor, network: ConvNet, stages: Sequence[int], policy: str, seed: int
) -> list[ConvNet]:
    """Copies of a network after each of `stages` SGD steps on real, normalised images."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=_RATE, momentum=_MOMENTUM, weight_decay=_DECAY)
    copies = []
    for step in range(1, max(stages) + 1):
        batch = torch.randint(len(images), (min(TRAIN_BATCH, len(images)),), generator=generator)
        loss = functional.cross_entropy(network(augment(images[batch], policy, generator)), labels[batch])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step in stages:
            copies.append(deepcopy(network))
    return copies


@torch.no_grad()
def _reference(network: ConvNet, images: Tensor, labels: Tensor, policy: str, seed: int) -> Reference:
    generator = torch.Generator().manual_seed(seed)
    network.eval().requires_grad_(False)
    features, logits = [], []
    for start in range(0, len(images), STAT_BATCH):
        part = network.features(augment(images[start : start + STAT_BATCH], policy, generator))
        features.append(part)
        logits.append(network.head(part))
    all_features = torch.cat(features)
    centre, spread = scales_of(all_features)
    moments = class_moments((all_features - centre) / spread, torch.cat(logits), labels)
    return Reference(network, centre, spread, moments)


def train_member(
    images: Tensor, labels: Tensor, number: int, *, classes: int, options: MatchingOptions, seed: int
) -> list[Reference]:
    """Train network `number` of a pool and take real statistics at each of its stages.

    Args:
        images: (N, C, H, W) float32, normalised; labels: (N,) int64, every class present.
        options: width, stages, real_per_class (0: all images take part in the statistics), augmentation,
            precision.
    Returns: one reference a stage.
    """
    rows = [torch.nonzero(labels == c)[:, 0][: options.real_per_class or None] for c in range(classes)]
    chosen = torch.cat(rows)
    height, breadth = images.shape[2:]
    network = seeded_convnet(
        images.shape[1],
        (height, breadth),
        classes,
        seed=seed + number,
        width=options.width,
        precision=options.precision,
    ).to(images.device)
    copies = _snapshots(images, labels, network, options.stages, options.augmentation, seed + number)
    return [
        _reference(net, images[chosen], labels[chosen], options.augmentation, seed + 100 * number + stage)
        for stage, net in enumerate(copies)
    ]


def pool_state(pool: Sequence[Reference]) -> dict[str, Tensor]:
    """Everything in the pool as named tensors."""
    state = {}
    for number, entry in enumerate(pool):
        for name, value in entry.network.state_dict().items():
            state[f"pool.{number}.network.{name}"] = value
        for name in ("centre", "spread"):
            state[f"pool.{number}.{name}"] = getattr(entry, name)
        state[f"pool.{number}.mean"], state[f"pool.{number}.head"] = entry.real.mean, entry.real.head
    return state


def pool_from_state(state: dict[str, Tensor], make: Callable[[], nn.Module]) -> list[Reference]:
    """What `pool_state` described; `make` builds one network of the right shape."""
    pool: list[Reference] = []
    while f"pool.{len(pool)}.mean" in state:
        prefix = f"pool.{len(pool)}."
        network = make()
        weights = {
            k.removeprefix(prefix + "network."): v for k, v in state.items() if k.startswith(prefix + "network.")
        }
        network.load_state_dict(weights)
        network.eval().requires_grad_(False)
        assert isinstance(network, ConvNet)
        real = Moments(state[prefix + "mean"], state[prefix + "head"])
        pool.append(Reference(network, state[prefix + "centre"], state[prefix + "spread"], real))
    return pool

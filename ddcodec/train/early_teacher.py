"""A teacher of all classes, trained on real images and stopped early, so that it is not too sure of itself.

It has the recipe's network, and is trained by cross-entropy with the recipe's optimiser, batches and augmentation. The
learning rate is the recipe's first one throughout, for the part where it falls is never reached: what the teacher is
after an epoch does not depend on how many are to follow. Each epoch ends in a checkpoint.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.errors import EncodeError, InputError
from ddcodec.train.augment import augment
from ddcodec.train.checkpoints import Identity, checkpoint_files, load_checkpoint, save_checkpoint
from ddcodec.train.data import TrainingData
from ddcodec.train.evaluate import Normalise
from ddcodec.train.flat import mixed_seed
from ddcodec.train.ingredients import make_network, make_optimiser
from ddcodec.train.memory import keep_freed_memory
from ddcodec.train.recipe import Recipe

Progress = Callable[[int, int, dict[str, float]], None]
_ORDER, _NETWORK, _OPTIMISER = 11, "network.", "optimiser."


@dataclass(frozen=True, eq=False)
class EarlyTeacher:
    """A trained teacher.

    Fields: network, without a `Normalise` before it, in eval mode on the CPU; recipe; mean, std, a float per channel;
        epochs; score, share of the (augmented) training images that it named rightly on its way through the last epoch.
    """

    network: nn.Module
    recipe: Recipe
    mean: tuple[float, ...]
    std: tuple[float, ...]
    epochs: int
    score: float

    def seeing(self) -> nn.Module:
        """The same, taking images in [0, 1]."""
        return nn.Sequential(Normalise(self.mean, self.std), self.network).eval().requires_grad_(False)


def train_early(
    data: TrainingData,
    recipe: Recipe,
    epochs: int,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> EarlyTeacher:
    """Train a teacher for a few epochs; on a CPU the result depends on the arguments alone.

    Args:
        data: all real images; recipe: of which epochs, schedule and loss are not used; epochs: at least 1.
        mean, std: a float per channel, that images are normalised by.
        folder: for a checkpoint after each epoch; a later call with the same arguments goes on from there, one with
            more epochs, too.
        progress: called after each batch with (batches done, in all, metrics).
    Raises: InputError for no epochs, or a folder with checkpoints of another training; EncodeError for images too small
        for the network, or where training diverges.
    """
    if epochs < 1:
        raise InputError(f"epochs of the teacher: expected at least 1, found {epochs}")
    keep_freed_memory()
    training = _Training(data, recipe, (tuple(mean), tuple(std)), seed, torch.device(device))
    kept = _resumed(training, folder, epochs)
    for epoch in range(kept, epochs):
        training.epoch(epoch, epochs, progress)
        if folder is not None:
            save_checkpoint(folder, epoch + 1, training.state(), training.identity)
    network = training.network.cpu().eval()
    return EarlyTeacher(network, recipe, tuple(mean), tuple(std), epochs, float(training.score))


def _resumed(training: _Training, folder: Path | None, epochs: int) -> int:
    """Epochs that are done already, whose state is loaded."""
    if folder is None:
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder: {error.strerror}") from error
    found = [path for step, path in checkpoint_files(folder) if step <= epochs]
    if not found:
        return 0
    done, state = load_checkpoint(found[-1], training.identity)
    try:
        training.load_state(state)
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"{found[-1]}: is no checkpoint of this teacher") from error
    return done


class _Training:
    """Network, optimiser and images; all that changes is in `state`."""

    def __init__(
        self,
        data: TrainingData,
        recipe: Recipe,
        scales: tuple[tuple[float, ...], tuple[float, ...]],
        seed: int,
        device: torch.device,
    ) -> None:
        channels, height, width = (int(side) for side in data.images.shape[1:])
        self._data, self._recipe, self._seed, self._device = data, recipe, seed, device
        network = make_network(recipe, channels, (height, width), data.class_count, seed)
        self.network = network.to(device).train()
        self._optimiser = make_optimiser(recipe, self.network.parameters())
        self._normalise = Normalise(*scales).to(device)
        self._labels = torch.from_numpy(data.labels).long()
        self.score = torch.zeros((), dtype=torch.float64)
        used = {**recipe.to_dict(), "epochs": 0, "schedule": "", "loss": ""}
        text = repr((sorted(used.items()), scales, seed, data.class_count))
        self.identity = Identity(hashlib.sha256(text.encode()).hexdigest(), data.sha256())

    def epoch(self, number: int, epochs: int, progress: Progress | None) -> None:
        """Every image once, in an order that follows from seed and epoch."""
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, _ORDER, number))
        batches = torch.split(torch.randperm(len(self._labels), generator=generator), self._recipe.batch_size)
        hits = torch.zeros((), dtype=torch.int64, device=self._device)
        total = torch.zeros((), device=self._device)
        for place, rows in enumerate(batches):
            loss, right = self._step(rows, generator)
            hits += right
            total += loss * len(rows)
            if progress is not None:
                done, metrics = number * len(batches) + place + 1, {"epoch": number + 1.0}
                progress(done, epochs * len(batches), metrics)
        if not math.isfinite(float(total)):
            raise EncodeError(f"the teacher's training failed in epoch {number + 1}; lower recipe.learning_rate")
        self.score = (hits.double() / len(self._labels)).cpu()

    def _step(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """One step of the optimiser; the mean loss, and how many images were named rightly before it."""
        pixels = torch.from_numpy(np.ascontiguousarray(self._data.images[rows.numpy()])).to(self._device, torch.float32)
        wanted = self._labels[rows].to(self._device)
        with torch.no_grad():
            seen = augment(self._normalise(pixels), self._recipe.augmentation, generator)
        self._optimiser.zero_grad(set_to_none=True)
        logits = self.network(seen)
        loss = functional.cross_entropy(logits, wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return loss.detach(), (logits.detach().argmax(1) == wanted).sum()

    def state(self) -> dict[str, Tensor]:
        """Weights, the optimiser's moments and the score."""
        state = {_NETWORK + name: value for name, value in self.network.state_dict().items()}
        for number, parts in self._optimiser.state_dict()["state"].items():
            named = {f"{_OPTIMISER}{number}.{name}": value for name, value in parts.items() if value is not None}
            state |= named
        return state | {"score": self.score}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`; raises KeyError, RuntimeError or ValueError if it does not fit."""
        weights = {name.removeprefix(_NETWORK): value for name, value in state.items() if name.startswith(_NETWORK)}
        self.network.load_state_dict(weights)
        parts: dict[int, dict[str, Any]] = {}
        for name, value in state.items():
            if name.startswith(_OPTIMISER):
                number, key = name.removeprefix(_OPTIMISER).split(".")
                parts.setdefault(int(number), {})[key] = value
        whole = self._optimiser.state_dict()
        self._optimiser.load_state_dict({**whole, "state": parts})
        self.score = state["score"]

"""A distillation run, one step at a time: fit real images, follow the matching loss, finish as integers.

Phases: `fit` overfits latents and networks to chosen real images; `pool` makes what the loss
needs beforehand, such as trained networks; `joint` moves the latents by the matching loss under the budget;
`finalise` puts the networks on integer grids, re-tunes latents, and meets the budget.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.codecs.configs import Shape
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.pipeline import EncodedModel, encode_set
from ddcodec.train import snapshot
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.fit import cosine, error_weights, pyramid_step, set_rate, transform_step
from ddcodec.train.group import ERROR_PER_BIT, Group
from ddcodec.train.joint import Adam, Controller, goal_bits, rate_gradient
from ddcodec.train.losses.registry import make_matcher
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.memory import keep_freed_memory
from ddcodec.train.model import whole_latents
from ddcodec.train.outcome import Result
from ddcodec.train.quantise import search_shifts
from ddcodec.train.result import COARSEST, fit_budget, overhead_bits, trimmed
from ddcodec.train.start import Start
from ddcodec.validate import network_bits

FIT, POOL, JOINT, FINALISE = "fit", "pool", "joint", "finalise"
PEAK = 4080
_BUDGET_ROUNDS = 5
_CLOSE_ENOUGH = 0.004
_LENT_SHARE = 0.6
"""Share of the fit during which a base decides the latents of groups whose own context network is learning."""


class Distiller:
    """See the module's text.

    Args:
        config: resolved options; data: real images of every class; device: of the matching networks, and of pixels
        while they are matched (latents and networks stay on the CPU, where the coder's tables are).
    Raises: EncodeError for options that do not go together, such as a budget below the networks' own size.
    """

    def __init__(self, config: Config, data: TrainingData, device: torch.device) -> None:
        keep_freed_memory()
        self.config, self.data, self.device = config, data, device
        channels, height, width = data.images.shape[1:]
        self.shape = Shape(channels, height, width, PEAK)
        start = Start(config, data, self.shape)
        self.labels, self.targets = start.labels, start.targets
        self.groups, self.budget_bits = start.groups, start.budget_bits
        self.price = start.price
        self.is_pyramid = config.codec.synthesis == "pyramid"
        self.mean, self.std = start.mean, start.std
        self.generator = torch.Generator().manual_seed(config.train.seed + 5)
        self.optimisers = start.optimisers
        self.adams = [Adam(torch.zeros_like(g.shadow), torch.zeros_like(g.shadow)) for g in self.groups]
        self.controller = Controller()
        real = RealImages(data, start.mean, start.std, device)
        self.matcher = make_matcher(config, real, self.generator)
        self.steps_done = 0
        self._renderers: dict[int, torch.nn.Module] = {}
        train = config.train
        joint = train.joint_steps
        self._ends = np.cumsum(
            [train.fit_steps, self.matcher.prepare_steps if joint else 0, joint, train.tune_steps + 1]
        ).tolist()
        self._start = start

    def use_folder(self, folder: Path) -> None:
        """Told before the first step where large files may be kept."""
        self.matcher.use_folder(folder)

    @property
    def steps_total(self) -> int:
        """Steps of all phases."""
        return int(self._ends[-1])

    @property
    def phase(self) -> str:
        """Name of the phase that the next step belongs to."""
        names = (FIT, POOL, JOINT, FINALISE)
        return next((n for n, end in zip(names, self._ends, strict=True) if self.steps_done < end), FINALISE)

    def step(self) -> dict[str, float]:
        """One step; returns metrics, at least rate_bits and bytes_per_class (latents only) where known."""
        phase = self.phase
        number = self.steps_done - ([0, *self._ends])[(FIT, POOL, JOINT, FINALISE).index(phase)]
        metrics = {FIT: self._fit, POOL: self._pool, JOINT: self._joint, FINALISE: self._finalise}[phase](number)
        self.steps_done += 1
        bits = sum(group.bits for group in self.groups)
        return {"rate_bits": bits, "bytes_per_class": bits / 8 / self._start.class_count, **metrics}

    # ---- phases

    def _fit(self, number: int, exact: bool = False, own_only: bool = False) -> dict[str, float]:
        """One step towards `targets`; `own_only` leaves groups alone that have no networks of their own."""
        total, error, values = self.config.train.fit_steps, 0.0, 0
        for group, optimiser, images in zip(self.groups, self.optimisers, self.targets, strict=True):
            if optimiser is None and own_only:
                continue
            if optimiser is not None:
                set_rate(optimiser, (0.02 if self.is_pyramid else 0.005) * cosine(number / max(1, total)))
            if number >= _LENT_SHARE * total:
                group.stand_in = None
            if self.is_pyramid:
                assert optimiser is not None
                found = pyramid_step(
                    group, images, self.price, optimiser, self.generator, number / max(1, total), exact
                )
                group.chosen, group.bits = whole_latents(group.shadow), found["rate_bits"]
            else:
                found = transform_step(group, images, self.price, optimiser, exact)
            error += found["squared_error"]
            values += images.numel()
        if not values:
            return {}
        return {"loss": error, "psnr_db": float(10 * np.log10(PEAK**2 * values / max(error, 1e-9)))}

    def _pool(self, number: int) -> dict[str, float]:
        return self.matcher.prepare(number)

    def _joint(self, number: int) -> dict[str, float]:
        done = number / self.config.train.joint_steps
        rate = self.config.train.learning_rate * (0.1 + 0.9 * cosine(done))
        slopes, leaves, rendered = [], [], []
        for group in self.groups:
            slopes.append(rate_gradient(group, self._start.joint_net(group)))
            leaves.append(group.chosen_tensor().to(self.device).requires_grad_(True))
            rendered.append(self._renderer(group)(leaves[-1], True))
        images = torch.cat(rendered)
        gradient, terms = self._matching(images, number)
        if not np.isfinite(terms["loss"]):
            return terms  # with latents that are still sound
        pulled = [pull.cpu() for pull in torch.autograd.grad(images, leaves, gradient.to(images.device))]
        bits = sum(group.bits for group in self.groups)
        if not self.budget_bits:  # no budget was set: keep what the fit came to
            self.budget_bits = max(1.0, bits)
        goal = goal_bits(self.budget_bits, done)
        loss_norm, rate_norm = (float(torch.cat([p.flatten() for p in x]).norm()) for x in (pulled, slopes))
        weight = self.controller.weight(bits, goal, loss_norm, rate_norm)
        for group, adam, pull, slope in zip(self.groups, self.adams, pulled, slopes, strict=True):
            group.shadow = group.shadow.detach() - rate * adam.direction(pull + weight * slope)
        return {**terms, "rate_weight": weight, "goal_bits": goal}

    def _renderer(self, group: Group) -> torch.nn.Module:
        """The group's synthesis where images are matched; its networks rest during the joint phase.

        Pixels of another device than the CPU may differ in their last digits. They only lead the way: what is coded
        are the integers, on the CPU.
        """
        if self.device.type == "cpu":
            return group.model.synthesis
        if id(group) not in self._renderers:
            self._renderers[id(group)] = deepcopy(group.model.synthesis).to(self.device)
        return self._renderers[id(group)]

    def _matching(self, images: Tensor, number: int) -> tuple[Tensor, dict[str, float]]:
        """Pixel gradient and metrics, with "loss" NaN where the gradient is not finite."""
        pixels = images.detach().to(self.device)
        gradient, terms = self.matcher.pixel_gradient(pixels, self.labels.to(self.device), number)
        loss = sum(value for name, value in terms.items() if name.startswith("loss_"))
        return gradient, {"loss": loss if bool(gradient.isfinite().all()) else float("nan"), **terms}

    def _finalise(self, number: int) -> dict[str, float]:
        joint = bool(self.config.train.joint_steps)
        if number == 0:
            for place, (group, optimiser) in enumerate(zip(self.groups, self.optimisers, strict=True)):
                group.stand_in = None
                if optimiser is None:
                    continue
                if joint:  # from here on the aim is what the networks showed before they were rounded
                    with torch.no_grad():
                        self.targets[place] = group.model.synthesis(group.chosen_tensor())
                search_shifts(group, self.targets[place], self.price)
        if number < self.config.train.tune_steps:
            return self._fit(self.config.train.fit_steps, exact=True, own_only=joint)
        self._meet_budget(joint)
        return {}

    def _meet_budget(self, joint: bool) -> None:
        """Last choice of all latents, at the price that fills the budget with a whole file.

        Raises: EncodeError if none does.
        """
        if self.is_pyramid:
            for group in self.groups:
                group.chosen = whole_latents(group.shadow)
            return
        unit = 1.0 if joint else self.price / ERROR_PER_BIT
        weights = [np.ones(g.model.layout.latent_count) if joint else error_weights(g.model) for g in self.groups]
        for group in self.groups:
            group.outlook = None if joint else group.outlook
        wanted = int(self._start.budget.set_bytes)
        if not wanted:
            for group, weight in zip(self.groups, weights, strict=True):
                group.take(group.choose(weight, ERROR_PER_BIT * unit))
            return
        networks = [g.model.networks() for g in self.groups]
        bits = 8.0 * wanted - overhead_bits(networks, self._start.group_of_class, self._start.class_count)
        kept: list[NDArray[np.int16]] = []
        most, sizes = 0, set[int]()
        for _ in range(_BUDGET_ROUNDS):
            for group, weight in zip(self.groups, weights, strict=True):
                fit_budget(group, weight, unit, bits * len(group.chosen) / len(self.labels))
            size = len(encode_set(self._assembled()[0]))
            if most < size <= wanted:
                most, kept = size, [group.chosen for group in self.groups]
            if size in sizes or 0 <= wanted - size <= _CLOSE_ENOUGH * wanted:
                break
            sizes.add(size)
            bits += 8 * (wanted - size) - 8
        if not kept:
            raise self._start.budget.refusal(size, COARSEST)
        for group, chosen in zip(self.groups, kept, strict=True):
            group.chosen = chosen

    # ---- results and state

    def images(self) -> NDArray[np.float32]:
        """Decoded images, (N, C, H, W) float32, sorted by class."""
        with torch.no_grad():
            parts = [group.model.synthesis(group.chosen_tensor(), True) for group in self.groups]
        return torch.cat(parts).numpy()

    def _assembled(self) -> tuple[EncodedModel, list[NDArray[np.bool_]]]:
        """The set as integers, and for each group which of its latents the file keeps."""
        networks, latents, kept = [], [], []
        for group in self.groups:
            edges = np.cumsum([0, *(self._start.counts[c] for c in group.classes)])
            parts = [group.chosen[a:b] for a, b in zip(edges, edges[1:], strict=False)]
            smaller, parts, keep = trimmed(group.model.networks(), parts)
            networks.append(smaller)
            latents += parts
            kept.append(keep)
        return EncodedModel(networks, self._start.group_of_class, latents), kept

    @torch.no_grad()
    def result(self) -> Result:
        """The set as integers, with the training's own estimate of its bits beside the integer model's."""
        model, kept = self._assembled()
        _, ideal = encode_class_streams(model.networks, model.group_of_class, model.latents)
        estimate = 0.0
        for group, keep in zip(self.groups, kept, strict=True):
            bits = group.model.context.bits(group.chosen_tensor(), True)
            estimate += float(bits[torch.from_numpy(keep)].double().sum())
        learned = self.matcher.learned() if self.config.train.joint_steps else {}
        return Result(
            model,
            tuple(self.mean.tolist()),
            tuple(self.std.tolist()),
            self.data.classes,
            self.config.recipe.to_dict() | learned,
            {
                "latent_bits": ideal,
                "network_bits": [network_bits(net) for net in model.networks],
                "training_latent_bits": estimate,
                "training_network_bits": sum(group.model.coded_network_bits() for group in self.groups),
            },
        )

    def state(self) -> dict[str, Tensor]:
        """Everything a later `load_state` needs to go on bit for bit."""
        return snapshot.save(self)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` was taken.

        Raises: KeyError, RuntimeError or ValueError for the state of another run.
        """
        snapshot.load(self, state)

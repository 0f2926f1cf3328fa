"""A run that distils priors, one step at a time: fit real images, follow the matching loss, finish as integers.

Phases: `fit` lets the decoder make one chosen real image of each prior's mean, and about the same of its draws;
`pool` makes what the loss needs beforehand; `joint` moves priors and decoder by the matching loss of fresh draws, with
the rate of both in it where there is a budget or a lambda; `finalise` fits the tables and meets the budget.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.codecs.configs import Shape
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.codecs.prior_fields import SEED_MAX
from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError
from ddcodec.pipeline import EncodedModel, encode_set
from ddcodec.train.budget import budget_of
from ddcodec.train.chosen import choose, normalisation_of
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.fit import cosine
from ddcodec.train.joint import Controller
from ddcodec.train.labelling import find_teacher, soft_labels
from ddcodec.train.losses.registry import make_matcher
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.matching import match
from ddcodec.train.memory import keep_freed_memory
from ddcodec.train.outcome import Result
from ddcodec.train.priors import snapshot
from ddcodec.train.priors.integers import closed_form_bits, latents_of, networks_of, quick_bits
from ddcodec.train.priors.landing import thin_out
from ddcodec.train.priors.model import PriorModel
from ddcodec.train.priors.options import prior_config
from ddcodec.validate import network_bits

FIT, POOL, JOINT, FINALISE = "fit", "pool", "joint", "finalise"
PEAK = 4080
_LATENT_RATE, _TABLE_RATE = 0.03, 0.05
_BETAS = (0.9, 0.99)
_LOOK_EVERY = 25
"""Steps after which the size of the file itself is looked at."""
_CLOSING = 0.8
"""Share of the joint phase over which the goal falls from what the set takes to its budget."""


class PriorDistiller:
    """See the module's text; arguments and errors as for `Distiller`."""

    def __init__(self, config: Config, data: TrainingData, device: torch.device) -> None:
        keep_freed_memory()
        self.config, self.data, self.device = config, data, device
        if config.train.labels == "learned":
            raise InputError("train.labels: priors take hard or soft labels, found learned")
        channels, height, width = data.images.shape[1:]
        self.shape = Shape(channels, height, width, PEAK)
        train = config.train
        self.class_count = data.class_count
        self.mean, self.std = normalisation_of(data)
        self.generator = torch.Generator().manual_seed(train.seed + 5)
        chosen = choose(config, data)
        self.counts, self.group_of_class, self.labels = chosen.counts, chosen.group_of_class, chosen.labels
        decoder = prior_config(config.prior, self.shape)
        self.models: list[PriorModel] = []
        self.targets: list[Tensor] = []
        for number in range(len(chosen.members)):
            images = chosen.images(data, number)
            spread, seed = config.prior.spread, train.seed + number
            model = PriorModel(self.shape, decoder, len(images), spread=spread, seed=seed)
            if config.prior.seeded and config.prior.grid:
                model.seed_weights(1 + seed % SEED_MAX, config.prior.grid)
            self.models.append(model.to(device))
            self.targets.append(images)
        self.optimiser = self._make_optimiser()
        self._rates = [group["lr"] for group in self.optimiser.param_groups]
        self.controller, self.start_bits, self.spare_bits = Controller(), 0.0, 0.0
        real = RealImages(data, self.mean, self.std, device, config.recipe.zca if train.joint_steps else 0.0)
        self.matcher = make_matcher(config, real, self.generator)
        self.teacher = find_teacher(config, self.matcher)
        self.budget = budget_of(
            *(config, data, self._networks(), self.group_of_class, self.mean.tolist(), self.std.tolist())
        )
        self.steps_done, self.bits = 0, 0.0
        joint = train.joint_steps
        prepared = self.matcher.prepare_steps if joint or self.teacher else 0
        self._ends = np.cumsum([train.fit_steps, prepared, joint, 1]).tolist()

    def _make_optimiser(self) -> torch.optim.Adam:
        groups = []
        for model in self.models:
            groups.append({"params": [model.means, model.log_scales], "lr": _LATENT_RATE})
            groups.append({"params": [model.steps, model.offset, model.spread_step], "lr": _TABLE_RATE})
            groups.append({"params": list(model.layers.parameters()), "lr": self.config.prior.decoder_rate})
        return torch.optim.Adam(groups, betas=_BETAS, eps=1e-12)

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
        """One step; returns metrics, at least rate_bits and bytes_per_class (without tables)."""
        phase = self.phase
        number = self.steps_done - ([0, *self._ends])[(FIT, POOL, JOINT, FINALISE).index(phase)]
        steps = {FIT: self._fit, POOL: self.matcher.prepare, JOINT: self._joint, FINALISE: self._finalise}
        metrics = steps[phase](number)
        self.steps_done += 1
        return {"rate_bits": self.bits, "bytes_per_class": self.bits / 8 / self.class_count, **metrics}

    # ---- phases

    def _noise(self, model: PriorModel, samples: int) -> Tensor:
        return torch.randn(samples, *model.means.shape, generator=self.generator).to(self.device)

    def _fit(self, number: int) -> dict[str, float]:
        """One step towards the chosen images, from means and draws in turn."""
        self._pace(0.1 + 0.9 * cosine(number / self.config.train.fit_steps))
        self.optimiser.zero_grad()
        error, values = 0.0, 0
        for model, images in zip(self.models, self.targets, strict=True):
            noise = self._noise(model, 1) if number % 2 and self.config.prior.samples else None
            loss = (model(noise) - images.to(self.device)).square().sum()
            loss.backward()
            if noise is not None:
                model.log_scales.grad = model.offset.grad = None  # a fit would make all spreads vanish
            error, values = error + float(loss.detach()), values + images.numel()
        self.optimiser.step()
        return {"loss": error, "psnr_db": -10 * math.log10(max(error, 1e-12) / values)}

    def _pace(self, pace: float) -> None:
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * pace

    def _joint(self, number: int) -> dict[str, float]:
        options, train = self.config.prior, self.config.train
        done = number / train.joint_steps
        if number == 0:
            self._begin_joint()
        self._pace(0.05 + 0.95 * cosine(done))
        exact = done >= options.exact_from and options.grid > 0
        images, labels = self._rendered(exact)
        found = match(self.matcher, images.detach(), labels.to(self.device), None, number)
        if not found.is_sound:
            return found.terms
        parameters = [value for model in self.models for value in model.parameters()]
        pulls = torch.autograd.grad(images, parameters, found.pixels.to(images.device), allow_unused=True)
        pulls = tuple(
            torch.zeros_like(value) if pull is None else pull for value, pull in zip(parameters, pulls, strict=True)
        )
        metrics = dict(found.terms)
        if self.budget.per_class or train.lambda_:
            slopes, weight, goal = self._rate(parameters, pulls, number)
            pulls = tuple(pull + weight * slope for pull, slope in zip(pulls, slopes, strict=True))
            metrics |= {"rate_weight": weight, "goal_bits": goal}
        else:
            self.bits = sum(map(quick_bits, self.models))
        for value, pull in zip(parameters, pulls, strict=True):
            value.grad = pull
        self.optimiser.step()
        return metrics

    def _begin_joint(self) -> None:
        """Put the weights on grids, and start the optimiser anew: the slopes of the fit are those of another loss."""
        self.optimiser = self._make_optimiser()
        for model in self.models:
            model.set_grids(self.config.prior.grid)
        self.start_bits = sum(map(quick_bits, self.models))

    def _rendered(self, exact: bool) -> tuple[Tensor, Tensor]:
        """Draws, and means if wanted, of every prior, with their labels."""
        options, images, labels, first = self.config.prior, [], [], 0
        for model in self.models:
            own = self.labels[first : first + len(model.means)]
            first += len(own)
            inputs = [model.inputs(self._noise(model, options.samples), exact)] if options.samples else []
            if options.with_means or not options.samples:
                inputs.append(model.inputs(None, exact))
            images.append(model.decode(torch.cat(inputs), exact))
            labels.append(own.repeat(options.samples + int(options.with_means or not options.samples)))
        return torch.cat(images), torch.cat(labels)

    def _rate(
        self, parameters: list[torch.nn.Parameter], pulls: tuple[Tensor, ...], number: int
    ) -> tuple[list[Tensor], float, float]:
        """Slopes of the rate, its weight, and the bits that are allowed by now."""
        rate = sum((model.rate_bits() for model in self.models), torch.zeros((), device=self.device))
        found = torch.autograd.grad(rate, parameters, allow_unused=True)
        slopes = [torch.zeros_like(v) if s is None else s for v, s in zip(parameters, found, strict=True)]
        self.bits = sum(map(quick_bits, self.models))
        if not self.budget.per_class:
            return slopes, 1 / self.config.train.lambda_, self.bits
        if number % _LOOK_EVERY == 0:  # tables, configurations, container, labels, ends of streams
            self.spare_bits = 8.0 * self._size() - self.bits
        budget_bits = 8 * self.budget.set_bytes - self.spare_bits
        left = max(0.0, 1 - number / self.config.train.joint_steps / _CLOSING)
        goal = max(1.0, budget_bits) * max(self.start_bits / max(1.0, budget_bits), 1.0) ** left
        loss_norm, rate_norm = (float(torch.cat([p.flatten() for p in part]).norm()) for part in (pulls, slopes))
        return slopes, self.controller.weight(self.bits, goal, loss_norm, rate_norm), goal

    def _finalise(self, number: int) -> dict[str, float]:
        if not self.config.train.joint_steps:
            for model in self.models:
                model.set_grids(self.config.prior.grid)
        if self.budget.per_class:
            thin_out(self.models, self._size, int(self.budget.set_bytes), self.budget.refusal)
        self.bits = sum(map(quick_bits, self.models))
        return {"file_bytes": float(self._size())}

    # ---- what it made

    def _networks(self) -> list[GroupNetworks]:
        return [networks_of(model) for model in self.models]

    def _size(self) -> int:
        return len(encode_set(self._assembled()))

    def _assembled(self) -> EncodedModel:
        latents: list[NDArray[np.int16]] = []
        for group, model in enumerate(self.models):
            own = [count for c, count in enumerate(self.counts) if self.group_of_class[c] == group]
            latents += np.split(latents_of(model), np.cumsum(own)[:-1])
        bare = EncodedModel(self._networks(), self.group_of_class, latents)
        return replace(bare, soft=self._issued(bare))

    def _issued(self, model: EncodedModel) -> SoftLabels | None:
        """Soft labels of the means, as the integer decoder makes them, which hold for their draws, too."""
        if self.teacher is None:
            return None
        train = self.config.train
        taught = self.teacher.teach(torch.from_numpy(model.render() / np.float32(PEAK)).to(self.device)).cpu()
        return soft_labels(taught, self.labels, train.label_share, train.label_unit)

    @torch.no_grad()
    def images(self) -> NDArray[np.float32]:
        """Images of the means (N, C, H, W) in [0, 1] units, by class."""
        return torch.cat([model(None, True) for model in self.models]).float().cpu().numpy()

    def result(self) -> Result:
        """The finished set."""
        model = self._assembled()
        _, class_bits = encode_class_streams(model.networks, model.group_of_class, model.latents)
        believed = [closed_form_bits(m, net) for m, net in zip(self.models, model.networks, strict=True)]
        learned = self.matcher.learned()
        return Result(
            *(model, tuple(self.mean.tolist()), tuple(self.std.tolist()), self.data.classes),
            self.config.recipe.to_dict() | learned,
            {
                "latent_bits": class_bits,
                "network_bits": [network_bits(net) for net in model.networks],
                "training_latent_bits": sum(latent for latent, _ in believed),
                "training_network_bits": sum(network for _, network in believed),
            },
        )

    # ---- checkpoints

    def state(self) -> dict[str, Tensor]:
        """Everything a later `load_state` needs to go on bit for bit."""
        return snapshot.save(self)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` was taken.

        Raises: KeyError, RuntimeError or ValueError for the state of another run.
        """
        snapshot.load(self, state)

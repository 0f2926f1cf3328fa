"""Where a run begins: chosen real images, networks, quantiser steps that suit the budget."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ddcodec.codecs.base_networks import base_layers, matching_base
from ddcodec.codecs.configs import Shape
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.entropy.context import ContextNet
from ddcodec.train.budget import Budget, budget_of
from ddcodec.train.chosen import choose, normalisation_of
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.fit import error_weights, make_optimiser, own_parameters
from ddcodec.train.group import ERROR_PER_BIT, Group
from ddcodec.train.joint import START_OVER
from ddcodec.train.labelling import LABEL_BITS_GUESS
from ddcodec.train.model import GroupModel
from ddcodec.train.presets import codec_config
from ddcodec.train.pyramid_budget import coarsest, first_price
from ddcodec.train.result import COARSEST, DEAREST, overhead_bits
from ddcodec.train.synthesis_model import TransformModel

_DEFAULT_INDEX = 80
_FINEST_INDEX, _COARSEST_INDEX = 24, 120
_LEVEL = 16.0  # pixel integers of one 8-bit step


class Start:
    """Initial state of a run; see the attributes set in the constructor.

    groups: networks and latents; targets: per group the real images (n, C, H, W) in [0, 1]; labels: (N,) of
    all groups' images; price: squared pixel-integer error per bit; budget: of the file; label_bits: guess of what soft
    labels will take of it; budget_bits: what is left for the latents.
    """

    def __init__(self, config: Config, data: TrainingData, shape: Shape) -> None:
        self._nets: dict[int, ContextNet] = {}
        train = config.train
        self.class_count = data.class_count
        self.mean, self.std = normalisation_of(data)
        chosen = choose(config, data)
        self.counts, self.group_of_class, self.labels = chosen.counts, chosen.group_of_class, chosen.labels
        codec, widths, base = codec_config(config.codec, shape)
        self.groups: list[Group] = []
        self.targets: list[Tensor] = []
        for number, classes in enumerate(chosen.members):
            model = GroupModel(shape, codec, widths, base, seed=train.seed + number)
            images = chosen.images(data, number)
            self.targets.append(images)
            shadow = torch.zeros(len(images), model.layout.latent_count)
            self.groups.append(Group(model, classes, shadow, np.zeros(shadow.shape, np.int16)))
        # a pyramid's weights get the grids that the price of a bit asks for: only the coarsest are sure to be needed
        is_pyramid = config.codec.synthesis == "pyramid"
        networks = [coarsest(group.model) if is_pyramid else group.model.networks() for group in self.groups]
        self.budget: Budget = budget_of(
            config, data, networks, self.group_of_class, self.mean.tolist(), self.std.tolist()
        )
        self.label_bits = 0.0 if train.labels == "hard" else LABEL_BITS_GUESS * len(self.labels)
        self.budget_bits = self._latent_bits(networks)
        self.price = (_LEVEL**2) / train.lambda_ if train.lambda_ else ERROR_PER_BIT * 2 ** (_DEFAULT_INDEX / 4)
        if is_pyramid:
            if self.budget.per_class and not train.lambda_:
                values = sum(images.numel() for images in self.targets)
                variance = float((self.std * shape.peak).square().mean())
                self.price = first_price(variance, 8 * self.budget.set_bytes / values)
            self._start_pyramid(config)
        else:
            self._lend_context()
            self._choose_steps(config)
        self.optimisers = []
        for group in self.groups:
            parameters = own_parameters(group.model)
            if is_pyramid:
                group.shadow.requires_grad_(True)
                parameters.append({"params": [group.shadow], "factor": 1.0})
            self.optimisers.append(make_optimiser(parameters))

    def _latent_bits(self, networks: list[GroupNetworks]) -> float:
        """Bits for all latents, 0 if no budget was set."""
        if not self.budget.per_class:
            return 0.0
        spare = overhead_bits(networks, self.group_of_class, self.class_count)
        spare += self.label_bits
        bits = 8 * self.budget.set_bytes - spare
        if bits < 8 * len(self.labels):
            words = f"{len(self.labels)} images at one byte each, container and networks"
            raise self.budget.refusal(spare / 8 + len(self.labels), words)
        return bits

    def _start_pyramid(self, config: Config) -> None:
        generator = torch.Generator().manual_seed(config.train.seed + 3)
        for group in self.groups:
            group.shadow = 0.8 * (torch.rand(group.shadow.shape, generator=generator) - 0.5)

    def _lend_context(self) -> None:
        """Let a base decide latents for networks that start from nothing: those would choose only zeros."""
        for group in self.groups:
            base = matching_base("context 2", group.model.layout.input_count)
            if not group.model.context_base and base:
                group.stand_in = ContextNet(base_layers(base), group.model.layout.static_count)

    def _set_steps(self, index: float) -> None:
        """One step size for all zones and channels: with squared error no other choice was better."""
        for group, images in zip(self.groups, self.targets, strict=True):
            flat = torch.full((group.model.shape.channels, 8), float(np.clip(np.rint(index), 0, 127)))
            group.model.set_steps(flat)
            assert isinstance(group.model.synthesis, TransformModel)
            group.shadow = group.model.synthesis.analyse(images)

    def _choose_steps(self, config: Config) -> None:
        """Step sizes from the price, or from the budget: the coarsest that fill it (with room to tighten)."""
        train = config.train
        if not self.budget_bits:
            self._set_steps(min(127.0, max(0.0, 4 * np.log2(self.price / ERROR_PER_BIT))))
            return
        wanted = self.budget_bits * (START_OVER if train.joint_steps else 1.0)
        low, high = _FINEST_INDEX, _COARSEST_INDEX
        while high - low > 1:
            middle = (low + high) // 2
            self._set_steps(middle)
            if self._bits(bool(train.joint_steps), middle) > wanted:
                low = middle
            else:
                high = middle
        self._set_steps(high)
        self.price = ERROR_PER_BIT * 2 ** (high / 4)
        if high == _COARSEST_INDEX:
            ones = np.ones(self.groups[0].model.layout.latent_count)
            least = sum(group.choose(ones, DEAREST * ERROR_PER_BIT).bits for group in self.groups)
            if least > self.budget_bits:
                raise self.budget.refusal(self.budget.set_bytes + (least - self.budget_bits) / 8, COARSEST)

    def _bits(self, joint: bool, index: int) -> float:
        total = 0.0
        for group in self.groups:
            weight = np.ones(group.model.layout.latent_count) if joint else error_weights(group.model)
            price = ERROR_PER_BIT * (1.0 if joint else 2 ** (index / 4))
            total += group.choose(weight, price).bits
        return total

    def joint_net(self, group: Group) -> ContextNet:
        """The integer context network, kept: it does not change during the joint phase."""
        key = id(group)
        if key not in self._nets:
            self._nets[key] = group.context_net()
        return self._nets[key]

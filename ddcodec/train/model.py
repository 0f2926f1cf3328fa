"""One group of classes as a trainable whole: latents, synthesis, context network; and its integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ddcodec.codecs.base_networks import base_layers
from ddcodec.codecs.configs import FIRST_STEP_INDEX, Config, PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.networks import STEP_INDEX_MAX, GroupNetworks, tensor_specs
from ddcodec.codecs.pyramid_layout import PyramidLayout
from ddcodec.codecs.transform_layout import TransformLayout
from ddcodec.entropy.fixed_point import WEIGHT_MAX
from ddcodec.errors import EncodeError
from ddcodec.train.context_model import ContextModel
from ddcodec.train.rate import coded_weight_bits, weight_bits
from ddcodec.train.synthesis_model import PyramidModel, TransformModel


class GroupModel(nn.Module):
    """Trainable networks of a group (the latents live with the optimiser that changes them).

    shape, config, context_widths, context_base: as in `GroupNetworks`.
    """

    def __init__(
        self,
        shape: Shape,
        config: Config,
        context_widths: Sequence[int],
        context_base: int,
        *,
        seed: int,
    ) -> None:
        super().__init__()
        self.shape, self.config = shape, config
        self.context_widths, self.context_base = tuple(context_widths), context_base
        generator = torch.Generator().manual_seed(seed)
        self.synthesis: PyramidModel | TransformModel
        self.layout: PyramidLayout | TransformLayout
        if isinstance(config, PyramidConfig):
            self.layout = PyramidLayout(shape.height, shape.width, config.channels, config.cross_level)
            self.synthesis = PyramidModel(shape, config, self.layout, generator)
        else:
            if not isinstance(config, TransformConfig):
                raise EncodeError("only latents of a pyramid or a transform are trained")
            start = ((64,) * 8,) * shape.channels
            self.layout = TransformLayout(shape.height, shape.width, config.block, config.diagonals, start)
            self.synthesis = TransformModel(shape, config, self.layout, generator)
        self.context = ContextModel(self.layout, self.context_widths, generator)
        if context_base:
            self.context.load_layers(base_layers(context_base))

    def set_steps(self, indices: Tensor) -> None:
        """Choose quantiser step indices (channels, 8) of a transform; the context network sees them, too."""
        assert isinstance(self.synthesis, TransformModel)
        with torch.no_grad():
            self.synthesis.steps.copy_(indices)
        self.refresh_static()

    def refresh_static(self) -> None:
        """Show the context network, trainable and integer, the present step indices."""
        if not isinstance(self.synthesis, TransformModel):
            return
        assert isinstance(self.layout, TransformLayout)
        blocks = self.layout.block_rows * self.layout.block_columns
        whole = torch.round(self.synthesis.steps.detach()).clamp(0, STEP_INDEX_MAX)
        indices = tuple(tuple(int(index) for index in row) for row in whole.tolist())
        if indices != self.layout.step_indices:
            self.layout = replace(self.layout, step_indices=indices)
        per_band = whole[self.synthesis.channel, self.synthesis.zone]
        self.context.neighbours.static[4] = 8 * per_band.repeat_interleave(blocks)

    def network_bits(self) -> Tensor:
        """Smooth estimate of the bits of all weights that are not their base's; scalar."""
        total = torch.zeros(())
        store = self.synthesis.store
        for spec in store.specs:
            base = 0.0 if spec.base is None else torch.from_numpy(spec.base).float()
            total = total + weight_bits(store.integers(spec.name) - base)
        if not self.context_base:
            for weight, bias in self.context.integers():
                total = total + weight_bits(weight) + weight_bits(bias)
        return total

    def own_tensors(self) -> list[str]:
        """Names of the synthesis tensors that the file itself carries: no base filter, not the colours."""
        return [s.name for s in self.synthesis.store.specs if s.base is None or s.name == "taps"]

    @torch.no_grad()
    def coded_network_bits(self) -> float:
        """The training's count of all weights on their grids, and of their descriptors."""
        total = 0.0
        if isinstance(self.synthesis, TransformModel):
            steps = torch.round(self.synthesis.steps).diff(dim=1, prepend=torch.zeros(self.shape.channels, 1))
            steps[:, 0] -= FIRST_STEP_INDEX
            total += 8.0 + (coded_weight_bits(steps) if bool(steps.any()) else 0.0)
        store = self.synthesis.store
        for spec in store.specs:
            base = 0.0 if spec.base is None else torch.from_numpy(spec.base).float()
            delta = torch.round(store.integers(spec.name)) - base
            if not bool(delta.any()) and store.shifts[spec.name] == spec.base_shift:
                total += 8.0
            else:
                total += (16.0 if spec.base is None else 8.0) + coded_weight_bits(delta)
        if self.context_base:
            return total + 16.0 * len(self.context.weights)
        return total + sum(16.0 + coded_weight_bits(torch.round(t)) for pair in self.context.integers() for t in pair)

    def grids(self) -> tuple[dict[str, int], list[int], list[int]]:
        """Shifts of the synthesis by tensor name, and of the context network's weights and biases."""
        return dict(self.synthesis.store.shifts), list(self.context.weight_shifts), list(self.context.bias_shifts)

    def set_grids(self, grids: tuple[dict[str, int], list[int], list[int]]) -> None:
        """Take over what `grids` returned."""
        self.synthesis.store.shifts, self.context.weight_shifts, self.context.bias_shifts = grids

    def networks(self) -> GroupNetworks:
        """The networks as integers, rounded to their grids."""
        specs = tensor_specs(self.shape, self.config, self.context_widths, self.context_base)
        layers = self.context.layers()
        tensors, shifts = [], []
        for spec in specs:
            if spec.name == "steps":
                assert isinstance(self.synthesis, TransformModel)
                indices = torch.round(self.synthesis.steps.detach()).clamp(0, STEP_INDEX_MAX).long().numpy()
                tensors.append(np.diff(indices, axis=1, prepend=0))
                shifts.append(0)
            elif spec.name.startswith("context."):
                layer = layers[int(spec.name.split(".")[1])]
                is_weight = spec.name.endswith("weight")
                tensors.append(layer.weight if is_weight else layer.bias)
                shifts.append(layer.shift if is_weight else layer.bias_shift)
            else:
                values = torch.round(self.synthesis.store.integers(spec.name).detach().double()).long()
                tensors.append(values.clamp(-WEIGHT_MAX, WEIGHT_MAX).cpu().numpy())
                shifts.append(self.synthesis.store.shifts[spec.name])
        return GroupNetworks(
            self.shape, self.config, self.context_widths, self.context_base, tuple(tensors), tuple(shifts)
        )


def whole_latents(latents: Tensor) -> NDArray[np.int16]:
    """Rounded latents as the file holds them."""
    return torch.round(latents.detach()).clamp(-32_767, 32_767).to(torch.int16).cpu().numpy()

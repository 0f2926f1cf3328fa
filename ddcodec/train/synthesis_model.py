"""Synthesis networks with gradients: latents to pixels in [0, 1] units (spec sections 6.2, 7.2).

Activations are real numbers here, in pixel integers; the rounding of activations (half an integer in a
pyramid, 1/128 of a quantiser step in a transform) is left out, that of weights is kept when `exact`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.codecs.configs import PyramidConfig, Shape, TensorSpec, TransformConfig
from ddcodec.codecs.pyramid import LATENT_GAIN
from ddcodec.codecs.pyramid_layout import PyramidLayout
from ddcodec.codecs.transform import BASIS_SHIFT, FILTER_MAX, UNIT_SHIFT, dct_basis
from ddcodec.codecs.transform_layout import TransformLayout, zone_of
from ddcodec.entropy.fixed_point import ACTIVATION_MAX
from ddcodec.train.rounding import straight_through


class WeightStore(nn.Module):
    """Named tensors in real units, each with its integer grid `2^-shift` (biases: 2^(up - layer shift)).

    grid[name] is the real value of one integer step.
    """

    def __init__(self, specs: list[TensorSpec]) -> None:
        super().__init__()
        self.specs = specs
        self.values = nn.ParameterDict()
        self.shifts = {spec.name: spec.base_shift for spec in specs}
        for spec in specs:
            start = np.zeros(spec.shape) if spec.base is None else spec.base * self.grid(spec.name)
            self.values[_key(spec.name)] = nn.Parameter(torch.from_numpy(start).float())

    def set(self, name: str, value: Tensor, shift: int) -> None:
        """Put a real-valued tensor and its shift in place."""
        with torch.no_grad():
            self.values[_key(name)].copy_(value)
        self.shifts[name] = shift

    def parameter(self, name: str) -> nn.Parameter:
        """The trainable tensor itself."""
        value = self.values[_key(name)]
        assert isinstance(value, nn.Parameter)
        return value

    def grid(self, name: str) -> float:
        """Real size of one integer step of a tensor."""
        if name.endswith(".bias"):
            return 2.0 ** (self.shifts[name] - self.shifts[name.removesuffix("bias") + "weight"])
        return 2.0 ** -self.shifts[name]

    def get(self, name: str, exact: bool) -> Tensor:
        """A tensor in real units, on its grid if `exact`."""
        value: Tensor = self.values[_key(name)]
        return straight_through(value / self.grid(name)) * self.grid(name) if exact else value

    def integers(self, name: str) -> Tensor:
        """A tensor in integer units, not yet rounded."""
        value: Tensor = self.values[_key(name)]
        return value / self.grid(name)


def _key(name: str) -> str:
    return name.replace(".", "_")


def _conv3x3(planes: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.conv2d(functional.pad(planes, (1, 1, 1, 1), mode="replicate"), weight, bias)


class TransformModel(nn.Module):
    """Inverse transform, colour matrix, optional filter. `steps` are step indices, real-valued."""

    channel: Tensor
    zone: Tensor
    cell: Tensor
    basis: Tensor

    def __init__(
        self, shape: Shape, config: TransformConfig, layout: TransformLayout, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.shape, self.config, self.layout = shape, config, layout
        self.store = WeightStore([s for s in config.tensors(shape) if s.name != "steps"])
        if config.filter_widths and not config.filter_base:
            self._start_filter(generator)
        self.steps = nn.Parameter(torch.full((shape.channels, 8), 64.0))
        channel, u, v = layout.band_table.T
        self.register_buffer("channel", torch.from_numpy(channel.copy()))
        self.register_buffer("zone", torch.from_numpy(zone_of(u + v, config.block)))
        self.register_buffer("cell", torch.from_numpy((channel * config.block + u) * config.block + v))
        basis = torch.from_numpy(dct_basis(config.block) / 2.0**BASIS_SHIFT).float()
        self.register_buffer("basis", basis)

    def _start_filter(self, generator: torch.Generator) -> None:
        """Random first layers, a last one of zeros: the filter starts as the identity."""
        last = f"filter.{len(self.config.filter_widths)}"
        for spec in self.store.specs:
            if spec.name.startswith("filter.") and spec.name.endswith("weight"):
                spread = 0.0 if spec.name.startswith(last) else (2 / (9 * spec.shape[1])) ** 0.5
                self.store.set(spec.name, torch.randn(spec.shape, generator=generator) * spread, 6)
            elif spec.name.startswith("filter."):
                self.store.set(spec.name, torch.zeros(spec.shape), 6)

    def indices(self, exact: bool) -> Tensor:
        """(channels, 8) step indices, whole numbers if `exact`."""
        return straight_through(self.steps) if exact else self.steps

    def band_steps(self, exact: bool) -> Tensor:
        """(bands,) quantiser step of each coded band, in pixel integers."""
        indices = self.indices(exact)
        unit = torch.exp2((indices[self.channel, self.zone] - indices[self.channel, 0]) / 8 + UNIT_SHIFT)
        reference = torch.exp2(indices[self.channel, 0] / 8)
        if exact:
            unit, reference = straight_through(unit), straight_through(reference)
        return unit * reference / (1 << UNIT_SHIFT)

    def _inverse(self, latents: Tensor, scale: Tensor) -> Tensor:
        """Planes (images, channels, height, width) of latents whose bands are multiplied by scale (bands,)."""
        block, rows, columns = self.config.block, self.layout.block_rows, self.layout.block_columns
        images, channels = len(latents), self.shape.channels
        bands = latents.reshape(images, len(self.cell), rows * columns) * scale[:, None]
        flat = latents.new_zeros(images, channels * block * block, rows * columns)
        spectrum = flat.index_copy(1, self.cell, bands).reshape(images, channels, block, block, rows, columns)
        half = torch.einsum("icuvyx,un->icnvyx", spectrum, self.basis)
        planes = torch.einsum("icnvyx,vm->icynxm", half, self.basis)
        planes = planes.reshape(images, channels, rows * block, columns * block)
        return planes[:, :, : self.shape.height, : self.shape.width]

    def forward(self, latents: Tensor, exact: bool = False) -> Tensor:
        """Images (n, channels, height, width) in [0, 1] units, not clamped, of latents (n, latent_count)."""
        indices = self.indices(exact)
        reference = torch.exp2(indices[:, 0] / 8)
        if exact:
            reference = straight_through(reference)
        scale = self.band_steps(exact) * (1 << UNIT_SHIFT) / reference[self.channel]
        planes = self._inverse(latents, scale)
        if self.config.filter_widths:
            planes = planes + self.filtered(planes, exact)
        planes = planes * (reference / (1 << UNIT_SHIFT))[:, None, None]
        centred = torch.einsum("kc,icyx->ikyx", self.store.get("colour", exact), planes)
        return (centred + ((self.shape.peak + 1) >> 1)) / self.shape.peak

    def filtered(self, planes: Tensor, exact: bool) -> Tensor:
        """What the filter adds to planes in units of 1/64 step."""
        hidden = planes.clamp(-FILTER_MAX, FILTER_MAX)
        last = len(self.config.filter_widths)
        for number in range(last + 1):
            weight = self.store.get(f"filter.{number}.weight", exact)
            bias = self.store.get(f"filter.{number}.bias", exact)
            low = 0 if number < last else -FILTER_MAX
            hidden = _conv3x3(hidden, weight, bias).clamp(low, FILTER_MAX)
        return hidden

    @torch.no_grad()
    def analyse(self, images: Tensor) -> Tensor:
        """Latents (images, latent_count), not rounded, of images (images, channels, height, width) in [0, 1].

        The forward transform of the same basis; edges are replicated to whole blocks; the filter is ignored.
        """
        block, rows, columns = self.config.block, self.layout.block_rows, self.layout.block_columns
        down, right = rows * block - self.shape.height, columns * block - self.shape.width
        centred = images * self.shape.peak - ((self.shape.peak + 1) >> 1)
        padded = functional.pad(centred, (0, right, 0, down), mode="replicate")
        inverse = torch.linalg.inv(self.store.get("colour", False).double()).float()
        planes = torch.einsum("kc,icyx->ikyx", inverse, padded)
        tiles = planes.reshape(len(images), -1, rows, block, columns, block)
        spectrum = torch.einsum("icynxm,un,vm->icuvyx", tiles, self.basis, self.basis)
        chosen = spectrum.reshape(len(images), -1, rows * columns)[:, self.cell]
        return (chosen / self.band_steps(True)[:, None]).reshape(len(images), -1)


class PyramidModel(nn.Module):
    """Upsampled levels through 1x1 layers and residual 3x3 layers."""

    def __init__(self, shape: Shape, config: PyramidConfig, layout: PyramidLayout, generator: torch.Generator) -> None:
        super().__init__()
        self.shape, self.config, self.layout = shape, config, layout
        self.store = WeightStore(config.tensors(shape))
        last = f"pixelwise.{len(config.widths)}"
        for spec in self.store.specs:
            if spec.name == "taps":
                continue
            if spec.name.endswith("bias"):
                middle = (shape.peak + 1) / 2
                start = middle if spec.name.startswith(last) else 0.0
                self.store.set(spec.name, torch.full(spec.shape, start), 0)
            elif spec.name.startswith("residual"):
                self.store.set(spec.name, torch.zeros(spec.shape), 0)
            else:
                spread = 1.4 / spec.shape[1] ** 0.5
                self.store.set(spec.name, torch.randn(spec.shape, generator=generator) * spread, 0)
        # a latent of 1 enters as 16: let the last layer reach pixel range, and give all layers a fine grid
        self.store.values[_key(f"{last}.weight")].data *= 4.0
        for spec in self.store.specs:
            if spec.name != "taps":
                self.store.shifts[spec.name] = 8

    def _double(self, planes: Tensor, taps: Tensor) -> Tensor:
        for dim in (2, 3):
            pad = (0, 0, 2, 2) if dim == 2 else (2, 2, 0, 0)
            padded = functional.pad(planes, pad, mode="replicate")
            length = planes.shape[dim]
            pieces = [padded.narrow(dim, k, length) for k in range(5)]
            even = torch.stack([taps[k] * pieces[k] for k in range(4)]).sum(0)
            odd = torch.stack([taps[3 - k] * pieces[k + 1] for k in range(4)]).sum(0)
            planes = torch.stack([even, odd], dim=dim + 1).flatten(dim, dim + 1)
        return planes

    def forward(self, latents: Tensor, exact: bool = False) -> Tensor:
        """Images (n, channels, height, width) in [0, 1] units, not clamped, of latents (n, latent_count)."""
        taps = self.store.get("taps", exact)
        planes: Tensor | None = None
        stop = self.layout.latent_count
        for level in reversed(range(len(self.config.channels))):
            height, width = self.layout.level_size(level)
            count = self.config.channels[level]
            start = stop - count * height * width
            own = latents[:, start:stop].reshape(len(latents), count, height, width) * LATENT_GAIN
            stop = start
            if planes is None:
                planes = own
            else:
                planes = torch.cat([own, self._double(planes, taps)[:, :, :height, :width]], dim=1)
        assert planes is not None
        hidden_layers = len(self.config.widths)
        for number in range(hidden_layers + 1):
            weight = self.store.get(f"pixelwise.{number}.weight", exact)
            bias = self.store.get(f"pixelwise.{number}.bias", exact)
            planes = functional.conv2d(planes, weight[:, :, None, None], bias)
            planes = planes.clamp(0 if number < hidden_layers else -ACTIVATION_MAX, ACTIVATION_MAX)
        for number in range(self.config.residual):
            weight = self.store.get(f"residual.{number}.weight", exact)
            bias = self.store.get(f"residual.{number}.bias", exact)
            planes = planes + _conv3x3(planes, weight, bias)
            if number == 0 and self.config.residual == 2:
                planes = planes.clamp(min=0)
        return planes / self.shape.peak

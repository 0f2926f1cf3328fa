"""A group of priors with gradients: means, log-scales, and the decoder (spec section 7c)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.codecs.prior_base import base_weights
from ddcodec.codecs.prior_config import GAIN_MAX, OFFSET_ZERO, STEP_MAX, PriorConfig
from ddcodec.codecs.prior_synthesis import PLANE_MAX
from ddcodec.codecs.specs import Shape
from ddcodec.train.rate import weight_bits
from ddcodec.train.rounding import straight_through
from ddcodec.views.normal import DEVIATION

UNIT = 256
"""Integer activations that stand for 1.0 here."""
BIAS_BITS = 2
"""A bias is a multiple of so many bits of an integer activation."""
_STEP_UNIT = 64 * UNIT
_MEAN_SPREAD = 2.0
_FINEST, _COARSEST = 14, 1
_GAIN_UNIT = 55.43
"""A base's deviation is 2^(gain / 8) over this."""


class DecoderLayer(nn.Module):
    """weight, bias: as in the format, in units of 1.0; shift: of the weights' grid; base: integers that they are coded
    against, zeros where the file has no seed; gain: index of the base's deviation."""

    base: Tensor

    def __init__(self, shape: tuple[int, ...], deviation: float, generator: torch.Generator) -> None:
        super().__init__()
        self.deviation, self.gain = deviation, 0
        self.weight = nn.Parameter(torch.randn(shape, generator=generator) * deviation)
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self.register_buffer("base", torch.zeros(()))
        self.shift = _FINEST - BIAS_BITS

    def seed(self, seed: int, number: int, share: float) -> None:
        """Start from the random numbers of a seed, on a grid of about a share of their deviation."""
        self.set_grid(share)
        self.gain = max(0, min(GAIN_MAX, round(8 * math.log2(self.deviation * 2.0**self.shift * _GAIN_UNIT))))
        base = base_weights(seed, number, self.gain, tuple(self.weight.shape))
        self.base = torch.from_numpy(base).float()
        with torch.no_grad():
            self.weight.copy_(self.base * 2.0**-self.shift)

    @property
    def bias_shift(self) -> int:
        """Such that a bias is a multiple of 2^BIAS_BITS integer activations."""
        return min(self.shift + BIAS_BITS, 15)

    @property
    def bias_grid(self) -> float:
        """Real size of an integer step of the bias."""
        return float(2.0 ** (self.bias_shift - self.shift) / UNIT)

    def values(self, exact: bool) -> tuple[Tensor, Tensor]:
        """Weight and bias, on their grids if `exact`."""
        if not exact:
            return self.weight, self.bias
        weight = straight_through(self.weight * 2.0**self.shift) * 2.0**-self.shift
        return weight, straight_through(self.bias / self.bias_grid) * self.bias_grid

    def set_grid(self, share: float) -> None:
        """Choose the grid of the weights: the power of two nearest to a share of their deviation, 0 for the finest."""
        deviation = float(self.weight.detach().square().mean().sqrt())
        wanted = _FINEST if not share else round(-math.log2(max(share * deviation, 1e-6)))
        largest = float(self.weight.detach().abs().max())
        fits = math.floor(math.log2(32_000 / max(largest, 1e-6)))
        self.shift = max(_COARSEST, min(_FINEST - 1, wanted, fits))

    def coded(self) -> Tensor:
        """What is coded of the weight, in steps of its grid, not rounded."""
        return self.weight * 2.0**self.shift - self.base

    def rate_bits(self) -> Tensor:
        """Smooth estimate of the bits of weight and bias."""
        return weight_bits(self.coded()) + weight_bits(self.bias / self.bias_grid)


class PriorModel(nn.Module):
    """Priors of a group of classes and their decoder.

    Parameters: means, log_scales (P, z), in steps; steps (z,), indices of the means' steps; offset, spread_step: as in
    `PriorConfig`; layers.
    """

    def __init__(self, shape: Shape, config: PriorConfig, priors: int, *, spread: float, seed: int) -> None:
        super().__init__()
        self.shape, self.config = shape, config
        generator = torch.Generator().manual_seed(seed)
        count = config.dimensions
        self.means = nn.Parameter(torch.randn(priors, count, generator=generator) * _MEAN_SPREAD)
        self.log_scales = nn.Parameter(torch.zeros(priors, count))
        self.steps = nn.Parameter(torch.full((count,), float(config.step)))
        start = OFFSET_ZERO + 8 * math.log2(max(spread, 1e-3) * _MEAN_SPREAD * 256 / DEVIATION)
        self.offset = nn.Parameter(torch.tensor(max(0.0, start) if spread else 0.0))
        self.spread_step = nn.Parameter(torch.tensor(float(config.spread_step)))
        gain = math.sqrt(2 / (1 + 4.0**-config.leak))
        height, width = config.size_hw(shape, 0)
        layers: dict[str, nn.Module] = {}
        if config.linear:
            sizes: tuple[int, ...] = (config.channels[0] * height * width, count)
            layers["linear"] = DecoderLayer(sizes, gain / math.sqrt(count), generator)
        kernel = config.kernel
        for number, (fan_in, fan_out) in enumerate(zip(config.channels, config.channels[1:], strict=False)):
            sizes = (fan_out, fan_in, kernel, kernel)
            layers[f"doubling{number}"] = DecoderLayer(sizes, 2 * gain / (kernel * math.sqrt(fan_in)), generator)
        fan_in = config.channels[-1]
        layers["last"] = DecoderLayer((shape.channels, fan_in, 3, 3), 4 / (3 * math.sqrt(fan_in)), generator)
        self.layers = nn.ModuleDict(layers)

    def seed_weights(self, seed: int, share: float) -> None:
        """Let the decoder start from the random numbers of a seed (1 .. 2^32 - 1), on grids of a share of them."""
        for number, (_, layer) in enumerate(self.decoder_layers()):
            layer.seed(seed, number, share)
        bases = tuple(value for _, layer in self.decoder_layers() for value in (layer.shift, layer.gain))
        self.config = replace(self.config, seed=seed, bases=bases)

    def decoder_layers(self) -> Iterator[tuple[str, DecoderLayer]]:
        """Layers by their names in the format, in its order."""
        for name, layer in self.layers.items():
            assert isinstance(layer, DecoderLayer)
            yield (f"doubling.{name.removeprefix('doubling')}" if name.startswith("doubling") else name), layer

    def layer(self, name: str) -> DecoderLayer:
        """One layer, by its name in the format."""
        return dict(self.decoder_layers())[name]

    def set_grids(self, share: float) -> None:
        """Choose the grids of all layers, unless their seed has."""
        for _, layer in () if self.config.seed else self.decoder_layers():
            layer.set_grid(share)

    def _rounded(self, value: Tensor, exact: bool) -> Tensor:
        return straight_through(value) if exact else value

    def inputs(self, noise: Tensor | None, exact: bool) -> Tensor:
        """Decoder inputs of every prior, (P, z) or, with noise (n, P, z) of deviation 1, (n * P, z)."""
        steps = self._rounded(self.steps, exact)
        means = self._rounded(self.means, exact) * torch.exp2(steps / 8) / _STEP_UNIT
        if noise is None:
            return means.clamp(-PLANE_MAX / UNIT, PLANE_MAX / UNIT)
        relative = self._rounded(self.offset, exact) - OFFSET_ZERO
        relative = relative + self._rounded(self.spread_step, exact) * self._rounded(self.log_scales, exact)
        index = (steps + relative).clamp(max=float(STEP_MAX))
        spreads = torch.exp2(index / 8) * (DEVIATION / 256 / _STEP_UNIT) * (index > 0)
        drawn = means + spreads * noise
        return drawn.flatten(0, 1).clamp(-PLANE_MAX / UNIT, PLANE_MAX / UNIT)

    def decode(self, inputs: Tensor, exact: bool) -> Tensor:
        """Images (n, channels, height, width) in [0, 1] units, not clamped, of inputs (n, z)."""
        config = self.config
        height, width = config.size_hw(self.shape, 0)
        planes = inputs
        if config.linear:
            planes = self._act(functional.linear(inputs, *self.layer("linear").values(exact)))
        planes = planes.reshape(-1, config.channels[0], height, width)
        extra = 4 - config.kernel
        for stage in range(config.stages):
            weight, bias = self.layer(f"doubling.{stage}").values(exact)
            weight = weight.transpose(0, 1)
            wide = functional.conv_transpose2d(planes, weight, bias, stride=2, padding=1, output_padding=extra)
            height, width = config.size_hw(self.shape, stage + 1)
            planes = self._act(wide[:, :, :height, :width])
        weight, bias = self.layer("last").values(exact)
        pixels = functional.conv2d(functional.pad(planes, (1, 1, 1, 1), mode="replicate"), weight, bias)
        peak = self.shape.peak
        return (pixels * UNIT + ((peak + 1) >> 1)) / peak

    def _act(self, planes: Tensor) -> Tensor:
        leaked = functional.leaky_relu(planes, 2.0**-self.config.leak)
        return leaked.clamp(-PLANE_MAX / UNIT, PLANE_MAX / UNIT)

    def forward(self, noise: Tensor | None, exact: bool = False) -> Tensor:
        """Images of the means (P, ...), or of draws (n * P, ...) with noise (n, P, z)."""
        return self.decode(self.inputs(noise, exact), exact)

    def rate_bits(self) -> Tensor:
        """Smooth estimate of the bits of priors and decoder, with a gradient."""
        return sum((layer.rate_bits() for _, layer in self.decoder_layers()), _column_bits(self.means)) + _column_bits(
            self.log_scales
        )


def _column_bits(values: Tensor) -> Tensor:
    """As `weight_bits`, each column (of P numbers) under a scale of its own."""
    magnitude = values.abs().mean(0)
    return len(values) * torch.log2(1 + 2 * math.e * magnitude).sum()

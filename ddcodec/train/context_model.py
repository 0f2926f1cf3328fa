"""The integer context network with gradients: same inputs, same roundings (spec section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ddcodec.codecs.layout import Layout
from ddcodec.entropy.context import HIDDEN_MAX, MEAN_MAX, MEAN_MIN, SCALE_MAX
from ddcodec.entropy.fixed_point import Layer
from ddcodec.train.rate import laplace_bits
from ddcodec.train.rounding import floor_through


class Neighbours(nn.Module):
    """All neighbourhoods of a layout at once, as gathers over padded latents."""

    place: Tensor
    signed: Tensor
    magnitude: Tensor
    static: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        count = layout.latent_count
        steps = list(layout.steps())
        order = np.concatenate([s.latents for s in steps])
        inverse = np.empty(count, np.int64)
        inverse[order] = np.arange(count)

        def joined(parts: list[np.ndarray]) -> np.ndarray:
            return np.concatenate(parts, axis=-1)[..., inverse]

        self.latent_count, self.padded_size = count, layout.padded_size
        for name, parts in (
            ("place", [s.padded for s in steps]),
            ("signed", [s.signed for s in steps]),
            ("magnitude", [s.magnitude for s in steps]),
        ):
            self.register_buffer(name, torch.from_numpy(joined(parts)))
        static = torch.from_numpy(joined([s.static for s in steps])).float()
        self.register_buffer("static", static)

    def inputs(self, latents: Tensor) -> Tensor:
        """(inputs, latent_count, images) network inputs, without the static ones, of latents (images, n)."""
        turned = latents.t()
        padded = turned.new_zeros(self.padded_size, len(latents)).index_copy(0, self.place, turned)
        signed = 16 * padded.clamp(-63, 63)
        magnitude = 128 * torch.log2(1 + padded.abs().clamp(max=255))
        shape = (-1, self.latent_count, len(latents))
        parts = [
            signed.index_select(0, self.signed.reshape(-1)).reshape(shape),
            magnitude.index_select(0, self.magnitude.reshape(-1)).reshape(shape),
        ]
        return torch.cat(parts)


class ContextModel(nn.Module):
    """Trainable weights in real units; `exact` rounds like the integer network does.

    weights[i] (out, in) and biases[i] (out,): value = integer / 2^shift (times 2^bias_shift for biases).
    """

    def __init__(self, layout: Layout, widths: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.neighbours = Neighbours(layout)
        sizes = (layout.input_count, *widths, 2)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for number, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
            last = number == len(sizes) - 2
            spread = (0.1 if last else 1.0) / fan_in**0.5
            self.weights.append(nn.Parameter(torch.randn(fan_out, fan_in, generator=generator) * spread))
            self.biases.append(nn.Parameter(torch.zeros(fan_out)))
        with torch.no_grad():
            self.biases[-1][1] = 26.0  # a scale of half a step
        self.weight_shifts = [8] * len(self.weights)
        self.bias_shifts = [0] * len(self.weights)

    def load_layers(self, layers: Sequence[Layer]) -> None:
        """Take over integer layers, for instance a base's."""
        with torch.no_grad():
            for number, layer in enumerate(layers):
                self.weight_shifts[number], self.bias_shifts[number] = layer.shift, layer.bias_shift
                self.weights[number].copy_(torch.from_numpy(layer.weight) / 2**layer.shift)
                self.biases[number].copy_(torch.from_numpy(layer.bias) * 2.0 ** (layer.bias_shift - layer.shift))

    def integers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases in integer units, not yet rounded."""
        return [
            (w * 2**s, b * 2.0 ** (s - t))
            for w, b, s, t in zip(self.weights, self.biases, self.weight_shifts, self.bias_shifts, strict=True)
        ]

    def layers(self) -> list[Layer]:
        """The integer layers, rounded."""
        return [
            Layer(
                torch.round(w.detach().double()).long().cpu().numpy(),
                s,
                torch.round(b.detach().double()).long().cpu().numpy(),
                t,
            )
            for (w, b), s, t in zip(self.integers(), self.weight_shifts, self.bias_shifts, strict=True)
        ]

    def forward(self, latents: Tensor, exact: bool = False) -> tuple[Tensor, Tensor]:
        """Mean in steps and scale index, both (latent_count, images), of latents (images, latent_count)."""
        inputs = self.neighbours.inputs(latents)
        count, images = inputs.shape[1:]
        if exact:
            inputs = inputs + (torch.round(inputs) - inputs).detach()
        hidden = inputs.reshape(len(inputs), -1)
        static = self.neighbours.static
        for number in range(len(self.weights)):
            weight, bias = self.weights[number], self.biases[number]
            if exact:
                shift, up = 2.0 ** self.weight_shifts[number], 2.0 ** self.bias_shifts[number]
                weight = weight + (torch.round(weight * shift) / shift - weight).detach()
                bias = bias + (torch.round(bias * shift / up) * up / shift - bias).detach()
                bias = bias + (0.5 if self.weight_shifts[number] else 0.0)
            if number == 0 and len(static):
                fixed = weight[:, -len(static) :] @ static + bias[:, None]
                total = weight[:, : -len(static)] @ hidden
                total = (total.reshape(-1, count, images) + fixed[:, :, None]).reshape(len(weight), -1)
            else:
                total = weight @ hidden + bias[:, None]
            if exact:
                total = floor_through(total)
            hidden = total if number == len(self.weights) - 1 else total.clamp(0, HIDDEN_MAX)
        result = hidden.reshape(2, count, images)
        return result[0].clamp(MEAN_MIN, MEAN_MAX) / 16, result[1].clamp(0, SCALE_MAX)

    def bits(self, latents: Tensor, exact: bool = False) -> Tensor:
        """Bits of each latent, (latent_count, images), of latents (images, latent_count)."""
        mean, scale = self(latents, exact)
        return laplace_bits(latents.t() - mean, scale, exact)

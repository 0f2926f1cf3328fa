"""Train the context base of exact pixels, and write it as the spec's annex stores it.

    python -m benchmarks.train_pixel_base --steps 74000 --tune-steps 14000 --out base/

Base 3 was made by drafts of this script (1,000 seconds, then 270 on a coarser grid; then all scale indices one lower,
which held-out images liked better); what is here has run at toy
size only. A base is frozen by its hash: training again gives a new one, which needs a new id.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.pixel_recordings import NEIGHBOURS, Recording, recordings
from benchmarks.train_base import write
from ddcodec.codecs.pixel_context import INPUT_MAX, SCALE_MAX, SIGNED_MAX
from ddcodec.codecs.pixel_layout import INPUT_COUNT
from ddcodec.entropy.context import HIDDEN_MAX, LOG
from ddcodec.entropy.fixed_point import Layer

WIDTHS, SHIFTS, BIAS_SHIFTS = (64, 32), (8, 8, 11), (4, 4, 6)
UNIT = 256.0  # activations and inputs are integers of this much for 1.0
BATCH = 6144
MEAN_GAIN, SCALE_GAIN, SCALE_START = 32.0, 16.0, 48.0


class PixelNet(nn.Module):
    """The network in floats, on the grid of its integers where `exact`."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (INPUT_COUNT, *WIDTHS, 2)
        spread = (0.08, 0.15, 0.02)
        self.weights = nn.ParameterList(
            torch.randn(b, a) * s for a, b, s in zip(sizes, sizes[1:], spread, strict=False)
        )
        self.biases = nn.ParameterList(torch.full((b,), 0.1) for b in WIDTHS)
        self.biases.append(torch.tensor([0.0, SCALE_START / SCALE_GAIN]))
        self.register_buffer("gain", torch.tensor([MEAN_GAIN / UNIT, SCALE_GAIN / UNIT])[:, None])
        self.register_buffer("log", torch.from_numpy(LOG).float())

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases, the last ones with their gain."""
        pairs = list(zip(self.weights, self.biases, strict=True))
        return [*pairs[:-1], (pairs[-1][0] * self.gain, pairs[-1][1] * self.gain[:, 0])]

    def forward(self, errors: Tensor, static: Tensor, exact: bool) -> tuple[Tensor, Tensor]:
        """Mean, in sixteenths, and scale index, of errors (n, 26) and static features (n, 4)."""
        signed = errors.clamp(-SIGNED_MAX, SIGNED_MAX) / UNIT
        sizes = self.log[(errors.abs() / 4).floor().clamp(max=255).long()] / UNIT
        parts = (signed[:, :NEIGHBOURS], sizes[:, :NEIGHBOURS], signed[:, NEIGHBOURS:], sizes[:, NEIGHBOURS:])
        hidden = torch.cat([*parts, static / UNIT], 1)
        for number, (weight, bias) in enumerate(self.layers()):
            if exact:
                grid = 2 ** SHIFTS[number]
                weight = weight + (torch.round(weight * grid) / grid - weight).detach()
            hidden = hidden @ weight.T + bias
            if number < len(WIDTHS):
                hidden = hidden.clamp(0, HIDDEN_MAX / UNIT)
        return hidden[:, 0] * UNIT, hidden[:, 1] * UNIT

    @torch.no_grad()
    def shrink(self) -> None:
        """Keep every sum below 2^24, where float32 carries it exactly."""
        for number, largest in enumerate((INPUT_MAX, HIDDEN_MAX)):
            grid, weight, bias = 2 ** SHIFTS[number], self.weights[number], self.biases[number]
            room = (2**24 * 0.985 - bias.abs() * UNIT * grid - grid) / largest / grid - weight.shape[1] * 0.5 / grid
            weight.mul_((room / weight.abs().sum(1)).clamp(max=1)[:, None])

    def integers(self) -> list[Layer]:
        """The layers as the annex stores them."""
        found = []
        for (weight, bias), shift, bias_shift in zip(self.layers(), SHIFTS, BIAS_SHIFTS, strict=True):
            whole = torch.round(weight.detach() * 2**shift).long().numpy()
            offsets = torch.round(bias.detach() * UNIT * 2 ** (shift - bias_shift)).long().numpy()
            found.append(Layer(whole, shift, offsets, bias_shift))
        return found


def bits(mean: Tensor, scale: Tensor, wanted: Tensor, step: Tensor | float) -> Tensor:
    """Bits of each error (in sixteenths) under a Laplace distribution over steps of that width."""
    spread = 16 * torch.exp2((scale.clamp(0, SCALE_MAX) - 34) / 8)
    distance, half = (wanted - mean).abs(), step / 2
    beyond = torch.exp(-(distance - half).clamp(min=0) / spread) * -torch.expm1(-step / spread) / 2
    within = 1 - (torch.exp(-(half - distance).clamp(min=0) / spread) + torch.exp(-(half + distance) / spread)) / 2
    return -torch.log2(torch.where(distance < half, within, beyond).clamp(min=2e-7))


def train(net: PixelNet, found: list[Recording], steps: int, rate: float, exact_from: float) -> None:
    """Adam on mixed batches; every eighth is shown larger or smaller by up to an octave."""
    shares = torch.tensor([part.share for part in found])
    optimiser = torch.optim.Adam(net.parameters(), rate, betas=(0.9, 0.99))
    draw = np.random.default_rng(steps)
    for number in range(steps):
        done = number / steps
        optimiser.param_groups[0]["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5
        counts = torch.bincount(torch.multinomial(shares, BATCH, True), minlength=len(found)).tolist()
        rows = [draw.integers(0, len(p.wanted), n) for p, n in zip(found, counts, strict=True)]
        errors, static, wanted = (
            torch.from_numpy(np.concatenate([getattr(p, name)[r] for p, r in zip(found, rows, strict=True)])).float()
            for name in ("errors", "static", "wanted")
        )
        step: Tensor | float = 16.0
        if number % 8 == 7:
            zoom = torch.exp2(2 * torch.rand(len(wanted)) - 1)
            errors, wanted, step = torch.round(errors * zoom[:, None]), wanted * zoom, 16 * zoom
        loss = bits(*net(errors, static, done >= exact_from), wanted, step).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimiser.step()
        if exact_from == 0:
            net.shrink()
        if number % 500 == 0:
            print(f"{number}/{steps}: {float(loss.detach()):.4f} bits", flush=True)


def main() -> None:
    """Train, then tune on the grid of the integers, then write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=74_000)
    parser.add_argument("--tune-steps", type=int, default=14_000)
    parser.add_argument("--images", type=int, default=2136)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    net, found = PixelNet(), recordings(options.data, options.images)
    train(net, found, options.steps, 3e-3, exact_from=0.6)
    train(net, found, options.tune_steps, 4e-4, exact_from=0.0)
    write(options.out / "base-pixels.bin", "context 4", INPUT_COUNT, net.integers())


if __name__ == "__main__":
    main()

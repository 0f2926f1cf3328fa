"""Train a context base and a filter base on photographs, and write them as the spec's annex stores them.

    python -m benchmarks.train_base --rounds 2 --context-steps 3000 --filter-steps 4000 --out base/

Each round quantises the photographs under the best context network so far and trains it further on what came
out, since the choice of latents follows the network; then the filter learns to restore the last round's images.
It starts from the newest context base. Bases 1 and 2 themselves were made by hand-run drafts of this script, from
plainly rounded photographs at first; what is here has run at toy size only. A base is frozen by its hash: training
again gives a new one, which needs a new id.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.base_data import Batch, photographs, quantised
from ddcodec.codecs.base_networks import BASES, Base, base_layers
from ddcodec.codecs.transform import FILTER_MAX
from ddcodec.codecs.transform_layout import TransformLayout
from ddcodec.entropy.fixed_point import Layer, row_bound
from ddcodec.format.atomic import write_atomic
from ddcodec.train.context_model import ContextModel

WIDTHS, FILTER_WIDTH, FILTER_LAYERS = (32, 32), 24, 4


def train_context(model: ContextModel, batches: list[Batch], steps: int) -> None:
    """Adam on the bits of whole batches; the second half rounds as the integer network does."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    draw = np.random.default_rng(1)
    for number in range(steps):
        done = number / steps
        batch = batches[int(draw.integers(len(batches)))]
        rows = tuple(tuple(int(v) for v in row) for row in batch.steps.tolist())
        layout = TransformLayout(32, 32, batch.block, (2 * batch.block - 1,) * 3, rows)
        twin = ContextModel(layout, WIDTHS, torch.Generator())
        twin.weights, twin.biases = model.weights, model.biases
        latents = torch.from_numpy(batch.latents).float()
        loss = twin.bits(latents, done > 0.5).sum() / (latents.ne(0).sum() + 2000)
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, number / 100 + 0.05) * (1 - done) + 1e-5
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if number % 200 == 0:
            print(f"context {number}/{steps}: {float(loss.detach()):.4f} bits per non-zero latent", flush=True)


def train_filter(batches: list[Batch], steps: int) -> nn.Sequential:
    """A residual filter on planes in 1/64 steps; the error counts relative to the unfiltered one."""
    torch.manual_seed(0)
    sizes = (3, *(FILTER_WIDTH,) * (FILTER_LAYERS - 1), 3)
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1, padding_mode="replicate"), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    nn.init.zeros_(layers[-2].weight)  # type: ignore[arg-type]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    planes, wanted = (torch.cat([getattr(b, name) for b in batches]) / 64 for name in ("planes", "wanted"))
    draw = torch.Generator().manual_seed(2)
    for number in range(steps):
        rows = torch.randint(len(planes), (24,), generator=draw)
        before, target = planes[rows], wanted[rows]
        error = (before + network(before) - target).square().mean((1, 2, 3))
        loss = (error / (before - target).square().mean((1, 2, 3))).mean()
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1.0, number / 100 + 0.05) * (1 - number / steps) + 2e-5
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if number % 200 == 0:
            print(f"filter {number}/{steps}: error {float(loss.detach()):.4f} of the unfiltered", flush=True)
    return network


def filter_layers(network: nn.Sequential) -> list[Layer]:
    """Integer layers on the finest grid that float32 still carries exactly (rule N4)."""
    layers = []
    for module in network:
        if not isinstance(module, nn.Conv2d) or module.bias is None:
            continue
        for shift in range(10, 5, -1):
            layer = Layer(_whole(module.weight, 2**shift), shift, _whole(module.bias, 64 * 2**shift), 0)
            if row_bound(layer, FILTER_MAX) < 2**24:
                break
        layers.append(layer)
    return layers


def _whole(values: Tensor, scale: float) -> np.ndarray:
    return torch.round(values.detach().double() * scale).long().numpy()


def write(path: Path, kind: str, fits: int, layers: list[Layer]) -> None:
    """The annex's bytes, and the table row and `Base` that name them."""
    blob = b"".join(layer.weight.astype("<i2").tobytes() + layer.bias.astype("<i2").tobytes() for layer in layers)
    write_atomic(path, blob)
    widths = tuple(len(layer.weight) for layer in layers[:-1])
    shifts = tuple(layer.shift for layer in layers)
    base = Base(kind, fits, widths, shifts, tuple(x.bias_shift for x in layers), hashlib.sha256(blob).hexdigest())
    print(f"{path}: {len(blob)} bytes, {base}")


def main() -> None:
    """Train and write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--context-steps", type=int, default=3000)
    parser.add_argument("--filter-steps", type=int, default=4000)
    parser.add_argument("--images", type=int, default=8450)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = photographs(options.data)[: options.images]
    first = max(i for i, base in BASES.items() if base.kind == "context 2")
    layout = TransformLayout(32, 32, 16, (31, 31, 31), ((64,) * 8,) * 3)
    model = ContextModel(layout, WIDTHS, torch.Generator().manual_seed(0))
    model.load_layers(base_layers(first))  # without it, a network from nothing would choose only zeros
    batches: list[Batch] = []
    for number in range(options.rounds):
        batches = list(quantised(images, model.layers(), seed=number + 1))
        train_context(model, batches, options.context_steps)
    write(options.out / "base-context.bin", "context 2", layout.input_count, model.layers())
    write(options.out / "base-filter.bin", "filter", 3, filter_layers(train_filter(batches, options.filter_steps)))


if __name__ == "__main__":
    main()

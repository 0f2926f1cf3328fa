"""Networks of several seeds trained together against one by one: seconds, ratio, largest difference of weights.

    python -m benchmarks.parallel_seeds [--network convnet] [--width 32] [--seeds 5] [--images 100] [--side 32]
        [--epochs 4] [--rounds 3] [--device cpu] [--output TABLE]

Both take turns in one process, after a round that is not counted; on the CPU, on one core. Images are noise: they
cost what photographs cost. A ratio above 1 means that together is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.rows import RESULTS, append, one_core
from ddcodec.train.evaluate import Normalise, train_classifier, train_classifiers
from ddcodec.train.networks.names import USUAL_WIDTH
from ddcodec.train.recipe import Recipe

TABLE = RESULTS / "parallel_seeds.tsv"
CLASSES = 10


def timed(work: Callable[[], list[nn.Module]], device: torch.device) -> tuple[float, list[nn.Module]]:
    """Wall time of a training, and what it made."""
    started = time.perf_counter()
    models = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started, models


@torch.no_grad()
def difference(one: list[nn.Module], other: list[nn.Module]) -> float:
    """Largest difference between weights of the same network."""
    pairs = [
        (left, right)
        for a, b in zip(one, other, strict=True)
        for left, right in zip(a.parameters(), b.parameters(), strict=True)
    ]
    return max(float((left - right).abs().max()) for left, right in pairs)


def workload(options: argparse.Namespace) -> tuple[Tensor, Tensor, Recipe]:
    """Images, labels, recipe."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(options.images, 3, options.side, options.side, generator=generator)
    width = options.width or USUAL_WIDTH[options.network]
    recipe = Recipe(network=options.network, width=width, epochs=options.epochs, batch_size=options.batch)
    return images, torch.arange(options.images) % CLASSES, recipe


def main() -> None:
    """One row."""
    parser = argparse.ArgumentParser(description="Seconds of training networks together and one by one, as TSV.")
    parser.add_argument("--network", choices=tuple(USUAL_WIDTH), default="convnet")
    parser.add_argument("--width", type=int, default=0, help="0: the usual one")
    for name, value in (("seeds", 5), ("images", 100), ("side", 32), ("epochs", 4), ("batch", 256), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    if min(options.seeds, options.rounds) < 1:
        parser.error("--seeds and --rounds: at least 1")
    device = torch.device(options.device)
    if device.type == "cpu":
        one_core()
    images, labels, recipe = workload(options)
    normalise = Normalise([0.5] * 3, [0.25] * 3)
    seeds = range(options.seeds)
    begun = time.perf_counter()
    alone, together = [], []
    for number in range(options.rounds + 1):
        first, ours = timed(lambda: train_classifiers(images, labels, recipe, seeds, device, normalise), device)
        second, theirs = timed(
            lambda: [train_classifier(images, labels, recipe, seed, device, normalise) for seed in seeds], device
        )
        if number:
            together.append(first)
            alone.append(second)
    row = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, 1 core",
        "torch": torch.__version__,
        "network": options.network,
        "width": recipe.width,
        "seeds": options.seeds,
        "images": options.images,
        "side": options.side,
        "batch": options.batch,
        "epochs": options.epochs,
        "one_by_one_s": f"{statistics.median(alone):.3f}",
        "together_s": f"{statistics.median(together):.3f}",
        "ratio": f"{statistics.median(alone) / statistics.median(together):.2f}",
        "largest_difference": f"{difference(ours, theirs):.1e}",
    }
    append(options.output, row, seconds=time.perf_counter() - begun)
    print(*row.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()

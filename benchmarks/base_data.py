"""Quantised photographs at many step sizes, as training data for base networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.rows import first_of_each, load_pack
from ddcodec.codecs.configs import Shape, TransformConfig
from ddcodec.codecs.transform import UNIT_SHIFT
from ddcodec.entropy.fixed_point import Layer
from ddcodec.train.fit import error_weights
from ddcodec.train.group import Group
from ddcodec.train.model import GroupModel

BENCHMARK_IMAGES = 10
"""The first images of each class of the lossless pack are measured elsewhere, and so never trained on."""
BATCH = 50
SHAPE = Shape(3, 32, 32, 4080)


@dataclass
class Batch:
    """latents (n, latents) of one block size and one set of step indices; planes before the filter, and the
    real planes, both (n, 3, 32, 32) in 1/64 steps."""

    block: int
    steps: Tensor
    latents: NDArray[np.int16]
    planes: Tensor
    wanted: Tensor


def photographs(folder: Path) -> NDArray[np.float32]:
    """32x32 photographs (N, 3, 32, 32) in [0, 1]: flowers at two scales, and CIFAR-10 training images."""
    flowers, _, _ = load_pack(folder, "flowers128", "train")
    large = flowers.astype(np.float32)
    quarter = large.reshape(-1, 32, 4, 32, 4, 3).mean((2, 4))
    half = large.reshape(-1, 64, 2, 64, 2, 3).mean((2, 4))
    draw = np.random.default_rng(0)
    corners = draw.integers(0, 33, (len(half), 2))
    crops = np.stack([image[y : y + 32, x : x + 32] for image, (y, x) in zip(half, corners, strict=True)])
    small, labels, _ = load_pack(folder, "cifar10_exact", "train")
    small = np.delete(small, first_of_each(labels, BENCHMARK_IMAGES), axis=0).astype(np.float32)
    kept = np.concatenate([quarter, crops])[draw.permutation(2 * len(half))[:2400]]
    everything = np.concatenate([kept, small, small[:, :, ::-1]])
    return everything[draw.permutation(len(everything))].transpose(0, 3, 1, 2) / np.float32(255)


@torch.no_grad()
def quantised(images: NDArray[np.float32], layers: Sequence[Layer], seed: int) -> Iterator[Batch]:
    """Batches with random block size, step sizes and price of a bit, chosen under a context network."""
    draw = np.random.default_rng(seed)
    widths = tuple(len(layer.weight) for layer in layers[:-1])
    for start in range(0, len(images) - BATCH, BATCH):
        block = int(draw.choice([8, 16]))
        index, chroma = int(draw.integers(54, 92)), int(draw.choice([0, 0, 0, 0, 2, 4, 6, -2]))
        tilt = float(draw.choice([0, 0, 1]) * draw.uniform(-0.4, 1.2))
        rows = [np.rint(index + more + tilt * np.arange(8)) for more in (0, chroma, chroma)]
        steps = torch.from_numpy(np.clip(np.stack(rows), 0, 127)).float()
        model = GroupModel(SHAPE, TransformConfig(block, (2 * block - 1,) * 3), widths, 0, seed=0)
        model.context.load_layers(layers)
        model.set_steps(steps)
        part = torch.from_numpy(images[start : start + BATCH])
        synthesis = model.synthesis
        shadow = synthesis.analyse(part)  # type: ignore[operator, union-attr]
        group = Group(model, [0], shadow, np.zeros(shadow.shape, np.int16))
        price = float(draw.uniform(0.08, 0.18)) * 2.0 ** (index / 4)
        latents = group.choose(error_weights(model), price).latents
        colour = torch.linalg.inv(synthesis.store.get("colour", False).double()).float()
        unit = (1 << UNIT_SHIFT) / torch.exp2(steps[:, 0] / 8).view(1, 3, 1, 1)

        def planes(pixels: Tensor, colour: Tensor = colour, unit: Tensor = unit) -> Tensor:
            return torch.einsum("kc,icyx->ikyx", colour, pixels * SHAPE.peak - 2040) * unit

        rendered = synthesis(torch.from_numpy(latents).float(), True)
        yield Batch(block, steps, latents, planes(rendered), planes(part))

"""Coded sets of known size and known entropy: hand-made networks, latents drawn from the very model that codes.

A draw uses numpy's generator and the integer tables alone, not the coder, so that the entropy of the source
and the length of its code are found in two ways.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.lockstep import Neighbourhood
from ddcodec.codecs.networks import GroupNetworks, tensor_specs
from ddcodec.entropy.tables import ESCAPE, REACH, TOTAL, TOTAL_BITS, pmf_table
from ddcodec.pipeline import EncodedModel

_EXPONENTS = 14  # escapes are drawn with exponents 0..13, which keeps every value inside 16 bits


@dataclass(frozen=True)
class Workload:
    """A set and the entropy of its latents in bits, under the source that they were drawn from."""

    model: EncodedModel
    entropy_bits: float


def pyramid_networks(size: int, rng: np.random.Generator, levels: int = 6) -> GroupNetworks:
    """Three-channel images from one latent channel per level; context 16, 16, synthesis 16, two residual layers."""
    shape = Shape(3, size, size, 255)
    config = PyramidConfig((1,) * levels, True, (16,), 2)
    values: dict[str, NDArray[np.int64]] = {}
    for spec in tensor_specs(shape, config, (16, 16), 0):
        spread = 4 if spec.name.startswith("context") else 40
        noise = np.rint(rng.normal(0, spread, spec.shape)).astype(np.int64)
        values[spec.name] = spec.base if spec.base is not None else noise
    # the mean follows the left and upper neighbours, the scale the magnitudes around
    values["context.0.weight"][0, [0, 3]] = 8
    values["context.0.weight"][1, [0, 3]] = -8
    values["context.0.weight"][2, 15:30] = 8
    values["context.1.weight"][:3] //= 4
    values["context.1.weight"][range(3), range(3)] = 128
    values["context.2.weight"][...] = 0
    values["context.2.weight"][0, :3] = (48, -48, 0)
    values["context.2.weight"][1, :3] = (0, 0, 4)
    values["context.2.weight"][:, 3:] = rng.integers(-1, 2, (2, 13))
    values["context.2.bias"][:] = (0, 24)
    shifts = [spec.base_shift if spec.base is not None else 7 for spec in tensor_specs(shape, config, (16, 16), 0)]
    return GroupNetworks(shape, config, (16, 16), 0, tuple(values.values()), tuple(shifts))


def transform_networks(size: int) -> GroupNetworks:
    """8x8 blocks, all diagonals of luma and 13 of each chroma, base context network and base filter."""
    shape, config = Shape(3, size, size, 255), TransformConfig(8, (15, 13, 13), (24, 24, 24), 2)
    specs = tensor_specs(shape, config, (32, 32), 1)
    tensors = [np.zeros(spec.shape, np.int64) if spec.base is None else spec.base for spec in specs]
    tensors[0] = np.zeros((3, 8), np.int64)
    tensors[0][:, 0], tensors[0][:, 3] = 40, 4
    return GroupNetworks(shape, config, (32, 32), 1, tuple(tensors), tuple(s.base_shift for s in specs))


def draw_values(
    mean: NDArray[np.integer], scale: NDArray[np.integer], rng: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """Values of the pmfs that mean (in sixteenths) and scale index name, and their information in bits."""
    whole, rows = (mean.astype(np.int64) + 8) >> 4, scale.astype(np.int64) * 16 + ((mean + 8) & 15)
    pmfs = pmf_table()[rows.reshape(-1)]
    ticket = rng.integers(0, TOTAL, (len(pmfs), 1))
    symbols = (np.cumsum(pmfs, axis=1) <= ticket).sum(axis=1)
    bits = float((TOTAL_BITS - np.log2(pmfs[np.arange(len(pmfs)), symbols])).sum())
    residual = symbols - REACH
    for place in np.flatnonzero(symbols == ESCAPE):
        exponent = int(rng.integers(_EXPONENTS))
        magnitude = (1 << exponent) + int(rng.integers(1 << exponent)) + REACH
        residual[place] = magnitude if rng.integers(2) else -magnitude
        bits += 1 + float(np.log2(_EXPONENTS)) + exponent
    return whole + residual.reshape(whole.shape), bits


def draw_latents(networks: GroupNetworks, images: int, rng: np.random.Generator) -> tuple[NDArray[np.int16], float]:
    """Latents (images, latents per image), and the bits of information in them."""
    layout, bits = networks.layout, 0.0
    around = Neighbourhood(layout, networks.context, images)
    drawn = np.empty((layout.latent_count, images), np.int16)
    for step in layout.steps():
        values, part = draw_values(*around.context(step), rng)
        drawn[step.latents] = values
        around.store(step, values)
        bits += part
    return np.ascontiguousarray(drawn.T), bits


def draw_set(networks: GroupNetworks, classes: int, per_class: int, seed: int) -> Workload:
    """A set whose classes share `networks`."""
    rng = np.random.default_rng(seed)
    latents, bits = draw_latents(networks, classes * per_class, rng)
    parts = [latents[start : start + per_class] for start in range(0, len(latents), per_class)]
    return Workload(EncodedModel([networks], (0,) * classes, parts), bits)

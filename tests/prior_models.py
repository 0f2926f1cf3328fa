"""Coded sets of priors: random decoders, tables and latents."""

from dataclasses import replace

import numpy as np

from ddcodec.codecs.configs import PriorConfig, Shape
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.pipeline import EncodedModel

RANGES = {"steps": (0, 127), "mean_scales": (0, 63), "spread_centres": (-16_384, 16_383), "spread_scales": (0, 63)}
SHAPE = Shape(1, 5, 6, 255)
LINEAR = PriorConfig(3, True, (2, 3), 4, 3, 88, 34, 30, 64, 4)
STRAIGHT = PriorConfig(18, False, (2, 2), 3, 2, 80, 34, 30, 60, 8)
"""Without a linear layer: z is that of two planes of 3x3, half of 5x6."""
SEEDED = replace(LINEAR, seed=7, bases=(7, 94, 6, 90, 7, 94))
"""With weights against random numbers: shift and gain of the linear layer, the doubling and the last layer."""


def prior_networks(shape, config, seed, reach=60, shift=6):
    """A decoder with random weights; its tables differ from their defaults here and there."""
    rng, tensors, shifts = np.random.default_rng([51, seed]), [], []
    for spec in config.tensors(shape):
        if spec.name in RANGES:
            changes = np.where(rng.random(spec.shape) < 0.5, rng.integers(-9, 10, spec.shape), 0)
            tensors.append(np.clip(spec.base + changes, *RANGES[spec.name]))
            shifts.append(0)
        elif spec.base is not None:
            few = rng.random(spec.shape) < 0.2
            tensors.append(spec.base + np.where(few, rng.integers(-reach, reach + 1, spec.shape), 0))
            tensors[-1] = np.clip(tensors[-1], -32_768, 32_767)
            shifts.append(spec.base_shift)
        else:
            tensors.append(rng.integers(-reach, reach + 1, spec.shape))
            shifts.append(shift)
    return GroupNetworks(shape, config, (), 0, tuple(tensors), tuple(shifts))


def prior_latents(config, counts, seed, reach=(9, 5)):
    """Means and log-scales of the priors of each class."""
    rng, z = np.random.default_rng([52, seed]), config.dimensions
    return [
        np.concatenate([rng.integers(-far, far + 1, (count, z)) for far in reach], axis=1).astype(np.int16)
        for count in counts
    ]


def prior_model(config=LINEAR, counts=(3, 0, 2), seed=1, shape=SHAPE, **labels):
    """A set of priors under one decoder; labels: order, soft."""
    nets = [prior_networks(shape, config, seed)]
    return EncodedModel(nets, (0,) * len(counts), prior_latents(config, counts, seed), **labels)

"""Seeded networks, pixels and soft labels for the parts of the format that keep numbers exactly."""

import numpy as np

from ddcodec.codecs.base_networks import BASES, matching_base
from ddcodec.codecs.configs import PixelConfig
from ddcodec.codecs.networks import GroupNetworks, tensor_specs
from ddcodec.codecs.pixel_layout import INPUT_COUNT
from ddcodec.dataset import SOFT_KINDS, SoftLabels

LOW, HIGH = -32_768, 32_767
CODABLE = 32_767  # a greater difference to a base cannot be written (rule E5)


def pixel_networks(rng, shape):
    """Predictors and a context network, from those of the base to absurd ones."""
    levels = ()
    if rng.random() < 0.3:
        levels = tuple(sorted({LOW, *rng.integers(LOW, HIGH + 1, int(rng.choice([1, 3, 255]))).tolist()}))
    config = PixelConfig(
        bool(rng.integers(2)), int(rng.integers(-8, 9)), int(rng.integers(1, 17)), levels if len(levels) > 1 else ()
    )
    base, widths = 0, tuple(int(n) for n in rng.choice([1, 2, 4, 8], rng.integers(1, 5)))
    if rng.random() < 0.5:
        base = matching_base("context 4", INPUT_COUNT)
        widths = BASES[base].widths
    violence = int(rng.integers(4))
    tensors, shifts = [], []
    for spec in tensor_specs(shape, config, widths, base):
        if spec.base is not None:
            tensors.append(_near_base(rng, spec))
            shifts.append(spec.base_shift)
        else:
            reach = (3, 100, 3_000, HIGH)[violence]
            tensors.append(rng.integers(-reach, reach + 1, spec.shape))
            shifts.append(int(rng.integers(*((2, 8) if violence < 2 else (0, 16)))))
    return GroupNetworks(shape, config, widths, base, tuple(tensors), tuple(shifts))


def _near_base(rng, spec):
    kind = rng.integers(5)
    if kind < 2:
        return spec.base.copy()
    if kind == 4 and spec.name.startswith("predictor."):
        return np.clip(rng.choice([LOW, HIGH], spec.shape), spec.base - CODABLE, spec.base + CODABLE)
    reach = (0, 0, 3, 200)[min(kind, 3)]
    return np.clip(spec.base + rng.integers(-reach, reach + 1, spec.shape), LOW, HIGH)


def pixel_values(rng, count, net):
    """(count, pixels) int16: flat, ramps with noise, noise of some spread, the ends of the range; or level numbers."""
    shape, levels = net.shape, net.config.levels
    if levels:
        return rng.integers(0, len(levels), (count, net.latents_per_image)).astype(np.int16)
    kind, size = rng.integers(6), (count, shape.channels, shape.height, shape.width)
    if kind == 0:
        values = np.full(size, rng.choice([0, shape.peak, -shape.peak, LOW, HIGH]))
    elif kind == 1:
        y, x = np.indices(size[2:])
        noise = rng.laplace(0, 0.02 * shape.peak, size)
        values = np.rint(shape.peak * (0.1 + 0.05 * y + 0.03 * x) + noise).astype(np.int64)
    elif kind == 2:
        values = rng.integers(0, shape.peak + 1, size)
    elif kind == 3:
        values = np.rint(rng.laplace(0, rng.choice([1, 50, 2_000]), size)).astype(np.int64)
    elif kind == 4:
        values = rng.integers(LOW, HIGH + 1, size)
    else:
        values = rng.choice([LOW, HIGH, 0], size)
    return np.clip(values, LOW, HIGH).astype(np.int16).reshape(count, shape.channels * shape.height * shape.width)


def soft_labels(rng, samples, classes):
    """Soft labels of each kind, from constant ones to those at the ends of the range."""
    size, kind = (samples, classes), rng.integers(5)
    if kind == 0:
        values = np.full(size, rng.choice([LOW, HIGH, 0, 7]))
    elif kind == 4:
        values = rng.choice([LOW, HIGH], size)
    else:
        values = rng.laplace(rng.choice([0, -300, 20_000]), (0, 3, 400, 9_000)[kind], size)
    values = np.clip(np.rint(values), LOW, HIGH).astype(np.int16)
    return SoftLabels(values, int(rng.choice([1, 255, 1_000, HIGH])), SOFT_KINDS[rng.integers(3)])

"""Networks for pixels that shall be coded as they are: predictors by least squares, the base's context network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.base_networks import BASES, base_layers, matching_base
from ddcodec.codecs.configs import MAX_LEVELS, PixelConfig, Shape, Tensor
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.networks import GroupNetworks, pack_group
from ddcodec.codecs.pixel_layout import INPUT_COUNT, PixelLayout, coding_order, tap_count
from ddcodec.codecs.pixel_predictors import PREDICTOR_SHIFT, base_predictor
from ddcodec.entropy.values import VALUE_MAX, VALUE_MIN

_SAMPLES = 1 << 17
_TRIAL_PIXELS = 1 << 16
_RIDGE = 1e-3
_REWEIGHTINGS = 4
_NATURAL_ERROR = 4.5
"""Mean error, in pixel integers, of predictions of the photographs that the base context network has seen."""


def pixel_networks(pixels: NDArray[np.int16], peak: int) -> GroupNetworks:
    """Networks that code these pixels in few bytes.

    The predictors are those of the base where own ones do not pay; where few of the possible values occur, levels.

    Args: pixels: (N, channels, height, width) int16, N may be 0; peak: pixel integer that stands for 1.0.
    """
    channels, height, width = pixels.shape[1:]
    shape = Shape(channels, height, width, peak)
    direct = _fitted(shape, pixels, ())
    levels = _levels(pixels)
    if not levels:
        return direct
    trial = _trial(pixels)
    numbered = _fitted(shape, pixels, levels)
    return min((direct, numbered), key=lambda networks: _bits(networks, pixel_latents(networks, trial)))


def pixel_latents(networks: GroupNetworks, pixels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Latents (N, latents per image) int16 of pixels (N, channels, height, width) under their networks."""
    flat = pixels.reshape(len(pixels), networks.latents_per_image)
    levels = networks.config.levels if isinstance(networks.config, PixelConfig) else ()
    return np.searchsorted(np.array(levels), flat).astype(np.int16) if levels else flat


def _levels(pixels: NDArray[np.int16]) -> tuple[int, ...]:
    """The values that occur, if they are few and far between."""
    if not pixels.size:
        return ()
    occurring = np.bincount(pixels.reshape(-1).astype(np.int64) - VALUE_MIN, minlength=1 << 16)
    found = np.flatnonzero(occurring) + VALUE_MIN
    sparse = 2 <= len(found) <= MAX_LEVELS and 2 * len(found) <= found[-1] - found[0] + 1
    return tuple(found.tolist()) if sparse else ()


def _fitted(shape: Shape, pixels: NDArray[np.int16], levels: tuple[int, ...]) -> GroupNetworks:
    """The best networks with these levels."""
    config = PixelConfig(True, 0, 1, levels)
    bases = [base_predictor(position) for position in range(shape.channels)]
    if not pixels.size:
        return _assemble(shape, config, bases)
    latents = pixel_latents(_assemble(shape, config, bases), pixels)
    middle = config.centre(shape.peak)
    centred = abs(latents.mean() - middle) <= abs(latents.mean())
    distance = np.abs(latents.astype(np.int64) - (middle if centred else 0)).max()
    config = PixelConfig(bool(centred), 0, max(1, min(16, int(distance).bit_length())), levels)
    plain = _assemble(shape, config, bases)
    trial = _trial(latents)
    own = _assemble(shape, config, _fit(plain, latents))
    best = min((_at_best_depth(networks, trial) for networks in (plain, own)), key=lambda pair: pair[0])[1]
    if best.tensors is plain.tensors or len(trial) == len(latents):
        return best
    # the trial is a part of the set, for which own predictors seem dearer than they are
    return min((replace(plain, config=best.config), best), key=lambda networks: _bits(networks, latents))


def _assemble(shape: Shape, config: PixelConfig, predictors: Sequence[tuple[Tensor, Tensor]]) -> GroupNetworks:
    base = matching_base("context 4", INPUT_COUNT)
    tensors: list[Tensor] = []
    shifts: list[int] = []
    for weight, bias in predictors:
        tensors += [weight, bias]
        shifts += [PREDICTOR_SHIFT, 0]
    for layer in base_layers(base):
        tensors += [layer.weight, layer.bias]
        shifts += [layer.shift, layer.bias_shift]
    return GroupNetworks(shape, config, BASES[base].widths, base, tuple(tensors), tuple(shifts))


def _bits(networks: GroupNetworks, latents: NDArray[np.int16]) -> float:
    bits = encode_class_streams([networks], [0], [latents])[1]
    return sum(bits) + 8 * len(pack_group(networks))


def _trial(images: NDArray[np.int16]) -> NDArray[np.int16]:
    """Images, evenly chosen, with about as many pixels (or latents) as a trial may cost time for."""
    count = max(1, min(len(images), _TRIAL_PIXELS // images[0].size))
    return images[np.linspace(0, len(images) - 1, count).astype(np.int64)]


def _at_best_depth(networks: GroupNetworks, latents: NDArray[np.int16]) -> tuple[float, GroupNetworks]:
    """Bits and networks at the unit that suits the size of the errors."""
    config = networks.config
    assert isinstance(config, PixelConfig)
    octaves = np.log2(max(_mean_error(networks, latents), 1e-3) / _NATURAL_ERROR)
    first = int(np.clip(np.rint(octaves), -8, 8))

    @cache
    def at(depth: int) -> tuple[float, int]:
        return _bits(replace(networks, config=replace(config, depth=depth)), latents), depth

    bits, best = min(at(depth) for depth in {first, max(-8, first - 3), min(8, first + 3)})
    while True:  # downhill from the best of them
        lower = min(at(max(-8, best - 1)), at(min(8, best + 1)))
        if lower >= (bits, best):
            return bits, replace(networks, config=replace(config, depth=best))
        bits, best = lower


def _samples(networks: GroupNetworks, latents: NDArray[np.int16], position: int) -> tuple[NDArray[np.float64], ...]:
    """What the prediction of a channel sees, (n, taps), and what it should say, (n,), from the centre."""
    layout, model = networks.layout, networks.context
    assert isinstance(layout, PixelLayout)
    plane = layout.height * layout.width
    channel = coding_order(layout.channels)[position]
    rng = np.random.default_rng(position)
    count = plane * len(latents)
    chosen = np.arange(count) if count <= _SAMPLES else rng.integers(0, count, _SAMPLES)
    image, place = np.divmod(chosen, plane)
    near = layout.near(channel * plane + place)[: tap_count(position)].T
    centre = model.centre  # type: ignore[union-attr]
    seen = np.where(near > 0, latents[image[:, None], near - 1].astype(np.float64) - centre, 0.0)
    return seen, latents[image, channel * plane + place].astype(np.float64) - centre


def _mean_error(networks: GroupNetworks, latents: NDArray[np.int16]) -> float:
    errors = []
    for position in range(networks.shape.channels):
        seen, wanted = _samples(networks, latents, position)
        weight, bias = networks.tensors[2 * position : 2 * position + 2]
        errors.append(np.abs(wanted - (seen @ weight[0] + bias[0]) / (16 << PREDICTOR_SHIFT)).mean())
    return float(np.mean(errors))


def _fit(networks: GroupNetworks, latents: NDArray[np.int16]) -> list[tuple[Tensor, Tensor]]:
    """Predictors of least absolute error, about; held near the base where the pixels do not say."""
    found = []
    unit = float(16 << PREDICTOR_SHIFT)
    for position in range(networks.shape.channels):
        seen, wanted = _samples(networks, latents, position)
        base_weight, base_bias = base_predictor(position)
        seen = np.concatenate([seen, np.ones((len(seen), 1))], axis=1)
        start = np.concatenate([base_weight[0], base_bias]) / unit
        left = wanted - seen @ start
        change = np.zeros(len(start))
        size = np.abs(left).mean() + 1e-6
        for _ in range(_REWEIGHTINGS):
            trust = 1 / (np.abs(left - seen @ change) + 0.5 * size)
            normal = (seen * trust[:, None]).T @ seen
            normal += np.diag(np.full(len(start), _RIDGE * np.trace(normal) / len(start)))
            change = np.linalg.solve(normal, (seen * trust[:, None]).T @ left)
        weight = np.rint((start + change) * unit)
        base = start * unit  # the file holds the difference, and that is in the range of 16 bits, too
        weight = weight.clip(base + VALUE_MIN, base + VALUE_MAX).clip(VALUE_MIN, VALUE_MAX).astype(np.int64)
        found.append((weight[None, :-1], weight[-1:]))
    return found

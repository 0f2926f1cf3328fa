"""Mean and scale of pixels: a linear prediction, corrected by the context network (spec section 7b)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.pixel_layout import GRADIENTS, PixelLayout, PixelStep, tap_count
from ddcodec.entropy.context import LOG, ContextNet
from ddcodec.entropy.fixed_point import Layer, exact_dtype

UNIT_BITS = 4  # predictions are in sixteenths
PREDICTION_MAX = 1 << 19
SIGNED_MAX = 1023
INPUT_MAX = 1024  # the greatest magnitude input
SCALE_MAX = 95
DEPTH_ZERO = 8
_BLOCK_ENTRIES = 1 << 17
"""Network inputs gathered at once: larger blocks fall out of the cache."""
Numbers = NDArray[np.int64]


def to_unit(errors: Numbers, depth: int) -> Numbers:
    """Errors in sixteenths of a pixel integer, in the network's unit: divided by 2^depth and rounded."""
    if depth <= 0:
        return errors << -depth
    return (errors + (1 << (depth - 1))) >> depth


def magnitude(errors: Numbers) -> Numbers:
    """Logarithmic network input of errors in the network's unit."""
    found: Numbers = LOG.take(np.minimum(np.abs(errors) >> 2, 255))
    return found


@dataclass(frozen=True)
class PixelModel:
    """predictors: one layer (1, taps) for each channel in coding order; net: sees 52 dynamic and 4 static inputs.

    centre: pixel integer that predictions start from; depth: the network's unit is 2^depth / 16 pixel integers;
    reach: bits of the pixels' greatest distance from `centre`, beyond which predictions see them clamped.
    """

    predictors: tuple[Layer, ...]
    net: ContextNet
    centre: int
    depth: int
    reach: int

    @property
    def clamp(self) -> int:
        """Greatest distance from the centre that a prediction sees."""
        return (1 << self.reach) - 1


class PixelNeighbourhood:
    """The pixels of some images that are known so far, and what they say about the next step."""

    def __init__(self, layout: PixelLayout, model: PixelModel, images: int) -> None:
        self._model = model
        self._images = images
        dtypes = {exact_dtype(layer, model.clamp) for layer in model.predictors}
        self._dtype = np.float64 if np.float64 in dtypes else np.float32
        shape = (layout.padded_size, images)
        self._values: NDArray[np.floating] = np.zeros(shape, self._dtype)
        self._signed: NDArray[np.floating] = np.zeros(shape, model.net.dtype)
        self._magnitude: NDArray[np.floating] = np.zeros(shape, model.net.dtype)
        self._prediction: Numbers = np.zeros((0, images), np.int64)
        self._rows: list[tuple[NDArray[np.floating], np.floating]] = []
        for layer in model.predictors:
            scale = 1.0 / (1 << layer.shift)
            bias = (int(layer.bias[0]) << layer.bias_shift) + ((1 << layer.shift) >> 1)
            self._rows.append(((layer.weight * scale).astype(self._dtype), self._dtype(bias * scale)))

    def store(self, step: PixelStep, values: Numbers) -> None:
        """Make the values (n, images) of the step that `context` was last asked about visible to later ones."""
        model = self._model
        centred = values - model.centre
        self._values[step.padded] = np.clip(centred, -model.clamp, model.clamp)
        errors = to_unit((centred << UNIT_BITS) - self._prediction, model.depth)
        self._signed[step.padded] = np.clip(errors, -SIGNED_MAX, SIGNED_MAX)
        self._magnitude[step.padded] = magnitude(errors)

    def context(self, step: PixelStep) -> tuple[Numbers, Numbers]:
        """Mean in sixteenths and scale index, (n, images) each, of the pixels of a step."""
        model, count = self._model, len(step.latents)
        self._prediction, gradients = self._predict(step)
        static = model.net.static_part(step.static)
        signed = len(step.signed)
        features = 2 * (signed + len(GRADIENTS))
        mean, scale = np.empty((count, self._images), np.int64), np.empty((count, self._images), np.int64)
        block = max(1, _BLOCK_ENTRIES // (features * self._images))
        for start in range(0, count, block):
            part = slice(start, min(start + block, count))
            inputs: NDArray[np.floating] = np.empty((features, part.stop - start, self._images), model.net.dtype)
            np.take(self._signed, step.signed[:, part], axis=0, out=inputs[:signed], mode="clip")
            np.take(self._magnitude, step.magnitude[:, part], axis=0, out=inputs[signed : 2 * signed], mode="clip")
            around = gradients[:, part]
            inputs[2 * signed : 2 * signed + len(GRADIENTS)] = np.clip(around, -SIGNED_MAX, SIGNED_MAX)
            inputs[2 * signed + len(GRADIENTS) :] = magnitude(around)
            mean[part], scale[part] = model.net.apply(inputs, static[:, part])
        correction = to_unit(mean, -model.depth)
        total = self._prediction + correction + (model.centre << UNIT_BITS)
        np.clip(total, -PREDICTION_MAX, PREDICTION_MAX - 1, out=total)
        scale += 8 * model.depth
        return total, np.maximum(scale, 0, out=scale)

    def _predict(self, step: PixelStep) -> tuple[Numbers, Numbers]:
        """Prediction (n, images) in sixteenths from the centre, and gradients (4, n, images) in the network's unit."""
        count = len(step.latents)
        prediction = np.empty((count, self._images), np.int64)
        gradients = np.empty((len(GRADIENTS), count, self._images), np.int64)
        for position, start, stop in step.runs:
            weight, bias = self._rows[position]
            near: NDArray[np.floating] = self._values.take(step.near[: tap_count(position), start:stop], axis=0)
            sums = weight @ near.reshape(len(near), -1)
            sums += bias
            np.floor(sums, out=sums)
            np.clip(sums, -PREDICTION_MAX, PREDICTION_MAX - 1, out=sums)
            found = sums.astype(np.int64).reshape(stop - start, self._images)
            prediction[start:stop] = found
            around = near[list(GRADIENTS)].astype(np.int64)
            gradients[:, start:stop] = to_unit((around << UNIT_BITS) - found, self._model.depth)
        return prediction, gradients

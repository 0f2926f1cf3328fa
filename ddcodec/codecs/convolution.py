"""Integer convolutions and upsampling carried in floats (spec sections 6.2 and 7.2).

Arrays are (channels, images, height, width), of a float dtype but with integer values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ddcodec.entropy.fixed_point import ACTIVATION_MAX, Layer, exact_dtype

Planes = NDArray[np.floating]


def clamp(planes: Planes, low: int = -ACTIVATION_MAX) -> Planes:
    """Clamp in place to low..32,767."""
    return np.clip(planes, low, ACTIVATION_MAX, out=planes)


def _affine(layer: Layer, columns: Planes, input_max: int) -> Planes:
    """round_shift(W columns + b 2^t, s) for columns (in, n) up to input_max, not clamped."""
    dtype = exact_dtype(layer, input_max)
    scale = 1.0 / (1 << layer.shift)
    weight = (layer.weight.reshape(len(layer.weight), -1) * scale).astype(dtype)
    half = (1 << layer.shift) >> 1
    bias = (((layer.bias << layer.bias_shift) + half) * scale).astype(dtype)
    result = weight @ columns.astype(dtype, copy=False)
    result += bias[:, None]
    return np.floor(result, out=result)


def conv1x1(layer: Layer, planes: Planes) -> Planes:
    """Pixel-wise layer, not clamped."""
    result = _affine(layer, planes.reshape(len(planes), -1), ACTIVATION_MAX)
    return result.reshape(len(result), *planes.shape[1:])


def conv3x3(layer: Layer, planes: Planes, input_max: int = ACTIVATION_MAX) -> Planes:
    """Correlation with replicated borders, not clamped; planes lie within -input_max..input_max."""
    channels, images, height, width = planes.shape
    padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    columns = np.empty((channels, 9, images, height, width), planes.dtype)
    for place in range(9):
        dy, dx = divmod(place, 3)
        columns[:, place] = padded[:, :, dy : dy + height, dx : dx + width]
    result = _affine(layer, columns.reshape(channels * 9, -1), input_max)
    return result.reshape(len(result), images, height, width)


def _double(planes: Planes, taps: NDArray[np.int64], shift: int, axis: int) -> Planes:
    length = planes.shape[axis]
    padding = [(0, 0)] * planes.ndim
    padding[axis] = (2, 2)
    padded = np.pad(planes, padding, mode="edge")
    scale = 1.0 / (1 << shift)
    half = ((1 << shift) >> 1) * scale
    shape = list(planes.shape)
    shape[axis] = 2 * length
    result = np.empty(shape, planes.dtype)

    def view(array: Planes, start: int, step: int, count: int) -> Planes:
        index: list[slice] = [slice(None)] * array.ndim
        index[axis] = slice(start, start + step * (count - 1) + 1, step)
        return array[tuple(index)]

    for parity in (0, 1):
        total = view(result, parity, 2, length)
        total[...] = half
        for place in range(4):
            tap = float(taps[place if not parity else 3 - place]) * scale
            total += tap * view(padded, place + parity, 1, length)
        np.floor(total, out=total)
    return clamp(result)


def upsample(planes: Planes, taps: NDArray[np.int64], shift: int) -> Planes:
    """Twice the size, rows first, clamped after each direction; planes must be float64."""
    return _double(_double(planes, taps, shift, axis=2), taps, shift, axis=3)

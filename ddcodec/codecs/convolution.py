"""Integer convolutions and upsampling carried in floats (spec sections 6.2 and 7.2).

Arrays are (channels, images, height, width), of a float dtype but with integer values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ddcodec.entropy.fixed_point import ACTIVATION_MAX, Layer, exact_dtype

Planes = NDArray[np.floating]
_STRIP_ENTRIES = 1 << 18
"""Inputs that a 3x3 layer lays out at once: more fall out of the cache."""


def clamp(planes: Planes, low: int = -ACTIVATION_MAX) -> Planes:
    """Clamp in place to low..32,767."""
    return np.clip(planes, low, ACTIVATION_MAX, out=planes)


def _matrices(layer: Layer, input_max: int) -> tuple[Planes, Planes]:
    """W and b 2^t + 2^(s-1), both over 2^s, in the dtype that is exact for inputs up to input_max."""
    dtype = exact_dtype(layer, input_max)
    scale = 1.0 / (1 << layer.shift)
    weight: Planes = (layer.weight.reshape(len(layer.weight), -1) * scale).astype(dtype)
    half = (1 << layer.shift) >> 1
    bias: Planes = (((layer.bias << layer.bias_shift) + half) * scale).astype(dtype)
    return weight, bias[:, None]


def _affine(weight: Planes, bias: Planes, columns: Planes) -> Planes:
    """round_shift(W columns + b 2^t, s) for columns (in, n), not clamped."""
    result: Planes = weight @ columns.astype(weight.dtype, copy=False)
    result += bias
    return np.floor(result, out=result)


def conv1x1(layer: Layer, planes: Planes) -> Planes:
    """Pixel-wise layer, not clamped."""
    result = _affine(*_matrices(layer, ACTIVATION_MAX), planes.reshape(len(planes), -1))
    return result.reshape(len(result), *planes.shape[1:])


def conv3x3(layer: Layer, planes: Planes, input_max: int = ACTIVATION_MAX) -> Planes:
    """Correlation with replicated borders, not clamped; planes lie within -input_max..input_max."""
    channels, images, height, width = planes.shape
    padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    weight, bias = _matrices(layer, input_max)
    result: Planes = np.empty((len(weight), images, height, width), weight.dtype)
    strip = max(1, _STRIP_ENTRIES // (9 * channels * images * width))
    for top in range(0, height, strip):
        rows = min(strip, height - top)
        columns = np.empty((channels, 9, images, rows, width), weight.dtype)
        for place in range(9):
            dy, dx = divmod(place, 3)
            columns[:, place] = padded[:, :, top + dy : top + dy + rows, dx : dx + width]
        part = _affine(weight, bias, columns.reshape(channels * 9, -1))
        result[:, :, top : top + rows] = part.reshape(len(result), images, rows, width)
    return result


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
    total, product = np.empty_like(planes), np.empty_like(planes)

    def view(array: Planes, start: int, step: int, count: int) -> Planes:
        index: list[slice] = [slice(None)] * array.ndim
        index[axis] = slice(start, start + step * (count - 1) + 1, step)
        return array[tuple(index)]

    for parity in (0, 1):
        order = range(4) if not parity else range(3, -1, -1)
        factors = [float(taps[place]) * scale for place in order]
        np.multiply(view(padded, parity, 1, length), factors[0], out=total)
        for place in range(1, 4):
            np.multiply(view(padded, place + parity, 1, length), factors[place], out=product)
            total += product
        total += half
        np.floor(total, out=total)
        view(result, parity, 2, length)[...] = clamp(total)
    return result


def upsampling_dtype(taps: NDArray[np.int64], shift: int) -> type:
    """float32 where every sum of `upsample` stays below 2^24, else float64."""
    return exact_dtype(Layer(taps[None], shift, np.zeros(1, np.int64), 0), ACTIVATION_MAX)


def upsample(planes: Planes, taps: NDArray[np.int64], shift: int) -> Planes:
    """Twice the size, rows first, clamped after each direction; planes are of `upsampling_dtype` or float64."""
    return _double(_double(planes, taps, shift, axis=2), taps, shift, axis=3)

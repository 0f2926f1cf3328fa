"""From a foreign set to one of integers on a grid, and how far that moves the values."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet, SoftLabels, make_set
from ddcodec.errors import InputError
from ddcodec.sources.assemble import as_float_or_bytes
from ddcodec.sources.foreign import ForeignSet

LEAST_BITS, MOST_BITS, DEFAULT_BITS = 4, 16, 8
_MAX_PEAK = 32_767
_CHUNK = 256  # images that are held as float64 at a time
_ON_GRID = 0.02  # steps of 1/255 that a normalised byte may be off after its journey through float32


@dataclass(frozen=True)
class Deviation:
    """What rounding did to the values, in units of the tensors given: greatest error and root mean square.

    Fields: images' greatest and rms; soft labels' greatest and rms, or None.
    """

    greatest: float
    rms: float
    soft_greatest: float | None = None
    soft_rms: float | None = None


def adopt(
    foreign: ForeignSet,
    *,
    bits: int | None = None,
    max_error: float | None = None,
    label_bits: int = 8,
    provenance: Mapping[str, Any] | None = None,
) -> DistilledSet:
    """Put a foreign set on a grid.

    Bytes stay as they are. Normalised tensors become pixels, and mean and std go along, so that `normalised()`
    gives the tensors back; whitened ones stay as they are, with `whitening` set.

    Args:
        bits: 4..16, steps over the range of the values: at most 2**bits - 1. None takes 8, or the grid of 1/255
            where all values lie on it.
        max_error: greatest error allowed, in units of the given tensors, instead of bits.
        label_bits: 4..16, the same for soft labels.
        provenance: where the set comes from (spec section 9).
    Raises: InputError.
    """
    hard = foreign.labels
    if bits is not None and max_error is not None:
        raise InputError("--bits and --max-error exclude each other")
    if foreign.images.dtype == np.uint8:
        if bits not in (None, DEFAULT_BITS):
            raise InputError(f"--bits {bits}: these images are bytes and are kept exactly")
        peak = 255
    else:
        as_float_or_bytes(foreign.images)  # refuses NaN
        peak = _choose_peak(foreign, bits, max_error)
    by_class = np.argsort(hard, kind="stable")
    pixels = np.empty(foreign.images.shape, dtype=np.int16)
    place = 0
    for part in _values(foreign, by_class):
        pixels[place : place + len(part)] = np.rint(part * peak)
        place += len(part)
    normalised = foreign.domain != "whitened"
    return make_set(
        pixels,
        peak,
        np.bincount(hard, minlength=foreign.class_count).tolist(),
        order=hard,
        classes=foreign.classes,
        mean=foreign.mean if normalised else None,
        std=foreign.std if normalised else None,
        recipe=foreign.recipe,
        provenance=provenance,
        soft=None if foreign.soft is None else _soft(foreign.soft, str(foreign.soft_kind), label_bits),
        whitening=foreign.whitening,
    )


def measure(foreign: ForeignSet, dataset: DistilledSet) -> Deviation:
    """Compare a set with the foreign one it was made of by `adopt`."""
    by_class = np.argsort(foreign.labels, kind="stable")
    scale = _std(foreign) if foreign.domain == "normalised" else np.ones((foreign.images.shape[1], 1, 1))
    greatest, total, place = 0.0, 0.0, 0
    for part in _values(foreign, by_class):
        stored = dataset.pixels[place : place + len(part)] / float(dataset.peak)
        error = np.abs(stored - part) / scale
        greatest, total = max(greatest, float(error.max())), total + float((error**2).sum())
        place += len(part)
    rms = math.sqrt(total / foreign.images.size)
    if foreign.soft is None or dataset.soft is None:
        return Deviation(greatest, rms)
    off = np.abs(dataset.soft.values / float(dataset.soft.unit) - foreign.soft)
    return Deviation(greatest, rms, float(off.max()), float(np.sqrt((off**2).mean())))


def _std(foreign: ForeignSet) -> NDArray[np.float64]:
    return np.array(foreign.std or (1.0,) * foreign.images.shape[1])[:, None, None]


def _values(foreign: ForeignSet, places: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """What goes on the grid, some images at a time: pixels in units of 1.0, or whitened values."""
    mean = np.array(foreign.mean or (0.0,) * foreign.images.shape[1])[:, None, None]
    for start in range(0, len(places), _CHUNK):
        part = foreign.images[places[start : start + _CHUNK]].astype(np.float64)
        if foreign.images.dtype == np.uint8:
            part /= 255
        elif foreign.domain == "normalised":
            part = part * _std(foreign) + mean
        yield part


def _choose_peak(foreign: ForeignSet, bits: int | None, max_error: float | None) -> int:
    low, high, gap = math.inf, -math.inf, 0.0
    for part in _values(foreign, np.arange(len(foreign.images))):
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        gap = max(gap, float(np.abs(part * 255 - np.rint(part * 255)).max()))
    if max_error is not None:
        return _peak_for_error(foreign, max_error, max(-low, high))
    if bits is None and gap <= _ON_GRID and max(-low, high) * 255 <= _MAX_PEAK:
        return 255
    return peak_for_bits(low, high, DEFAULT_BITS if bits is None else bits)


def _peak_for_error(foreign: ForeignSet, max_error: float, reach: float) -> int:
    if not math.isfinite(max_error) or max_error <= 0:
        raise InputError(f"--max-error: expected a number greater than 0, found {max_error}")
    finest = float(_std(foreign).min()) if foreign.domain == "normalised" else 1.0
    peak = max(1.0, math.ceil(1 / (2 * max_error * finest)))
    if peak > _MAX_PEAK or reach * peak > _MAX_PEAK:
        least = 1 / (2 * finest * math.floor(min(_MAX_PEAK, _MAX_PEAK / max(reach, 1e-9))) or 1)
        raise InputError(f"--max-error {max_error:g} does not fit 16 bits; {least:.3g} is about the least that does")
    return int(peak)


def peak_for_bits(low: float, high: float, bits: int, what: str = "--bits") -> int:
    """Greatest peak with at most 2**bits - 1 steps from `low` to `high` that fits 16-bit integers.

    Raises: InputError for bits outside 4..16, or when not even a peak of 1 would do.
    """
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise InputError(f"{what}: expected {LEAST_BITS}..{MOST_BITS}, found {bits}")
    steps, reach = 2**bits - 1, max(-low, high)
    peak = _MAX_PEAK if high == low else math.floor(min(_MAX_PEAK, steps / (high - low))) + 1
    peak = min(peak, _MAX_PEAK if reach <= 1 else math.floor(_MAX_PEAK / reach))
    while peak > 1 and np.rint(high * peak) - np.rint(low * peak) > steps:  # rounding may add a step
        peak -= 1
    if peak < 1 or np.rint(high * peak) - np.rint(low * peak) > steps:
        raise InputError(f"{what} {bits}: values from {low:.4g} to {high:.4g} span too much; ask for more bits")
    return peak


def _soft(values: NDArray[np.float32], kind: str, bits: int) -> SoftLabels:
    low, high = float(values.min()), float(values.max())
    unit = peak_for_bits(low, high, bits, "--label-bits")
    return SoftLabels(np.rint(values.astype(np.float64) * unit).astype(np.int16), unit, kind)

"""Code lengths of integers without context: densities of the best scale, and counts.

Every function takes the values of one band, (n,) int64, and returns ideal bits.
"""

from __future__ import annotations

from math import lgamma, log

import numpy as np
import torch
from numpy.typing import NDArray

from ddcodec.codecs.weights import best_scale
from ddcodec.entropy.tables import REACH, TOTAL, escape_bits

Values = NDArray[np.int64]
SYMBOLS = 2 * REACH + 2
SIGMAS = np.sqrt(2) * 2.0 ** ((np.arange(64) - 34) / 8)
"""Deviations of the Laplace tables' 64 scales."""


def _counts(values: Values) -> tuple[NDArray[np.int64], float]:
    """How often each of -REACH..REACH and the escape occurs, and the raw bits behind escapes."""
    beyond = np.abs(values) > REACH
    symbols = np.where(beyond, 2 * REACH + 1, values + REACH)
    return np.bincount(symbols, minlength=SYMBOLS), float(escape_bits(values[beyond]).sum())


def laplace_table_bits(values: Values) -> float:
    """The coder's own tables, mean zero, one scale: real integer probabilities."""
    return best_scale(values)[1]


def gaussian_bits(values: Values) -> float:
    """A Gaussian rounded to integers, mean zero, the best of 64 deviations, with the tables' least probability."""
    counts, raw = _counts(values)
    edges = np.arange(-REACH, REACH + 2) - 0.5
    below = torch.special.ndtr(torch.from_numpy(edges[None] / SIGMAS[:, None])).numpy()
    mass = np.diff(below, axis=1)
    mass = np.concatenate([mass, 1 - mass.sum(axis=1, keepdims=True)], axis=1).clip(min=0)
    mass = (1 + mass * (TOTAL - SYMBOLS)) / TOTAL
    return float((-np.log2(mass) @ counts).min()) + raw


def count_bits(values: Values) -> float:
    """Empirical entropy of the counts, which are not charged."""
    counts, raw = _counts(values)
    used = counts[counts > 0]
    return float(-(used * np.log2(used / used.sum())).sum()) + raw


def adaptive_bits(values: Values) -> float:
    """Sequential code by counts that start from a prior shaped like a Laplace of scale one, of weight one.

    The product of its predictions does not depend on the order: a ratio of Gamma functions.
    """
    counts, raw = _counts(values)
    prior = np.exp(-np.abs(np.append(np.arange(-REACH, REACH + 1), REACH + 1)))
    prior /= prior.sum()
    total = lgamma(1 + int(counts.sum()))
    total -= sum(lgamma(weight + count) - lgamma(weight) for weight, count in zip(prior, counts.tolist(), strict=True))
    return total / log(2) + raw

"""Maximum mean discrepancy: how far two distributions of features are apart, by kernels.

The unbiased estimate of Gretton et al. (2012, "A kernel two-sample test", lemma 6): its mean over draws is the
squared distance itself, so that it is 0 for equal distributions, and single values may be negative. The kernel is the
mean of Gaussians of several widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ddcodec.train.losses.class_gradients import class_table


def kernel_widths(percents: Sequence[int], features: int) -> tuple[float, ...]:
    """Standard deviations of Gaussians over standardised features, from percents of the root of their number.

    Two images whose standardised features have nothing to do with each other are about sqrt(2 * features) apart: widths
    in parts of that mean the same for every network.
    """
    return tuple(percent / 100 * math.sqrt(features) for percent in percents)


def kernel(left: Tensor, right: Tensor, widths: Sequence[float]) -> Tensor:
    """(..., n, m) mean of exp(-d ** 2 / (2 * width ** 2)) for rows d apart of (..., n, F) and (..., m, F)."""
    products = left @ right.transpose(-1, -2)
    squared = left.square().sum(-1)[..., :, None] + right.square().sum(-1)[..., None, :] - 2 * products
    found = squared.new_zeros(squared.shape)
    for width in widths:
        found = found + (squared / (-2 * width**2)).exp()
    return found / len(widths)


def kernel_distance(real: Tensor, found: Tensor, labels: Tensor, widths: Sequence[float]) -> Tensor:
    """Unbiased squared discrepancy of each class, summed over classes.

    What cannot be estimated is left out: of a class with one synthetic image, the kernel between two of them, and with
    one real image a class the kernel between these.

    Args: real: (classes, n, F) features; found: (N, F); labels: (N,) int64, every class present.
    """
    rows, filled = class_table(labels, len(real))  # short classes are filled up, with weights of 0
    own, present = found[rows], (filled > 0).to(found.dtype)
    weights = present / present.sum(1, keepdim=True)
    across = (kernel(real, own, widths).mean(1) * weights).sum()
    alike = real.new_full(real.shape[:2], 1 / real.shape[1])
    return _between(real, alike, widths) + _between(own, weights, widths) - 2 * across


def _between(features: Tensor, weights: Tensor, widths: Sequence[float]) -> Tensor:
    """Mean kernel of two different images of a class, summed over classes; 0 for a class of one.

    Args: features: (classes, n, F); weights: (classes, n), 1 / m for each of m images of a class, 0 for others.
    """
    pairs = weights[:, :, None] * weights[:, None, :]
    pairs = pairs - pairs.diagonal(dim1=1, dim2=2).diag_embed()
    total = pairs.sum((1, 2), keepdim=True)  # (m - 1) / m
    shares = pairs / total.clamp(min=0.25)  # 1/2 at least where there are two
    return (shares * kernel(features, features, widths)).sum()

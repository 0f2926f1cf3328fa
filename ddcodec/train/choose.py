"""Rate-distortion choice of latents, in decoding order, under the very tables that will code them.

For an orthonormal transform the distortion of an image is the sum over its coefficients, so each latent can
be decided by itself: its own squared error, its own bits in its actual context, and (optionally) a linear
estimate of what it costs the latents that will look at it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.layout import Layout
from ddcodec.codecs.lockstep import Neighbourhood
from ddcodec.entropy.context import ContextNet
from ddcodec.entropy.tables import ESCAPE, REACH, cost_bits, escape_bits
from ddcodec.entropy.values import split_mean
from ddcodec.train.parts import by_parts


@dataclass(frozen=True)
class Choice:
    """latents: (images, latent_count) int16; bits: ideal code length of all of them."""

    latents: NDArray[np.int16]
    bits: float


def _bits(values: NDArray[np.int64], whole: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    residual = values - whole
    escaped = np.abs(residual) > REACH
    cost: NDArray[np.float64] = cost_bits()[rows, np.where(escaped, ESCAPE, residual + REACH)]
    if escaped.any():
        cost = cost + np.where(escaped, escape_bits(residual), 0)
    return cost


def choose_latents(
    layout: Layout,
    net: ContextNet,
    targets: NDArray[np.float64],
    error_weight: NDArray[np.float64],
    price: float,
    outlook: NDArray[np.float64] | None = None,
) -> Choice:
    """Minimise sum(error_weight (latent - target)^2) + price * bits, one step after the other.

    Args:
        targets: (images, latent_count) wanted values in quantisation steps.
        error_weight: (latent_count,) distortion of an error of one step.
        price: distortion units per bit.
        outlook: (images, latent_count) bits that later latents gain per unit of this one, or None.
    """
    wanted = np.ascontiguousarray(targets.T)
    slope = None if outlook is None else np.ascontiguousarray(outlook.T)
    steps = list(layout.steps())
    chosen, bits = np.empty(wanted.shape, np.int16), np.empty(wanted.shape)

    def part_of(images: slice) -> None:
        """Choice and bits of some images, in place."""
        around = Neighbourhood(layout, net, images.stop - images.start)
        for step in steps:
            weight = error_weight[step.latents][:, None]
            ahead = None if slope is None else price * slope[step.latents, images]
            values, cost = _best(wanted[step.latents, images], weight, price, ahead, around.context(step))
            chosen[step.latents, images], bits[step.latents, images] = values, cost
            around.store(step, values)

    by_parts(len(targets), part_of)
    total = sum(float(bits[step.latents].sum()) for step in steps)
    return Choice(np.ascontiguousarray(chosen.T), total)


def _best(
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    price: float,
    ahead: NDArray[np.float64] | None,
    context: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Values (n, images) of least cost near a target, and their bits.

    Args: weight: (n, 1); ahead: cost that later latents have for each unit of this one; context: mean and scale index.
    """
    whole, rows = split_mean(*context)
    nearest = np.clip(np.rint(target), -32_000, 32_000).astype(np.int64)
    best_value = nearest
    best_cost: NDArray[np.float64] | None = None
    best_bits = np.zeros(0)
    # towards zero pays for sparse coefficients, towards the mean for predictable ones
    candidates = (
        nearest,
        nearest - np.sign(nearest),
        np.zeros_like(nearest),
        nearest + np.sign(whole - nearest),
    )
    for values in candidates:
        bits = _bits(values, whole, rows)
        cost = weight * (values - target) ** 2 + price * bits
        if ahead is not None:
            cost += ahead * values
        if best_cost is None:
            best_cost, best_bits = cost, bits
            continue
        better = cost < best_cost
        best_value = np.where(better, values, best_value)
        best_cost = np.where(better, cost, best_cost)
        best_bits = np.where(better, bits, best_bits)
    return best_value, best_bits

"""The differentiable code length against the tables that code."""

import numpy as np
import pytest
import torch

from ddcodec.codecs.weights import best_scale
from ddcodec.entropy.tables import FRACTIONS, REACH, SCALES, pmf_table
from ddcodec.entropy.values import residual_bits
from ddcodec.train.rate import coded_weight_bits, laplace_bits, weight_bits
from ddcodec.train.rounding import floor_through, noisy_soft_round, soft_round, straight_through


def grid():
    """Table bits, distance from the mean and scale index of every symbol but the escape."""
    bits = 24 - np.log2(pmf_table().reshape(SCALES, FRACTIONS, -1)[:, :, :-1])
    scale, fraction, symbol = np.indices(bits.shape)
    distance = symbol - REACH - (fraction - 8) / 16
    return (torch.from_numpy(a.astype(np.float64)) for a in (bits, distance, scale))


def test_bits_are_those_of_the_tables():
    bits, distance, scale = grid()
    # the floor in the tables' integers is all that differs: a part in 2^24 of probability
    assert float((laplace_bits(distance, scale, exact=True) - bits)[bits < 12].abs().max()) < 1e-3
    assert float((laplace_bits(distance, scale, exact=True) - bits)[bits < 23].abs().max()) < 0.6
    # without it, the tables' least probability is missing, which only counts far out
    assert float((laplace_bits(distance, scale) - bits)[bits < 12].abs().max()) < 2e-3
    near = bits < 12
    single = laplace_bits(distance.float(), scale.float(), exact=True).double()
    assert float((single - bits)[near].abs().max()) < 2e-3


def test_bits_of_escapes():
    rng = np.random.default_rng(0)
    residual = rng.integers(32, 30_000, 500) * rng.choice([-1, 1], 500)
    for scale in (0, 30, 63):
        rows = np.full(500, scale * FRACTIONS + 8)
        found = laplace_bits(torch.from_numpy(residual).double(), torch.tensor(float(scale)), exact=True).sum()
        assert float(found) == pytest.approx(residual_bits(residual, rows), rel=0.005)


def test_gradients_point_to_the_mean_and_to_the_spread():
    distance = torch.tensor([-40.0, -3.0, -0.6, -0.3, 0.3, 0.6, 3.0, 40.0], requires_grad=True)
    for index in (0.0, 20.0, 34.0, 63.0):
        (slope,) = torch.autograd.grad(laplace_bits(distance, torch.tensor(index)).sum(), distance)
        assert torch.equal(slope.sign()[[0, 1, 2, 5, 6, 7]], distance.detach().sign()[[0, 1, 2, 5, 6, 7]])
        assert bool((slope * distance >= 0).all())
    scale = torch.tensor([26.0], requires_grad=True)
    (far,) = torch.autograd.grad(laplace_bits(torch.tensor([9.0]), scale).sum(), scale)
    (close,) = torch.autograd.grad(laplace_bits(torch.tensor([0.0]), scale).sum(), scale)
    assert float(far) < 0 < float(close)


@pytest.mark.parametrize("exact", [False, True])
def test_extremes_are_finite(exact):
    distance = torch.tensor([0.0, 0.5, -0.5, 31.5, 1e3, -6e4]).repeat(3, 1).requires_grad_(True)
    scale = torch.tensor([[0.0], [34.0], [63.0]], requires_grad=True)
    bits = laplace_bits(distance, scale, exact)
    bits.sum().backward()
    for found in (bits, distance.grad, scale.grad):
        assert bool(found.isfinite().all())
    assert bool((bits >= 0).all())


def test_bits_of_weights():
    rng = np.random.default_rng(3)
    for spread in (0.3, 2, 15, 200):
        values = np.rint(rng.laplace(0, spread, (30, 20))).astype(np.int64)
        _, bits = best_scale(values.reshape(-1))
        assert coded_weight_bits(torch.from_numpy(values)) == pytest.approx(bits, rel=0.005)
        assert float(weight_bits(torch.from_numpy(values).float())) == pytest.approx(bits, rel=0.35)
    assert float(weight_bits(torch.zeros(5))) == 0
    assert coded_weight_bits(torch.zeros(5)) < 0.01


def test_stand_ins_for_rounding():
    values = torch.tensor([-1.7, -0.5, 0.2, 2.5], requires_grad=True)
    for function, plain in ((straight_through, torch.round), (floor_through, torch.floor)):
        (slope,) = torch.autograd.grad(function(values).sum(), values)
        assert torch.equal(function(values), plain(values))
        assert torch.equal(slope, torch.ones(4))
    free = torch.linspace(-2, 2, 41)[torch.arange(41) % 10 != 5]  # no ties
    assert float((soft_round(free, 0.005) - free.round()).abs().max()) < 1e-3
    assert float((soft_round(free, 50.0) - free).abs().max()) < 1e-3
    draws = [noisy_soft_round(free, 0.2, 0.1, torch.Generator().manual_seed(4)) for _ in range(2)]
    assert torch.equal(*draws)

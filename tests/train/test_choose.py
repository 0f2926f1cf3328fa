"""The choice of latents: what it counts, and that it chooses well."""

import numpy as np
import pytest

from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.lockstep import contexts
from ddcodec.entropy.tables import ESCAPE, REACH, cost_bits, escape_bits
from ddcodec.entropy.values import residual_bits
from ddcodec.train.choose import choose_latents
from ddcodec.train.fit import error_weights
from tests.train.small_runs import started, synthetic

PRICES = (0.01, 0.05, 0.12, 0.5, 2.0, 10.0)


@pytest.fixture(scope="module", params=["digits", "colour", "own network", "pyramid"])
def case(request):
    """Layout, integer network, wanted values and their error weights, of a run at its start."""
    more = {"own network": ["codec.context_base=0"], "pyramid": ["codec.synthesis=pyramid"]}.get(request.param, [])
    data = {"data": synthetic()} if request.param == "colour" else {}
    distiller = started("train.lambda=8", *more, **data)
    distiller.step()
    (group,) = distiller.groups
    networks = group.model.networks()
    targets = group.shadow.detach().double().numpy()
    if request.param == "pyramid":
        return networks, 5 * targets, np.ones(targets.shape[1])
    weight = error_weights(group.model)
    return networks, targets, weight / weight.mean()


def counted(networks, latents):
    """Bits of latents that are known."""
    parts = contexts(networks.layout, networks.context, latents)
    return sum(residual_bits(residual.reshape(-1), rows.reshape(-1)) for residual, rows in parts)


def cost(networks, latents, targets, weight, price):
    return float((weight * (latents - targets) ** 2).sum()) + price * counted(networks, latents)


@pytest.mark.parametrize("price", [0.02, 0.12, 1.0])
def test_bits_are_those_of_the_coded_stream(case, price):
    networks, targets, weight = case
    choice = choose_latents(networks.layout, networks.context, targets, weight, price)
    half = len(targets) // 2
    parts = [choice.latents[:half], choice.latents[half:]]
    streams, ideal = encode_class_streams([networks], [0, 0], parts)
    assert choice.latents.dtype == np.int16
    assert choice.bits == pytest.approx(sum(ideal), rel=1e-9)
    assert abs(8 * sum(map(len, streams)) - choice.bits) <= 2 * 40 + 0.001 * choice.bits


@pytest.mark.parametrize("price", PRICES)
def test_cost_is_never_above_that_of_plain_rounding(case, price):
    networks, targets, weight = case
    choice = choose_latents(networks.layout, networks.context, targets, weight, price)
    rounded = np.rint(targets).astype(np.int16)
    assert cost(networks, choice.latents, targets, weight, price) <= cost(networks, rounded, targets, weight, price)


def test_a_higher_price_never_costs_more_bits(case):
    networks, targets, weight = case
    bits = [choose_latents(networks.layout, networks.context, targets, weight, price).bits for price in PRICES]
    # choices change the contexts of later ones, so that a little disorder is possible
    assert all(dearer <= 1.002 * cheaper for cheaper, dearer in zip(bits, bits[1:], strict=False))
    assert bits[-1] < bits[0]


def test_no_price_means_rounding(case):
    networks, targets, weight = case
    choice = choose_latents(networks.layout, networks.context, targets, weight, 0.0)
    assert np.array_equal(choice.latents, np.rint(targets))


def test_without_an_error_weight_symbols_are_the_cheapest(case):
    networks, targets, weight = case
    choice = choose_latents(networks.layout, networks.context, targets, 0 * weight, 1.0)
    nearest = np.rint(targets).astype(np.int64).T
    parts = contexts(networks.layout, networks.context, choice.latents)
    for step, (residual, rows) in zip(networks.layout.steps(), parts, strict=True):
        whole = choice.latents.T[step.latents] - residual
        near = nearest[step.latents]

        def bits(values, whole=whole, rows=rows):
            difference = values - whole
            away = np.abs(difference) > REACH
            symbols = np.where(away, ESCAPE, difference + REACH)
            return cost_bits()[rows, symbols] + np.where(away, escape_bits(difference), 0)

        for other in (near, near - np.sign(near), 0 * near, near + np.sign(whole - near)):
            assert (bits(whole + residual) <= bits(other)).all()


def test_an_outlook_moves_choices(case):
    networks, targets, weight = case
    plain = choose_latents(networks.layout, networks.context, targets, weight, 0.1)
    none = choose_latents(networks.layout, networks.context, targets, weight, 0.1, np.zeros(targets.shape))
    assert np.array_equal(plain.latents, none.latents)
    # magnitudes are dear: fewer and smaller ones are chosen
    dear = choose_latents(networks.layout, networks.context, targets, weight, 0.1, 20 * np.sign(targets))
    assert np.abs(dear.latents).sum() < np.abs(plain.latents).sum()

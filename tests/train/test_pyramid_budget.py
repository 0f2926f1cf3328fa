"""Byte budgets of the pyramid: prices, scales, and files that land."""

import re
from copy import deepcopy

import numpy as np
import pytest
import torch

from ddcodec.errors import EncodeError
from ddcodec.train.pyramid_budget import PriceControl, coarsest, first_price, nearest_bits, over, sensitivity, widen
from tests.train.small_runs import FIT_ONLY, PYRAMID, file_of, finish, started, synthetic


def size_of(wanted, *more, **data):
    return len(file_of(finish(started(f"train.bytes_per_class={wanted}", *PYRAMID, *more, **data))))


@pytest.mark.parametrize("wanted", [45, 70, 110, 300])
@pytest.mark.parametrize("more", [(), (FIT_ONLY,), (FIT_ONLY, "train.fit_steps=40")], ids=["joint", "fit", "longer"])
def test_files_land_on_their_budgets(wanted, more):
    assert 0.97 * 10 * wanted <= size_of(wanted, *more) <= 10 * wanted


@pytest.mark.parametrize(("share", "wanted"), [("class", 250), ("group", 130)])
def test_files_of_several_groups_land(share, wanted):
    data = synthetic(channels=1, height=8, width=8)
    settings = (f"codec.share={share}", "codec.group_size=2", FIT_ONLY)
    assert 0.97 * 3 * wanted <= size_of(wanted, *settings, data=data) <= 3 * wanted


def test_colour_lands():
    data = synthetic(height=16, width=16, each=12)
    size = size_of(400, FIT_ONLY, "train.images_per_class=4", "train.fit_steps=8", data=data)
    assert 0.97 * 1200 <= size <= 1200


def test_the_whole_file_can_be_counted():
    distiller = finish(started("train.bytes_per_class=150", "train.budget_counts=file", *PYRAMID, FIT_ONLY))
    extra = distiller.start.budget.extra
    assert extra > 100
    assert 0.97 * 1500 <= len(file_of(distiller)) + extra <= 1500


@pytest.mark.parametrize("more", [(), ("codec.share=class",), ("codec.preset=v5",)])
def test_the_smallest_feasible_budget_is_named(more):
    with pytest.raises(EncodeError, match=r"bytes_per_class is 9: .* take \d+ bytes per class") as caught:
        started("train.bytes_per_class=9", *PYRAMID, *more)
    least = int(re.search(r"take (\d+) bytes per class", str(caught.value))[1])
    started(f"train.bytes_per_class={least + 1}", *PYRAMID, *more)
    with pytest.raises(EncodeError):
        started(f"train.bytes_per_class={least - 1}", *PYRAMID, *more)


def test_networks_give_way_to_a_budget_near_their_size():
    size = size_of(62, "codec.preset=v1", "codec.channels=2", FIT_ONLY)
    assert 0.97 * 620 <= size <= 620


def test_lambda_still_rules_without_a_budget():
    distiller = finish(started(*PYRAMID, "train.lambda=3", FIT_ONLY))
    assert distiller.price == pytest.approx(256 / 3)


def test_the_price_follows_the_bits():
    control = PriceControl(100.0)
    assert control.price(1500, 1000, 50) > 100
    risen = control.integral
    assert control.price(500, 1000, 50) < 100
    assert control.integral < risen
    for _ in range(10_000):
        last = control.price(1e9, 1, 50)
    assert np.isfinite(last)


def test_goals_tighten():
    goals = [over(done / 10, False) for done in range(11)]
    assert goals == sorted(goals, reverse=True)
    assert (goals[0], goals[-1]) == (1.4, 1.0)
    assert over(1.0, True) == 1.4
    assert first_price(1e6, 1) > first_price(1e6, 2) > first_price(1e6, 4) == first_price(1e6, 9)


@pytest.fixture(scope="module")
def fitted():
    distiller = started(*PYRAMID, FIT_ONLY, "train.fit_steps=30", "train.lambda=1")
    for _ in range(30):
        distiller.step()
    return distiller.groups[0]


def test_finer_latents_show_the_same_images(fitted):
    group = deepcopy(fitted)
    with torch.no_grad():
        before, bits = group.model.synthesis(group.shadow), nearest_bits([group], 1.0)
        widen([group], 1.5 * bits)
        after = group.model.synthesis(group.shadow)
    assert 1.5 * bits <= nearest_bits([group], 1.0) <= 1.7 * bits
    assert float((after - before).abs().max()) < 1e-3
    group.model.networks().check()
    widen([group], bits)
    assert torch.equal(after, group.model.synthesis(group.shadow))


def test_sensitivity_is_that_of_the_rendered_images(fitted):
    weight = sensitivity(fitted)
    places = np.argsort(weight)[[5, len(weight) // 2, -3]]
    with torch.no_grad():
        shown = fitted.model.synthesis(fitted.chosen_tensor(), True)
        for place in places:
            moved = fitted.chosen_tensor()
            moved[:, place] += 0.01
            change = (fitted.model.synthesis(moved, True) - shown) * fitted.model.shape.peak
            measured = float(change.square().sum() / len(moved) / 0.01**2)
            assert weight[place] == pytest.approx(measured, rel=0.6)


def test_the_coarsest_networks_are_small_and_only_a_trial(fitted):
    before = fitted.model.networks()
    small = coarsest(fitted.model)
    assert sum(abs(t).sum() for t in small.tensors) < sum(abs(t).sum() for t in before.tensors)
    assert fitted.model.networks().shifts == before.shifts

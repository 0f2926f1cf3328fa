"""Trajectories and kernels in turn."""

import numpy as np
import pytest
import torch

from ddcodec.errors import InputError
from ddcodec.train.losses.kernel_distance import kernel_distance, kernel_widths
from ddcodec.train.pool import scales_of
from tests.train.losses.test_matchers import TM, beginning, matcher_of

LABELS = torch.arange(10).repeat_interleave(2)
QUICK = ("train.loss=d3", *TM, "tm.batch=8", "mmd.real_batch=6", "matching.augmentation=none")


def kinds(matcher, steps):
    found = []
    for step in range(steps):
        terms = matcher.pixel_gradient(beginning(), LABELS, step)[1]
        (own,) = (name for name in terms if name.startswith("loss_"))
        found.append(own.removeprefix("loss_")[0])
    return "".join(found)


@pytest.mark.parametrize(
    ("more", "turns"),
    [((), "tmtmtm"), (("d3.tm_steps=2",), "ttmttm"), (("d3.mmd_steps=2",), "tmmtmm"), (("d3.mmd_steps=0",), "tttttt")],
)
def test_they_take_turns(more, turns):
    assert kinds(matcher_of(*QUICK, *more), 6) == turns


def test_the_discrepancy_is_that_of_an_expert_at_the_stated_epoch():
    for epoch, stated in ((2, 0), (1, 1)):
        matcher = matcher_of(*QUICK, "tm.experts=1", "tm.together=1", f"d3.feature_epoch={stated}")
        state = matcher._generator.get_state()
        gradient, value = matcher.discrepancy(beginning(), LABELS)
        matcher._generator.set_state(state)
        torch.randint(1, (), generator=matcher._generator)  # which expert
        network = matcher.trajectories.experts.network
        flat = matcher.trajectories.experts.store.get(0, epoch, 0)
        weights = network.split(flat)

        def features(images, weights=weights, network=network):
            body = {name.removeprefix("body."): part for name, part in weights.items() if name.startswith("body.")}
            return torch.func.functional_call(network._frame.body, body, (images,)).flatten(1)

        drawn = features(matcher._real.draw(6, matcher._generator).flatten(0, 1))
        centre, spread = scales_of(drawn)
        images = beginning().requires_grad_(True)
        found = (features(matcher._real.normalise(images)) - centre) / spread
        widths = kernel_widths((25, 50, 100, 200, 400), found.shape[1])
        expected = kernel_distance(((drawn - centre) / spread).reshape(10, 6, -1), found, LABELS, widths)
        assert value == pytest.approx(float(expected.detach()), abs=1e-6)
        torch.testing.assert_close(gradient, torch.autograd.grad(expected, images)[0], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("share", [0.0, 1.0, 3.0])
def test_the_discrepancy_has_its_share_of_the_norm(share):
    matcher = matcher_of(*QUICK, f"d3.mmd_share={share}")
    first, second = (float(matcher.pixel_gradient(beginning(), LABELS, step)[0].norm()) for step in range(2))
    assert second == pytest.approx(share * first, rel=1e-4)


def test_both_terms_go_down():
    more = ("tm.experts=1", "tm.together=1", "tm.expert_epochs=1", "tm.span=1", "tm.max_start=0", "tm.student_steps=5")
    more += ("tm.batch=20", "tm.expert_rate=0.2", "tm.student_rate=0.02", "matching.augmentation=none")
    matcher = matcher_of("train.loss=d3", "matching.width=8", "mmd.real_batch=64", *more)
    images, values = beginning(), {"loss_trajectory": [], "loss_mmd": []}
    for step in range(80):
        gradient, terms = matcher.pixel_gradient(images, LABELS, step)
        for name in values.keys() & terms.keys():
            values[name].append(terms[name])
        images = images - 0.5 * gradient / gradient.norm()
    assert np.mean(values["loss_trajectory"][-3:]) < 0.95 * values["loss_trajectory"][0]
    assert np.mean(values["loss_mmd"][-5:]) < 0.7 * np.mean(values["loss_mmd"][:2])


def test_a_later_epoch_than_there_is():
    with pytest.raises(InputError, match=r"d3\.feature_epoch is 3, more than tm\.expert_epochs, 2"):
        matcher_of(*QUICK, "d3.feature_epoch=3")

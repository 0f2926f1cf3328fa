"""Soft labels that are optimised with the images: slopes, price, budgets, and that nothing changes for others."""

import numpy as np
import pytest
import torch

from ddcodec.codecs.soft_labels import soft_label_bits
from ddcodec.errors import InputError
from ddcodec.pipeline import decode
from ddcodec.train.config import Config
from ddcodec.train.labelling import LearnsLabels, mixed_labels
from ddcodec.train.learned_labels import LearnedLabels
from ddcodec.train.losses.dm import distribution_matching
from ddcodec.train.rate import laplace_bits
from tests.train.losses.test_matchers import OUTSIDE, beginning, matcher_of
from tests.train.small_runs import FIT_ONLY, PYRAMID, RUNS, file_of, finish, finished, started

TM = ("train.loss=tm", "tm.experts=2", "tm.together=2", "tm.expert_epochs=1", "tm.max_start=0", "tm.span=1")
HARD = torch.arange(3).repeat(6)


def taught(sharp=1.0, classes=3):
    """Labels in doubt for the 18 images of `HARD`."""
    logits = sharp * torch.randn(2, len(HARD), classes, generator=torch.Generator().manual_seed(5))
    return mixed_labels(logits, HARD, 0.6)


def begun(unit=32, **more):
    labels = LearnedLabels(HARD, unit)
    labels.begin(taught(**more))
    labels.look()
    return labels


def test_they_start_from_what_teachers_say():
    labels = begun()
    assert labels.numbers.tolist() == torch.round(32 * taught()).int().tolist()
    assert labels.bits == soft_label_bits(labels.soft(), HARD.numpy())
    assert (labels.soft().kind, labels.soft().unit) == ("probabilities", 32)


def test_hard_labels_may_become_soft_again():
    labels = LearnedLabels(HARD, 16)
    labels.begin(mixed_labels(torch.zeros(1, 18, 3), HARD, 0.0))
    assert labels.look()[range(18), HARD].tolist() == [1.0] * 18
    for _ in range(120):
        labels.step(torch.full((18, 3), -1.0).scatter(1, HARD[:, None], 1.0), 0.0, 0.05)
        labels.look()
    assert (labels.numbers[range(18), HARD] < 16).all()


@pytest.mark.parametrize("unit", [16, 255, 30_000])
def test_the_slope_of_the_rate_is_that_of_the_expected_bits(unit):
    labels = begun(unit)
    (own_mean, own_scale), (mean, scale) = labels._models
    noise = torch.linspace(-0.5, 0.5, 2001, dtype=torch.float64)

    def expected(shares):
        away = shares[:, :, None] - torch.where(labels._own, own_mean, mean)[:, :, None] + noise
        return laplace_bits(away, torch.where(labels._own, own_scale, scale)[:, :, None]).mean(2)

    shares = labels._shares()
    numeric = (expected(shares + 1e-3) - expected(shares - 1e-3)) / 2e-3
    assert labels._rate_slope() == pytest.approx(numeric.numpy(), abs=2e-2 * float(numeric.abs().max()))


def test_a_step_follows_the_chain_rule():
    labels, free = begun(), begun()
    slope = torch.randn(18, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logits = labels._logits.clone().requires_grad_(True)
    whole = slope + 0.3 * 32 * labels._rate_slope()
    (expected,) = torch.autograd.grad((torch.softmax(logits, 1) * whole).sum(), logits)
    assert labels.step(slope, 0.3, 0.01) == {"label_bits": free.bits}
    assert labels._adam.first == pytest.approx(0.1 * expected.numpy(), abs=1e-12)


def settled(price):
    """Labels that a quadratic loss holds to what teachers said, at some price of a bit, and their bits."""
    labels = begun()
    for _ in range(100):
        seen = labels.look()
        labels.step(2 * 50 * (seen - taught()).float(), price, 0.03)
    labels.look()
    return labels


def test_their_bits_fall_with_a_dearer_price():
    found = {price: settled(price) for price in (0.0, 0.05, 0.15, 20.0)}
    bits = [labels.bits for labels in found.values()]
    assert bits[0] > 1.03 * bits[1] > 1.1 * bits[2] > 2 * bits[3]
    errors = [float((labels._shares() / 32 - taught()).square().sum()) for labels in found.values()]
    assert errors[0] < 0.01
    assert errors == sorted(errors)
    assert len({tuple(row) for row in found[20.0].numbers.tolist()}) == 3  # one label a class


def some_labels():
    """For the images of `beginning`."""
    hard = torch.arange(10).repeat_interleave(2)
    logits = torch.randn(1, 20, 10, generator=torch.Generator().manual_seed(2))
    return hard, mixed_labels(logits, hard, 0.7).float()


LEARNERS = {"dm": (), "tm": (*TM, "tm.student_steps=2", "tm.batch=20")}


@pytest.mark.parametrize("name", LEARNERS)
def test_gradients_for_labels(name):
    settings = ("matching.augmentation=none", *LEARNERS[name])
    hard, targets = some_labels()
    makers = {
        "plain": (hard, None),
        "one-hot": (hard, torch.nn.functional.one_hot(hard).float()),
        "soft": (hard, targets),
    }
    found = {}
    for kind, (labels, wanted) in makers.items():
        matcher = matcher_of(*settings)
        if wanted is None:
            found[kind] = matcher.pixel_gradient(beginning(), labels, 0)
        else:
            assert isinstance(matcher, LearnsLabels)
            found[kind] = matcher.joint_gradients(beginning(), labels, wanted, 0)
    assert torch.allclose(found["plain"][0], found["one-hot"][0], atol=1e-6 * float(found["plain"][0].abs().max() + 1))
    assert not torch.allclose(found["plain"][0], found["soft"][0], rtol=0.1)
    slope, terms = found["soft"][1:]
    assert slope.shape == (20, 10)
    loss = sum(value for key, value in terms.items() if key.startswith("loss_"))
    before, matcher = loss, matcher_of(*settings)
    _, _, after = matcher.joint_gradients(beginning(), hard, targets - 1e-2 * slope / slope.norm(), 0)
    assert sum(value for key, value in after.items() if key.startswith("loss_")) < before


def test_the_slope_of_dm_is_that_of_its_balanced_terms():
    matcher, (hard, targets) = matcher_of("matching.augmentation=none"), some_labels()
    reference = matcher.pool.members[0]
    _, slope, _ = matcher.joint_gradients(beginning(), hard, targets, 0)
    leaf = targets.clone().requires_grad_(True)
    normal = (beginning() - 0.3) / 0.38
    (expected,) = torch.autograd.grad(distribution_matching(normal, hard, reference, leaf)["head"], leaf)
    assert slope == pytest.approx(3 / matcher.balance.norms["head"][0] * expected.numpy(), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        ("train.bytes_per_class=70",),
        ("train.bytes_per_class=110",),
        ("train.bytes_per_class=80", *TM, "tm.student_steps=1"),
        ("train.bytes_per_class=80", "codec.share=group", "codec.group_size=4"),
        ("train.bytes_per_class=110", *PYRAMID),
        ("train.bytes_per_class=110", "train.budget_counts=file"),
    ],
)
def test_budgets_are_met(more):
    distiller = finish(started("train.labels=learned", *more))
    data = file_of(distiller)
    wanted = int(distiller.start.budget.set_bytes)
    assert 0.97 * wanted <= len(data) <= wanted
    assert np.array_equal(decode(data).soft.values, distiller.learned.numbers)


def test_they_move_and_their_bits_are_told():
    distiller = started(*RUNS["learned labels"], "train.label_rate=0.2")
    metrics = []
    while distiller.steps_done < distiller.steps_total:
        phase, found = distiller.phase, distiller.step()
        if phase == "joint":
            metrics.append(found)
    assert [found["label_bits"] > 0 for found in metrics] == [True] * 4
    learned = distiller.result().model.soft
    issued = distiller.teacher.teach(torch.from_numpy(distiller.images()))
    expected = torch.round(16 * mixed_labels(issued, distiller.labels, 0.5)).numpy()
    assert np.abs(learned.values - expected).max() >= 2


def test_one_budget_for_latents_and_labels():
    distiller = started(*RUNS["learned labels"])
    while distiller.phase != "joint":
        distiller.step()
    latents = distiller.start.budget_bits
    metrics = distiller.step()
    assert distiller.budget_bits == latents + distiller.start.label_bits == latents + 200
    assert metrics["goal_bits"] == pytest.approx(1.4 * distiller.budget_bits)
    excess = (metrics["rate_bits"] + metrics["label_bits"]) / metrics["goal_bits"] - 1
    assert distiller.controller.integral == pytest.approx(excess)


@pytest.mark.parametrize(
    ("loss", "more"),
    [
        ("dc", ()),
        ("ncfm", ()),
        ("mmd", ()),
        ("d3", ()),
        ("dm", ("matching.source=random",)),
        (f"{OUTSIDE}:MeanColour", ()),
    ],
)
def test_losses_that_have_no_gradient_for_labels(loss, more):
    with pytest.raises(InputError, match=rf"train\.labels is learned: train\.loss {loss} has no gradient for labels"):
        started("train.labels=learned", f"train.loss={loss}", *more)


def test_without_joint_steps_they_are_the_soft_ones():
    files = {
        kind: file_of(finish(started("train.bytes_per_class=80", f"train.labels={kind}", FIT_ONLY)))
        for kind in ("soft", "learned")
    }
    assert files["soft"] == files["learned"]


def test_states_and_hashes_of_other_runs_are_as_they_were():
    assert not [name for name in finished("soft labels").state() if name.startswith("labels.")]
    config = Config()
    assert config.with_settings(["train.label_rate=0.03"]).sha256() == config.sha256()
    assert config.with_settings(["train.label_rate=0.02"]).sha256() != config.sha256()


def test_states_without_labels_are_refused():
    distiller = started(*RUNS["learned labels"])
    state = finished("learned labels").state()
    state["labels.logits"] = state["labels.logits"][:-1]
    with pytest.raises((KeyError, RuntimeError, ValueError)):
        distiller.load_state(state)

"""Matching: closed forms against autograd, and what real images themselves score."""

import pytest
import torch
from torch.nn import functional

from ddcodec.train.config import Config, MatchingOptions
from ddcodec.train.convnet import ConvNet
from ddcodec.train.joint import Controller, goal_bits
from ddcodec.train.losses.balance import Balance
from ddcodec.train.losses.dm import DistributionMatching, distribution_matching
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.pool import class_moments, pool_from_state, pool_state, train_member
from tests.train.small_runs import synthetic

DATA = synthetic(channels=2, height=9, width=14)
IMAGES, LABELS = torch.from_numpy(DATA.images) - 0.5, torch.from_numpy(DATA.labels)
OPTIONS = MatchingOptions(networks=1, width=6, stages=(2, 4), real_per_class=0, augmentation="none")
POOL = train_member(IMAGES, LABELS, 0, classes=3, options=OPTIONS, seed=3)


def test_head_is_the_gradient_of_the_last_layer():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(20, 7, generator=generator)
    labels = torch.randint(4, (20,), generator=generator)
    head = torch.nn.Linear(7, 5)  # class 4 has no images
    moments = class_moments(features, head(features), labels)
    for c in range(5):
        rows = labels == c
        if not rows.any():
            assert not moments.head[c].any()
            assert not moments.mean[c].any()
            continue
        loss = functional.cross_entropy(head(features[rows]), labels[rows])
        (gradient,) = torch.autograd.grad(loss, head.weight)
        assert torch.allclose(moments.head[c], gradient, atol=1e-6)
        assert torch.allclose(moments.mean[c], features[rows].mean(0), atol=1e-6)


def test_stages_are_snapshots_of_one_training():
    assert len(POOL) == 2
    weights = [next(iter(entry.network.parameters())) for entry in POOL]
    assert not torch.equal(*weights)
    again = train_member(IMAGES, LABELS, 0, classes=3, options=OPTIONS, seed=3)
    assert all(torch.equal(a.real.head, b.real.head) for a, b in zip(POOL, again, strict=True))
    assert not any(p.requires_grad for entry in POOL for p in entry.network.parameters())


@pytest.mark.parametrize("reference", POOL)
def test_real_images_match_themselves(reference):
    terms = distribution_matching(IMAGES, LABELS, reference)
    assert all(float(term) < 1e-8 for term in terms.values())
    other = distribution_matching(IMAGES.flip(0), LABELS, reference)
    assert all(float(term) > 1e-3 for term in other.values())


def test_features_are_standardised():
    reference = POOL[0]
    features = (reference.network.features(IMAGES) - reference.centre) / reference.spread
    assert float(features.mean(0).abs().max()) < 1e-4
    assert 0.3 < float(features.std(0).median()) <= 1


def test_a_pool_survives_its_state():
    again = pool_from_state(pool_state(POOL), lambda: ConvNet(2, (9, 14), 3, 6))
    for old, new in zip(POOL, again, strict=True):
        assert torch.equal(old.network(IMAGES), new.network(IMAGES))
        for name in ("centre", "spread"):
            assert torch.equal(getattr(old, name), getattr(new, name))
        assert torch.equal(old.real.mean, new.real.mean)
        assert torch.equal(old.real.head, new.real.head)


def test_balance_gives_each_term_its_share():
    leaf = torch.ones(3, requires_grad=True)

    def terms():
        return {"a": 1e4 * leaf[0], "b": 1e-3 * leaf[1]}

    balance = Balance({"a": 1.0, "b": 3.0}, rounds=2)
    gradient = balance.gradient(terms(), leaf)
    assert gradient.tolist() == pytest.approx([1, 3, 0])
    for _ in range(3):
        balance.gradient(terms(), leaf)
    assert [len(norms) for norms in balance.norms.values()] == [2, 2]
    # weights are fixed by now: a term that shrinks has a smaller part
    (smaller,) = [balance.gradient({"a": 1e3 * leaf[0], "b": 1e-3 * leaf[1]}, leaf)]
    assert smaller.tolist() == pytest.approx([0.1, 3, 0])
    assert bool(Balance({"a": 1.0}).gradient({"a": 0 * leaf.sum()}, leaf).isfinite().all())


def test_a_matcher_takes_every_network_in_turn():
    generator = torch.Generator().manual_seed(1)
    real = RealImages(DATA, torch.zeros(2), torch.ones(2), torch.device("cpu"))
    matcher = DistributionMatching(Config(), real, generator)
    matcher.pool.members = list(POOL)
    used = []
    for step in range(4):
        gradient, terms = matcher.pixel_gradient(torch.from_numpy(DATA.images), LABELS, step)
        used.append(len(matcher.pool.queue))
        assert gradient.shape == IMAGES.shape
        assert bool(gradient.isfinite().all())
        assert set(terms) == {"loss_mean", "loss_head"}
    assert used == [1, 0, 1, 0]


def test_the_controller_leans_against_the_excess():
    controller = Controller()
    first = controller.weight(100, 100, 1.0, 1.0)
    assert first == pytest.approx(0.05)
    over = controller.weight(120, 100, 1.0, 1.0)
    assert over > first
    assert controller.weight(120, 100, 1.0, 1.0) > over
    assert controller.weight(50, 100, 1.0, 1.0) < first
    goals = [goal_bits(1000, done / 10) for done in range(11)]
    assert goals == sorted(goals, reverse=True)
    assert goals[0] > goals[-1] >= 1000

"""Distribution matching in random networks: against its own definition, class by class; precisions."""

import pytest
import torch

from ddcodec.errors import InputError
from ddcodec.train.augment import DSA
from ddcodec.train.config import Config
from ddcodec.train.losses import random_dm
from ddcodec.train.losses.network_pool import fresh_network
from ddcodec.train.losses.random_dm import RandomMatching
from ddcodec.train.losses.registry import make_matcher
from ddcodec.train.losses.seam import RealImages
from tests.train.small_runs import synthetic

DATA = synthetic(channels=3, height=12, width=17, classes=3, each=9)
LABELS = torch.tensor([1, 0, 2, 2, 0, 1, 1])
IMAGES = torch.rand(7, 3, 12, 17, generator=torch.Generator().manual_seed(2))
BASE = ("matching.source=random", "matching.width=6", "matching.real_batch=5")


def matcher_of(*settings):
    config = Config().with_settings([*BASE, *settings])
    real = RealImages(DATA, torch.full((3,), 0.5), torch.full((3,), 0.3), torch.device("cpu"))
    return make_matcher(config, real, torch.Generator().manual_seed(4))


def test_all_classes_at_once_are_the_sum_of_one_by_one(monkeypatch):
    matcher = matcher_of("matching.augmentation=none")
    networks, drawn = [], []
    take = RealImages.take
    monkeypatch.setattr(random_dm, "fresh_network", lambda *a: networks.append(fresh_network(*a)) or networks[-1])
    monkeypatch.setattr(random_dm, "real_piece", lambda device: 4)
    monkeypatch.setattr(RealImages, "take", lambda self, rows: drawn.append(take(self, rows)) or drawn[-1])
    gradient, terms = matcher.pixel_gradient(IMAGES, LABELS, 0)
    assert [len(part) for part in drawn] == [4, 4, 4, 3]
    real = torch.cat(drawn).reshape(3, 5, *IMAGES.shape[1:])
    leaf = IMAGES.clone().requires_grad_(True)
    total = 0.0
    for c in range(3):
        wanted = networks[0].features(real[c]).mean(0)
        found = networks[0].features((leaf[c == LABELS] - 0.5) / 0.3).mean(0)
        total = total + (wanted - found).square().sum()
    (expected,) = torch.autograd.grad(total, leaf)
    assert terms == {"loss_mean": pytest.approx(float(total.detach()), rel=1e-4)}
    assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("policy", ["flip_crop", DSA])
def test_both_sides_are_under_one_transform(policy):
    matcher = matcher_of(f"matching.augmentation={policy}")
    rows = matcher._real.draw_rows(5, torch.Generator().manual_seed(0))
    network = fresh_network(matcher._options, matcher._real, 0)
    for seed in range(4):
        wanted = matcher.real_means(network, rows, seed)
        seen = torch.stack([network.features(matcher._alike(matcher._real.take(r), seed)).mean(0) for r in rows])
        assert torch.allclose(wanted, seen, atol=1e-5)
        image = IMAGES[:1]
        alone, among = matcher._alike(image, seed), matcher._alike(IMAGES.clone(), seed)[:1]
        assert torch.allclose(alone, among, atol=1e-6)


def test_every_step_has_a_network_and_real_images_of_its_own():
    matcher, other = matcher_of(), matcher_of()
    first, again = (m.pixel_gradient(IMAGES, LABELS, 0)[0] for m in (matcher, other))
    assert torch.equal(first, again)
    state = matcher._generator.get_state()
    second = matcher.pixel_gradient(IMAGES, LABELS, 1)[0]
    assert not torch.equal(first, second)
    matcher._generator.set_state(state)
    assert torch.equal(second, matcher.pixel_gradient(IMAGES, LABELS, 1)[0])
    assert not torch.equal(second, matcher.pixel_gradient(IMAGES, LABELS, 1)[0])
    assert (matcher.prepare_steps, matcher.state()) == (0, {})


def test_the_source_concerns_dm_alone():
    assert isinstance(matcher_of(), RandomMatching)
    assert not isinstance(matcher_of("matching.source=pool"), RandomMatching)
    assert not isinstance(matcher_of("train.loss=dc"), RandomMatching)
    with pytest.raises(InputError, match=r"matching\.source: expected 'pool' or 'random', found 'rand'"):
        Config().with_settings(["matching.source=rand"])


def test_quiet_options_leave_hashes_as_they_were():
    config = Config()
    for setting in ("matching.source=pool", "matching.real_batch=256", "matching.precision=float32"):
        assert config.with_settings([setting]).sha256() == config.sha256()
    assert config.with_settings(["matching.precision=bfloat16"]).sha256() != config.sha256()


LOSSES = {
    "dm": ("matching.source=pool", "matching.networks=1", "matching.stages=[1]"),
    "dm, random": (),
    "dc": ("dc.real_batch=5",),
    "ncfm": ("ncfm.real_batch=5", "matching.networks=1", "matching.stages=[1]"),
    "mmd": ("mmd.real_batch=5", "matching.networks=1", "matching.stages=[1]"),
    "tm": ("tm.experts=1", "tm.expert_epochs=1", "tm.span=1", "tm.max_start=0", "tm.student_steps=2", "tm.batch=7"),
}


def gradient_of(name, precision):
    words = (f"train.loss={name.partition(',')[0]}", f"matching.precision={precision}", "matching.augmentation=none")
    matcher = matcher_of(*LOSSES[name], *words, "matching.width=16")
    for number in range(matcher.prepare_steps):
        matcher.prepare(number)
    return matcher.pixel_gradient(IMAGES, LABELS, 0)[0]


@pytest.mark.parametrize("name", LOSSES)
def test_narrow_numbers_give_nearly_the_same_gradient_in_float32(name):
    exact, narrow = gradient_of(name, "float32"), gradient_of(name, "bfloat16")
    assert exact.dtype == narrow.dtype == torch.float32
    assert not torch.equal(exact, narrow)
    assert float(torch.cosine_similarity(exact.flatten(), narrow.flatten(), 0)) > 0.9
    assert 0.8 < float(narrow.norm() / exact.norm()) < 1.25


def test_statistics_and_networks_are_float32_whatever_the_precision():
    matcher = matcher_of(*LOSSES["dm"], "matching.precision=bfloat16")
    matcher.prepare(0)
    (member,) = matcher.pool.members
    assert member.network.precision == "bfloat16"
    assert {value.dtype for value in matcher.state().values()} <= {torch.float32, torch.float64, torch.int64}
    restored = matcher_of(*LOSSES["dm"], "matching.precision=bfloat16")
    restored.load_state(matcher.state())
    assert torch.equal(restored.pool.members[0].network(IMAGES), member.network(IMAGES))
    plain = matcher_of(*LOSSES["dm"])
    plain.load_state(matcher.state())
    assert not torch.equal(plain.pool.members[0].network(IMAGES), member.network(IMAGES))

"""Every loss at work: it goes down, resumes bit for bit, and a whole run ends in a file."""

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from ddcodec.errors import EncodeError, InputError
from ddcodec.pipeline import decode, encode_set
from ddcodec.train.config import Config
from ddcodec.train.loop import run
from ddcodec.train.losses.ncfm import characteristic_distance
from ddcodec.train.losses.registry import make_matcher
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.rundir import read_result
from tests.train.small_runs import DIGITS, SHORT, file_of, finish, started

OUTSIDE = "tests.train.losses.outside_losses"
TM = ("tm.experts=3", "tm.together=2", "tm.expert_epochs=2", "tm.span=1", "tm.max_start=1", "tm.student_steps=3")
LOSSES = {
    "dm": (),
    "dm, random": ("matching.source=random", "matching.real_batch=8"),
    "dm, narrow": ("matching.precision=bfloat16",),
    "dm, whitened": ("recipe.zca=0.1",),
    "dc": ("dc.real_batch=6", "dc.matches=3", "dc.inner_steps=2"),
    "dc, trained on real": ("dc.real_batch=6", "dc.matches=2", "dc.inner_steps=1", "dc.train_on=real"),
    "ncfm": ("ncfm.real_batch=8", "ncfm.frequencies=16"),
    "mmd": ("mmd.real_batch=6",),
    "mmd, alone": ("mmd.real_batch=6", "mmd.head=0"),
    "tm": (*TM, "tm.batch=8", "tm.expert_rate=0.1", "tm.student_rate=0.05"),
    "d3": (*TM, "tm.batch=8", "tm.expert_rate=0.1", "tm.student_rate=0.05", "mmd.real_batch=6"),
    "d3, in other turns": (*TM, "tm.batch=8", "mmd.real_batch=6", "d3.mmd_steps=2", "d3.feature_epoch=1"),
    "tm, narrow": (*TM, "tm.batch=8", "matching.precision=bfloat16"),
    f"{OUTSIDE}:MeanColour": ("outside.real_batch=8",),
    f"{OUTSIDE}:Whole": (),
}


def settings(name):
    return (f"train.loss={name.partition(',')[0]}", *LOSSES[name])


def matcher_of(*more, config=SHORT):
    made = Config().with_settings([*config, *more])
    real = RealImages(DIGITS, torch.tensor([0.3]), torch.tensor([0.38]), torch.device("cpu"), made.recipe.zca)
    matcher = make_matcher(made, real, torch.Generator().manual_seed(1))
    for number in range(matcher.prepare_steps):
        matcher.prepare(number)
    return matcher


@pytest.mark.parametrize("name", LOSSES)
def test_a_run_that_is_stopped_after_every_step_ends_alike(name):
    whole = finish(started(*settings(name)))
    distiller = started(*settings(name))
    while distiller.steps_done < whole.steps_total:
        distiller.step()
        if distiller.phase == "fit":
            continue
        state = load(save({key: value.contiguous() for key, value in distiller.state().items()}))
        distiller = started(*settings(name))
        distiller.load_state(state)
    assert file_of(distiller) == file_of(whole)
    expected, found = whole.state(), distiller.state()
    assert expected.keys() == found.keys()
    assert [key for key in expected if not torch.equal(expected[key], found[key])] == []
    assert distiller.result().recipe == whole.result().recipe


@pytest.mark.parametrize("name", LOSSES)
def test_a_whole_run_ends_in_a_file(name, tmp_path):
    config = Config().with_settings([*SHORT, *settings(name)])
    seen = []
    run(config, DIGITS, tmp_path / "run", torch.device("cpu"), progress=lambda *step: seen.append(step))
    model, metadata, _ = read_result(tmp_path / "run")
    assert decode(encode_set(model)).images.shape == (20, 1, 8, 8)
    joint = [metrics for _, _, phase, metrics in seen if phase == "joint"]
    assert len(joint) == 4
    for metrics in joint:
        terms = [value for key, value in metrics.items() if key.startswith("loss_")]
        assert terms
        assert metrics["loss"] == pytest.approx(sum(terms))
    learned = {"tm": "learning_rate", "d3": "learning_rate", f"{OUTSIDE}:Whole": "weight_decay"}.get(
        name.partition(",")[0]
    )
    changed = {key for key, value in config.recipe.to_dict().items() if metadata.recipe[key] != value}
    assert changed == ({learned} if learned else set())


def test_nothing_is_learned_without_joint_steps():
    distiller = finish(started(*settings("tm"), "train.joint_steps=0"))
    assert distiller.result().recipe == distiller.config.recipe.to_dict()


def descend(matcher, steps, rate, images):
    labels = torch.arange(10).repeat_interleave(2)
    losses = []
    for step in range(steps):
        gradient, terms = matcher.pixel_gradient(images, labels, step)
        assert gradient.shape == images.shape
        losses.append(sum(value for key, value in terms.items() if key.startswith("loss_")))
        images = images - rate * gradient / gradient.norm()
    return losses


def beginning():
    return torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("name", "more", "factor"),
    [
        ("dm", ("matching.networks=2",), 0.6),
        ("dm", ("matching.networks=2", "recipe.zca=0.1"), 0.6),
        ("ncfm", ("ncfm.real_batch=64", "ncfm.frequencies=64"), 0.6),
        ("ncfm", ("ncfm.real_batch=64", "ncfm.frequencies=64", "recipe.zca=0.1"), 0.6),
        ("mmd", ("mmd.real_batch=64",), 0.6),
        ("mmd", ("mmd.real_batch=64", "mmd.head=0", "recipe.zca=0.1"), 0.8),
        ("dc", ("dc.real_batch=32", "dc.matches=1"), 0.8),
        (f"{OUTSIDE}:MeanColour", (), 0.3),
        (f"{OUTSIDE}:MeanColour", ("recipe.zca=0.1",), 0.3),
    ],
)
def test_its_own_terms_go_down(name, more, factor):
    matcher = matcher_of(f"train.loss={name}", "matching.width=8", "matching.augmentation=none", *more)
    losses = descend(matcher, 40, 0.5, beginning())
    assert np.mean(losses[-5:]) < factor * np.mean(losses[:5])


def test_trajectories_come_closer_and_the_rate_grows_where_the_student_is_too_slow():
    more = ("tm.experts=1", "tm.together=1", "tm.expert_epochs=1", "tm.span=1", "tm.max_start=0", "tm.student_steps=5")
    more += ("tm.batch=20", "tm.expert_rate=0.2", "tm.student_rate=0.02", "matching.augmentation=none")
    matcher = matcher_of("train.loss=tm", "matching.width=8", *more)
    before = matcher.learned()["learning_rate"]
    losses = descend(matcher, 40, 0.5, beginning())
    assert 0.5 < losses[0] < 1.5
    assert losses[-1] < 0.9 * losses[0]
    assert before == 0.02
    assert 0.02 < matcher.learned()["learning_rate"] < 1


def test_the_adversary_finds_where_the_functions_differ():
    def climbed(ascent):
        matcher = matcher_of("train.loss=ncfm", "ncfm.head=0", f"ncfm.ascent={ascent}", "matching.augmentation=none")
        labels, losses = torch.arange(10).repeat_interleave(2), []
        for step in range(40):
            losses.append(matcher.pixel_gradient(beginning(), labels, step)[1]["loss_characteristic"])
        return np.mean(losses[-10:])

    assert climbed(0.1) > 1.1 * climbed(0)


def test_real_batches_are_of_the_classes_in_order():
    real = RealImages(DIGITS, torch.zeros(1), torch.ones(1), torch.device("cpu"))
    batch = real.draw(5, torch.Generator().manual_seed(1))
    assert batch.shape == (10, 5, 1, 8, 8)
    for c in range(10):
        own = {image.tobytes() for image in DIGITS.images[DIGITS.labels == c]}
        assert all(image.numpy().tobytes() in own for image in batch[c])
    assert len({image.numpy().tobytes() for image in batch.flatten(0, 1)}) > 40


def test_a_loss_that_diverges_ends_the_run_with_the_last_checkpoint(tmp_path):
    config = Config().with_settings([*SHORT, f"train.loss={OUTSIDE}:diverging", "run.checkpoint_every=1"])
    with pytest.raises(EncodeError, match=r"failed in step 7: loss is (inf|nan); .*step 6 .*learning_rate") as caught:
        run(config, DIGITS, tmp_path / "run", torch.device("cpu"))
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in (tmp_path / "run").glob("checkpoint*"))[-1] == "checkpoint-0000006.safetensors"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dmm", "unknown loss 'dmm'; did you mean 'dm'"),
        ("NCF", "did you mean 'ncfm'"),
        ("mtt", "did you mean 'tm'"),
        ("a b:c", "expected package.module:Class, found 'a b:c'"),
        ("no_such_package_at_all:Loss", "cannot import no_such_package_at_all"),
        (f"{OUTSIDE}:Other", "has no Other"),
        (f"{OUTSIDE}:NO_LOSS", "is no loss"),
        (f"{OUTSIDE}:NoLoss", "is no loss"),
    ],
)
def test_losses_that_are_refused(name, words):
    with pytest.raises(InputError, match=words) as caught:
        matcher_of(f"train.loss={name}")
    assert str(caught.value).startswith("train.loss")


def test_an_outside_loss_has_to_depend_on_the_images():
    matcher = matcher_of(f"train.loss={OUTSIDE}:nothing")
    with pytest.raises(InputError, match="expected a scalar tensor that depends on the images"):
        matcher.pixel_gradient(beginning(), torch.arange(10).repeat_interleave(2), 0)


def test_a_start_beyond_the_experts_is_refused():
    with pytest.raises(InputError, match=r"tm\.max_start \+ tm\.span is 1 \+ 2, more than tm\.expert_epochs, 2"):
        matcher_of("train.loss=tm", *TM, "tm.span=2")


def test_hashes_of_before_there_were_more_losses_last():
    config = Config()
    assert "[dc]" not in config.to_toml()
    assert config.with_settings(["tm.experts=20"]).sha256() == config.sha256()
    assert config.with_settings(["run.experts=here"]).sha256() == config.sha256()
    assert config.with_settings(["tm.experts=21"]).sha256() != config.sha256()


@pytest.mark.parametrize("phase", [0.0, 0.3, 1.0])
def test_the_distance_of_characteristic_functions_is_that_of_complex_numbers(phase):
    generator = torch.Generator().manual_seed(4)
    real, found, turns = (torch.randn(*shape, generator=generator) for shape in ((2, 6, 5), (7, 5), (5, 9)))
    labels = torch.tensor([0, 1, 1, 0, 1, 1, 0])
    weights = torch.stack([(labels == c) / (labels == c).sum() for c in range(2)])
    expected = 0.0
    for c in range(2):
        for t in turns.t().numpy():
            a = np.exp(1j * (real[c].numpy() @ t)).mean()
            b = np.exp(1j * (found[labels == c].numpy() @ t)).mean()
            turned = 1 - np.cos(np.angle(a) - np.angle(b))
            expected += ((1 - phase) * (abs(a) - abs(b)) ** 2 + phase * 2 * abs(a) * abs(b) * turned) / 9
    assert float(characteristic_distance(real, found, weights, turns, phase)) == pytest.approx(expected, rel=1e-4)
    same = characteristic_distance(
        torch.stack([found[:6], found[:6]]), found[:6], torch.full((2, 6), 1 / 6), turns, phase
    )
    assert abs(float(same)) < 1e-6

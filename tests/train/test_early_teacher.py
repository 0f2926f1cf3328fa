"""A teacher that is stopped early: it learns, is repeated, goes on where it was, and is kept with all it needs."""

import dataclasses

import numpy as np
import pytest
import torch

from ddcodec.dataset import make_set
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.early_teacher import train_early
from ddcodec.train.recipe import Recipe
from ddcodec.train.set_teacher import check_teachable, real_of_set, real_scales, train_for_set
from ddcodec.train.teachers import read_teacher, save_teacher
from tests.train.small_runs import DIGITS, synthetic

RECIPE = Recipe(width=8, batch_size=64, learning_rate=0.05, augmentation="crop")
SCALES = ((0.3,), (0.4,))
DATA = dataclasses.replace(DIGITS, images=DIGITS.images[:500], labels=DIGITS.labels[:500])


def weights_of(taught):
    return torch.cat([value.flatten().double() for value in taught.network.state_dict().values()])


def test_it_learns_and_an_epoch_does_not_know_how_many_follow():
    one, many = (train_early(DATA, RECIPE, epochs, *SCALES) for epochs in (1, 8))
    assert one.score < 0.4
    assert many.score > 0.6
    images, labels = torch.from_numpy(DATA.images), torch.from_numpy(DATA.labels)
    assert float((many.seeing()(images).argmax(1) == labels).float().mean()) > 0.75
    other = train_early(DATA, dataclasses.replace(RECIPE, epochs=7, schedule="cosine", loss="mse"), 1, *SCALES)
    assert torch.equal(weights_of(one), weights_of(other))
    assert not torch.equal(weights_of(one), weights_of(train_early(DATA, RECIPE, 1, *SCALES, seed=1)))


@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "adamw", "learning_rate": 0.002}, {"norm": "batch", "momentum": 0.0}]
)
def test_it_goes_on_where_it_was(tmp_path, changes):
    recipe = dataclasses.replace(RECIPE, **changes)
    whole = train_early(DATA, recipe, 3, *SCALES)

    def stop(done, total, metrics):
        if metrics["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_early(DATA, recipe, 3, *SCALES, folder=tmp_path, progress=stop)
    told = []
    again = train_early(DATA, recipe, 3, *SCALES, folder=tmp_path, progress=lambda *now: told.append(now[:2]))
    assert (told[0], told[-1]) == ((17, 24), (24, 24))
    assert torch.equal(weights_of(again), weights_of(whole))
    assert again.score == whole.score
    more = train_early(DATA, recipe, 4, *SCALES, folder=tmp_path)
    assert torch.equal(weights_of(more), weights_of(train_early(DATA, recipe, 4, *SCALES)))


def test_checkpoints_of_another_training_are_refused(tmp_path):
    train_early(DATA, RECIPE, 1, *SCALES, folder=tmp_path)
    for other in ((DATA, dataclasses.replace(RECIPE, width=4)), (DIGITS, RECIPE)):
        with pytest.raises(InputError, match="belongs to another run"):
            train_early(*other, 1, *SCALES, folder=tmp_path)
    with pytest.raises(InputError, match="expected at least 1, found 0"):
        train_early(DATA, RECIPE, 0, *SCALES)


def test_it_is_kept_with_all_it_needs(tmp_path):
    taught = train_early(DATA, RECIPE, 1, *SCALES)
    path = tmp_path / "t.safetensors"
    save_teacher(path, taught.network, RECIPE, (1, 8, 8), 10, *SCALES, {"accuracy": 0.5, "epochs": 1})
    images = torch.from_numpy(DATA.images[:20])
    assert torch.equal(read_teacher(path, (1, 8, 8), 10)(images), taught.seeing()(images))


def a_set(classes=10, names=None, **parts):
    pixels = np.zeros((classes, 1, 8, 8), np.int16)
    return make_set(pixels, 255, (1,) * classes, classes=names, **parts)


def test_classes_are_those_of_the_set():
    source = LabelledImages(DATA.images[:40], DATA.labels[:40], tuple("abcdefghij"), "real")
    notes = []
    real = real_of_set(a_set(names=tuple("jihgfedcba")), source, notes)
    assert real.labels.tolist() == (9 - source.labels).tolist()
    assert len(notes) == 1
    with pytest.raises(InputError, match="expected labels below 4, found 9"):
        real_of_set(a_set(4), source, [])
    fewer = real_of_set(a_set(11), dataclasses.replace(source, classes=None), [])
    with pytest.raises(InputError, match=r"class 10 \(10\) has no images"):
        train_for_set(a_set(11), fewer, RECIPE, 1)
    wide = dataclasses.replace(source, images=np.zeros((40, 3, 8, 8), np.float32))
    with pytest.raises(InputError, match=r"expected images of shape \(1, 8, 8\)"):
        real_of_set(a_set(), wide, [])


def test_sets_and_recipes_that_no_teacher_fits():
    check_teachable(a_set())
    for other, words in (
        (make_set(np.zeros((0, 1, 8, 8), np.int16), 255, (0, 0)), "no images to label"),
        (a_set(recipe={"zca": 0.1}), "whitened"),
        (a_set(recipe={"factor": 2}), "mosaics"),
    ):
        with pytest.raises(InputError, match=words):
            check_teachable(other)
    with pytest.raises(InputError, match="expected 0 and 1"):
        train_for_set(a_set(), DATA, dataclasses.replace(RECIPE, zca=0.1), 1)
    with pytest.raises(InputError, match="the teacher: "):
        train_for_set(a_set(), DATA, dataclasses.replace(RECIPE, depth=9), 1)


def test_scales_are_mean_and_deviation():
    images = synthetic().images
    mean, std = real_scales(images)
    assert mean == pytest.approx(images.mean(axis=(0, 2, 3)), abs=1e-5)
    assert std == pytest.approx(images.std(axis=(0, 2, 3)), abs=1e-5)
    taught = train_for_set(a_set(mean=(0.1,), std=(0.7,)), DATA, RECIPE, 1)
    assert (taught.mean, taught.std) == ((0.1,), (0.7,))
    assert train_for_set(a_set(), DATA, RECIPE, 1).mean == real_scales(DATA.images)[0]

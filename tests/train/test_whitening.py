"""ZCA of a recipe: what networks see of real images, of a set, and of test images; fitted once."""

import dataclasses

import numpy as np
import pytest
import torch

from ddcodec.dataset import make_set
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train import whitening
from ddcodec.train.config import Config
from ddcodec.train.count_search import short_recipe
from ddcodec.train.data import TrainingData
from ddcodec.train.judging import judge, prepare
from ddcodec.train.loop import run
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.rank_run import Effort, rank
from ddcodec.train.real_images import real_images
from ddcodec.train.recipe import Recipe
from ddcodec.train.whitening import Whitening, check_whitening, zca_of
from tests.train.small_runs import SHORT, started, synthetic

CPU = torch.device("cpu")
SHAPE = (2, 4, 4)
QUICK = Recipe(width=4, epochs=2, augmentation="none", zca=1e-6)


def correlated(count=500, seed=1):
    """Pixels that depend on each other, of three classes."""
    rng = np.random.default_rng(seed)
    turned = np.eye(32) + 0.1 * np.random.default_rng(9).standard_normal((32, 32))
    mixed = rng.standard_normal((count, 32)) @ turned
    images = (0.5 + 0.1 * mixed).astype(np.float32).reshape(count, *SHAPE)
    return LabelledImages(images, np.arange(count) % 3, None, "the images")


def as_data(source):
    return TrainingData(source.images, source.labels, source.classes, source.name)


def a_set(**parts):
    pixels = np.random.default_rng(0).integers(0, 256, (4, *SHAPE))
    return make_set(pixels, 255, (2, 1, 1), **({"mean": (0.5,) * 2, "std": (0.25,) * 2} | parts))


def assert_white(images, atol=0.01):
    rows = np.asarray(images).reshape(len(images), -1).astype(np.float64)
    assert np.abs(rows.mean(axis=0)).max() < atol
    assert np.abs(np.cov(rows.T) - np.eye(rows.shape[1])).max() < atol


def test_losses_see_white_images():
    data = as_data(correlated())
    half = torch.full((2,), 0.5)
    real = RealImages(data, half, half, CPU, 1e-6)
    images, labels = real.all()
    assert images.shape == (500, *SHAPE)
    assert_white(images)
    assert labels.tolist() == data.labels.tolist()
    assert torch.allclose(real.normalise(torch.from_numpy(data.images)), images, atol=1e-4)
    drawn = real.draw(4, torch.Generator().manual_seed(1))
    for c in range(3):
        own = images[labels == c]
        for image in drawn[c]:
            assert float((own - image).abs().amax((1, 2, 3)).min()) < 1e-4
    plain = RealImages(data, half, half, CPU).all()[0]
    assert torch.equal(plain, (torch.from_numpy(data.images) - 0.5) / 0.5)


def test_the_slope_of_whitening_is_its_matrix():
    zca = zca_of(correlated(), 0.1)
    images = torch.rand(3, *SHAPE, requires_grad=True)
    pull = torch.rand(3, *SHAPE)
    (slope,) = torch.autograd.grad((Whitening(zca)(images) * pull).sum(), images)
    assert torch.allclose(slope.flatten(1), pull.flatten(1) @ torch.from_numpy(zca.matrix).T, atol=1e-5)


def test_many_images_are_whitened_part_by_part(monkeypatch):
    source = correlated()
    one, images = Whitening(zca_of(source, 0.1)), torch.from_numpy(source.images)
    whole = one.many(images, CPU)
    monkeypatch.setattr(whitening, "_PART", 7)
    assert torch.allclose(one.many(images, CPU), whole, atol=1e-5)


def test_students_and_their_test_images_are_white():
    train, test, dataset = correlated(), correlated(400, seed=2), a_set()
    trial = prepare(dataset, test, QUICK, train)
    expected = dataset.images.reshape(4, -1) - train.images.reshape(500, -1).mean(axis=0)
    found = trial.images.numpy().reshape(4, -1)
    assert np.allclose(found, expected @ zca_of(train, 1e-6).matrix, atol=1e-2)
    assert np.array_equal(prepare(a_set(), test, QUICK, train).images, trial.images)
    assert_white(trial.test_images, atol=0.5)  # of other images of that distribution
    assert_white(prepare(dataset, train, QUICK, train).test_images)
    assert (trial.mean, trial.std) == ((0.0,) * 2, (1.0,) * 2)
    assert trial.notes == (
        "images and test images whitened as the recipe says: zca, epsilon 1e-06, fitted on 500 images of 'the images'",
    )


def test_what_ddcodec_load_gives_is_what_students_see():
    train, test, dataset = correlated(), correlated(6, seed=2), a_set(recipe={"zca": 0.1})
    trial = prepare(dataset, test, dataclasses.replace(QUICK, zca=0.1), as_data(train))
    transform = dataset.eval_transform(train_images=train.images)
    assert np.allclose(transform(dataset.images), trial.images, atol=1e-5)
    assert np.allclose(transform(test.images), trial.test_images, atol=1e-5)


def test_mosaics_are_whitened_after_they_are_cut():
    train, recipe = correlated(), dataclasses.replace(QUICK, factor=2, zca=0.1)
    dataset = a_set()
    trial = prepare(dataset, train, recipe, train)
    cut = dataclasses.replace(dataset, recipe={"factor": 2}).expanded()[0]
    seen = Whitening(zca_of(train, 0.1))(torch.from_numpy(cut))
    assert torch.allclose(trial.images, seen, atol=1e-5)


def test_judging_takes_the_real_images_where_the_recipe_needs_them():
    train, test = as_data(correlated()), correlated(9, seed=2)
    white = judge(a_set(), test, QUICK, 1, CPU, real=train)
    assert white == prepare(a_set(), test, QUICK, train).run(1, CPU)
    plain = dataclasses.replace(QUICK, zca=0.0)
    assert judge(a_set(), test, plain, 1, CPU, real=train) == judge(a_set(), test, plain, 1, CPU)
    with pytest.raises(InputError, match=r"recipe\.zca 1e-06"):
        judge(a_set(), test, QUICK, 1, CPU)


def test_a_whitening_and_its_images_go_together():
    stated = {"kind": "zca", "epsilon": 0.1, "fitted_on": "cifar10 train"}
    made = a_set(provenance={"dataset": "cifar10:train"})
    with pytest.raises(
        InputError, match=r"recipe\.zca 0\.1\).*made from 'cifar10:train'.*--zca-from cifar10:PATH:train"
    ):
        check_whitening(made, 0.1, False)
    with pytest.raises(InputError, match="does not say that its images are whitened, nor does its recipe"):
        check_whitening(made, 0.0, True)
    with pytest.raises(InputError, match=r"whitened already.*--set recipe\.zca=0"):
        check_whitening(a_set(whitening=stated), 0.1, True)
    for dataset, epsilon, given in ((made, 0.1, True), (made, 0.0, False), (a_set(whitening=stated), 0.0, True)):
        check_whitening(dataset, epsilon, given)
    with pytest.raises(InputError, match="expected images of shape"):
        prepare(a_set(), correlated(), QUICK, LabelledImages(np.zeros((4, 2, 5, 5)), np.arange(4), None, "others"))


def test_a_whitening_is_fitted_once(monkeypatch):
    counted, fit = [], whitening.fit_zca
    monkeypatch.setattr(whitening, "fit_zca", lambda *a: counted.append(a[1]) or fit(*a))
    source = correlated()
    assert zca_of(source, 0.1) is zca_of(source, 0.1)
    assert zca_of(source, 0.2) is not zca_of(source, 0.1)
    zca_of(correlated(), 0.1)
    assert counted == [0.1, 0.2, 0.1]


def test_too_large_images_are_refused_before_anything_is_written(tmp_path):
    data = synthetic(height=80, width=80, each=2)
    config = Config().with_settings([*SHORT, "recipe.zca=0.1"])
    with pytest.raises(InputError, match=r"^synthetic: ZCA: images of 19,200 numbers, at most 16,384 allowed"):
        run(config, data, tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


def test_a_run_that_only_fits_needs_no_whitening(monkeypatch):
    monkeypatch.setattr(whitening, "fit_zca", None)
    distiller = started("recipe.zca=0.1", "train.joint_steps=0")
    assert distiller.result().recipe["zca"] == 0.1


def test_short_trials_whiten_as_the_recipe():
    assert short_recipe(10, Recipe(zca=0.1)).zca == 0.1
    assert short_recipe(10, Recipe()).zca == 0.0


def test_real_images_beside_a_set_are_whitened_like_it():
    train, test = correlated(30), correlated(9, seed=2)
    recipe = dataclasses.replace(QUICK, zca=0.1)
    real = real_images(a_set(), train, recipe.zca)
    assert np.allclose(real.images, prepare(a_set(), train, recipe, train).test_images, atol=1e-5)
    found = rank(a_set(), test, real, recipe, Effort(repeats=1, full_epochs=1), CPU, zca_from=train)
    assert found.components["distilled_own"].result == judge(a_set(), test, recipe, 1, CPU, real=train)
    assert len(found.notes) == 1

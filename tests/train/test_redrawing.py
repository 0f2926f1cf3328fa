"""Sets with priors: what the networks of an evaluation see in each epoch."""

import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ddcodec.cli import judging as commands
from ddcodec.dataset import DistilledSet
from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train import evaluate as module
from ddcodec.train.evaluate import Normalise, evaluate, train_classifier
from ddcodec.train.judging import judge, prepare
from ddcodec.train.recipe import Recipe
from ddcodec.train.redrawing import redrawing_of
from tests.views.small_sets import COUNTS, ORDER, soft

CPU = torch.device("cpu")
QUICK = Recipe(width=4, epochs=3, batch_size=4, augmentation="none")
PLACES = np.argsort(ORDER, kind="stable")  # of sorted samples in the original order


@dataclass(frozen=True, eq=False)
class WithPriors(DistilledSet):
    """A set whose attribute `priors` does not ask for a decoder."""

    priors: Any = None


class Fake:
    """Draws whose pixels say which they are: class, number and seed decide."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def draw(self, number: int, seed: int) -> np.ndarray:
        self.asked.append((number, seed))
        rng = np.random.default_rng((seed, number))
        return (rng.integers(0, 50, (5, 1, 8, 8)) + 50 * np.array([0, 0, 2, 2, 2])[:, None, None, None]).astype("i2")


def a_set(**parts):
    pixels = (np.array([0, 0, 2, 2, 2])[:, None, None, None] * 50 + np.arange(64).reshape(1, 1, 8, 8) % 50).astype("i2")
    parts = {"mean": (0.5,), "std": (0.25,), "order": np.array(ORDER), "priors": Fake()} | parts
    return WithPriors(pixels, 255, COUNTS, **parts)


def images(count=6):
    pixels = np.random.default_rng(1).random((count, 1, 8, 8), dtype=np.float32)
    return LabelledImages(pixels, np.arange(count) % 3, None, "the images")


@pytest.fixture
def seen(monkeypatch):
    """(images, targets) of each training, an entry an epoch, in the order of the samples."""
    trainings: list[list[torch.Tensor]] = []
    real = train_classifier

    def spy(images, labels, recipe, seed, device, normalise, **named):
        redraw, told = named["redraw"], []

        def watched(epoch):
            told.append(redraw(epoch))
            return told[-1]

        trainings.append([labels, told])
        return real(images, labels, recipe, seed, device, normalise, **(named | {"redraw": watched}))

    monkeypatch.setattr(module, "train_classifier", spy)
    return trainings


def by_hand(dataset, number, seed):
    """A draw as images in the original order."""
    found = np.empty((5, 1, 8, 8), np.float32)
    found[PLACES] = Fake().draw(number, seed) / np.float32(255)
    return found


@pytest.mark.parametrize(("draws", "with_means"), [(1, True), (3, True), (2, False)])
def test_every_epoch_has_the_images_that_are_stated(seen, draws, with_means):
    dataset = a_set()
    recipe = dataclasses.replace(QUICK, draws_per_epoch=draws, with_means=with_means)
    result = judge(dataset, images(), recipe, 2, CPU)
    assert len(result.accuracies) == len(seen) == 2
    seeds = sorted({seed for _, seed in dataset.priors.asked})
    assert len(seeds) == 2  # each network has its own
    asked = iter(dataset.priors.asked)
    for labels, epochs in seen:
        assert labels.tolist() == ORDER * (draws + with_means)
        assert len(epochs) == 3
        for epoch, found in enumerate(epochs):
            blocks = [dataset.images] if with_means else []
            for number in range(epoch * draws, epoch * draws + draws):
                told, seed = next(asked)
                assert told == number
                blocks.append(by_hand(dataset, number, seed))
            assert np.array_equal(found, np.concatenate(blocks))
            assert (torch.clamp(found.mean((1, 2, 3)) * 255 / 50, 0, 2).int() == labels).all()  # brightness is class


def test_runs_are_repeated_and_differ_by_seed():
    first, again = (judge(a_set(), images(60), QUICK, 2, CPU) for _ in range(2))
    assert first == again
    one, other = (prepare(a_set(), images(), QUICK).redraws.of_seed(seed)(0) for seed in (0, 1))
    assert torch.equal(one[:5], other[:5])
    assert not torch.equal(one[5:], other[5:])


@pytest.mark.parametrize("settings", [{"draws_per_epoch": 0}, {}])
def test_without_draws_all_is_as_it_was(settings, monkeypatch):
    """Of a set without priors, and of one whose means alone are wanted: bit for bit."""
    plain = a_set(priors=Fake() if settings else None)
    recipe = dataclasses.replace(QUICK, **settings)
    trial = prepare(plain, images(), recipe)
    assert (trial.redraws, trial.notes) == (None, ())
    normalise = Normalise((0.5,), (0.25,))
    without = train_classifier(*plain.torch(), QUICK, 3, CPU, normalise, classes=3)
    monkeypatch.setattr(module, "accuracy", lambda model, *_: float(model(trial.images).sum().detach()))
    found = trial.run(1, CPU, first_seed=3)
    assert found.accuracies == (float(without(trial.images).sum().detach()),)


def test_images_that_are_redrawn_alike_train_alike():
    pixels, labels = a_set().torch()
    normalise = Normalise((0.5,), (0.25,))
    arguments = (labels, QUICK, 0, CPU, normalise)
    plain = train_classifier(pixels, *arguments)
    redrawn = train_classifier(torch.zeros_like(pixels), *arguments, redraw=lambda epoch: pixels.clone())
    assert torch.equal(plain(pixels), redrawn(pixels))
    with pytest.raises(EncodeError, match=r"must have the shape \(5, 1, 8, 8\), found \(4, 1, 8, 8\)"):
        train_classifier(pixels, *arguments, redraw=lambda epoch: pixels[:4])


def test_evaluate_asks_for_each_seed():
    pixels, labels = a_set().torch()
    asked = []

    def redraw(seed):
        return lambda epoch: asked.append((seed, epoch)) or pixels

    evaluate(pixels, labels, pixels, labels, QUICK, [4, 2], CPU, (0.5,), (0.25,), redraw=redraw, together=True)
    assert asked == [(4, 0), (4, 1), (4, 2), (2, 0), (2, 1), (2, 2)]


def test_soft_labels_are_those_of_the_prior():
    given = soft("probabilities")
    trial = prepare(a_set(soft=given), images(), dataclasses.replace(QUICK, draws_per_epoch=2))
    assert torch.equal(trial.redraws.repeated(trial.targets), torch.from_numpy(np.tile(given.floats, (3, 1))))
    assert trial.notes == ("each epoch trains on the mean and 2 fresh draws of each prior",)
    assert len(trial.run(1, CPU).accuracies) == 1


def test_mosaics_and_whitening_hold_for_draws():
    real = images(40)
    dataset, recipe = a_set(), dataclasses.replace(QUICK, zca=0.1, factor=2, with_means=False)
    trial = prepare(dataset, images(), recipe, real)
    drawn = trial.redraws.of_seed(0)(2)
    ((number, seed),) = dataset.priors.asked
    assert number == 2
    as_means = dataclasses.replace(dataset, pixels=Fake().draw(2, seed), priors=None)
    assert torch.equal(drawn, prepare(as_means, images(), recipe, real).images)
    assert len(drawn) == 20


def test_too_many_draws_and_means_only():
    recipe = dataclasses.replace(QUICK, epochs=3, draws_per_epoch=1 << 31)
    with pytest.raises(InputError, match="expected at most 4294967296, found 3 x 2147483648"):
        redrawing_of(a_set(), recipe, torch.zeros(5, 1, 8, 8))
    assert commands._means_only(a_set(), ("recipe.epochs=2",)) == (
        *("recipe.epochs=2", "recipe.draws_per_epoch=0", "recipe.with_means=true"),
    )
    with pytest.raises(InputError, match="--means-only: the set has no priors"):
        commands._means_only(a_set(priors=None), ())
    with pytest.raises(InputError, match="--means-only: the set has no priors"):
        commands._means_only(SimpleNamespace(), ())

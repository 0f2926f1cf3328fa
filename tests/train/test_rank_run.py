"""What is trained for the scores: which images, which labels, which recipe, which seeds, and how often."""

import dataclasses

import numpy as np
import pytest
import torch

from ddcodec.dataset import SoftLabels, make_set
from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train import ranking
from ddcodec.train.augment import DSA
from ddcodec.train.evaluate import evaluate
from ddcodec.train.judging import Trial, judge
from ddcodec.train.rank_run import Effort, rank
from ddcodec.train.real_images import chosen_rows, real_images
from ddcodec.train.recipe import Recipe

CPU = torch.device("cpu")
QUICK = Recipe(width=4, epochs=2, augmentation="flip", learning_rate=0.05)
PARTS = ["real_hard", "distilled_hard"] + [
    f"{images}_{kind}" for kind in ("own", "aug", "noaug") for images in ("distilled", "random")
]


def a_set(**parts):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8))
    return make_set(pixels, 255, (2, 1, 1), **({"mean": (0.5,) * 3, "std": (0.25,) * 3} | parts))


def images(count=30, seed=1, side=8, classes=None):
    pixels = np.random.default_rng(seed).random((count, 3, side, side), dtype=np.float32)
    return LabelledImages(pixels, np.arange(count) % 3, classes, "the images")


def ranked(dataset=None, recipe=QUICK, effort=None, **options):
    dataset = a_set() if dataset is None else dataset
    effort = Effort(repeats=2, full_epochs=3) if effort is None else effort
    return rank(dataset, images(9, 5), real_images(dataset, images()), recipe, effort, CPU, **options)


@pytest.fixture
def trained(monkeypatch):
    """(number of images, whether labels are soft, recipe, first seed, repeats) of each training."""
    seen, run = [], Trial.run

    def spy(self, repeats, *arguments, first_seed=0):
        seen.append((len(self.images), self.targets.ndim == 2, self.recipe, first_seed, repeats))
        return run(self, repeats, *arguments, first_seed=first_seed)

    monkeypatch.setattr(Trial, "run", spy)
    return seen


def test_parts_and_how_often_each_is_trained(trained):
    told = []
    found = ranked(progress=lambda *a: told.append(a))
    plain = dataclasses.replace(QUICK, augmentation="none")
    assert list(found.components) == PARTS
    assert trained == [
        (30, False, dataclasses.replace(QUICK, epochs=3), 0, 1),
        (4, False, QUICK, 0, 2),  # hard labels and own recipe and augmented: one and the same
        (4, False, QUICK, 0, 1),
        (4, False, QUICK, 1, 1),
        (4, False, plain, 0, 2),
        (4, False, plain, 0, 1),
        (4, False, plain, 1, 1),
    ]
    assert [call[:3] for call in told] == [
        ("real_hard", 1, 1),
        ("distilled_hard", 1, 2),
        ("distilled_hard", 2, 2),
        ("random_own", 1, 2),
        ("random_own", 2, 2),
        ("distilled_noaug", 1, 2),
        ("distilled_noaug", 2, 2),
        ("random_noaug", 1, 2),
        ("random_noaug", 2, 2),
    ]
    parts = found.components
    assert parts["distilled_own"] == parts["distilled_hard"] == parts["distilled_aug"]
    assert [(parts[name].seeds, parts[name].subset_seeds) for name in PARTS[:4]] == [
        ((0,), ()),
        ((0, 1), ()),
        ((0, 1), ()),
        ((0, 1), (0, 1)),
    ]
    assert parts["distilled_own"].result == judge(a_set(), images(9, 5), QUICK, 2, CPU)


def test_random_images_of_each_seed_are_trained_as_the_set_is():
    real, test = real_images(a_set(), images()), images(9, 5)
    expected = []
    for seed in (0, 1):
        pixels, labels = real.choice((2, 1, 1), seed)
        testing = torch.from_numpy(test.images), torch.from_numpy(test.labels)
        expected += evaluate(pixels, labels, *testing, QUICK, [seed], CPU, (0.5,) * 3, (0.25,) * 3).accuracies
    found = ranked().components["random_own"]
    assert found.result.accuracies == tuple(expected)
    assert found.images == 4


def test_scores_are_those_of_the_formulas():
    found = ranked()
    mean = {name: part.result.mean for name, part in found.components.items()}
    assert found.hlr == pytest.approx(mean["real_hard"] - mean["distilled_hard"])
    assert found.ior == pytest.approx(mean["distilled_own"] - mean["random_own"])
    assert found.lrs == ranking.label_robust_score(found.hlr, found.ior)
    pairs = [mean[f"distilled_{kind}"] - mean[f"random_{kind}"] for kind in ("aug", "noaug")]
    assert found.ars == ranking.augmentation_robust_score(*pairs)
    assert 0 <= found.lrs <= 1


def test_a_stated_accuracy_saves_the_training(trained):
    found = ranked(effort=Effort(repeats=1, full_accuracy=0.75))
    assert all(count == 4 for count, *_ in trained)
    part = found.components["real_hard"]
    assert (part.result.mean, part.recipe, part.seeds) == (0.75, None, ())
    assert found.hlr == pytest.approx(0.75 - found.components["distilled_hard"].result.mean)


def test_soft_labels_are_the_sets_alone(trained):
    values = np.array([[3, 0, -3], [0, 0, 0], [1, 2, 0], [0, 0, 9]], dtype=np.int16)
    dataset = a_set(soft=SoftLabels(values, 1, "logits"))
    found = ranked(dataset, dataclasses.replace(QUICK, loss="soft_cross_entropy"), Effort(repeats=1))
    assert [(count, soft) for count, soft, *_ in trained] == [
        (30, False),
        (4, False),  # hard
        (4, True),  # own
        (4, False),
        (4, True),  # without augmentation
        (4, False),
    ]
    assert {recipe.loss for _, soft, recipe, *_ in trained if not soft} == {"cross_entropy"}
    assert any("soft labels, the random images hard ones" in note for note in found.notes)


def test_mosaics_are_only_the_sets(trained):
    dataset = a_set(recipe={"factor": 2})
    found = ranked(dataset, dataclasses.replace(QUICK, factor=2), Effort(repeats=1, full_accuracy=0.5))
    assert [(count, recipe.factor) for count, _, recipe, *_ in trained] == [(16, 2), (4, 1), (16, 2), (4, 1)]
    assert any("mosaics" in note for note in found.notes)


def test_some_augmentation_where_the_recipe_has_none():
    found = ranked(recipe=dataclasses.replace(QUICK, augmentation="none"), effort=Effort(1, full_accuracy=0.5))
    recipes = {name: part.recipe for name, part in found.components.items()}
    assert recipes["distilled_aug"].augmentation == recipes["random_aug"].augmentation == DSA
    assert recipes["distilled_own"].augmentation == recipes["distilled_noaug"].augmentation == "none"


def test_real_images_are_whitened_as_the_set_is():
    dataset = a_set(mean=None, std=None, whitening={"kind": "zca", "epsilon": 0.1, "fitted_on": "cifar10 train"})
    source = images(40, 3)
    real = real_images(dataset, source)
    expected = dataset.eval_transform(train_images=source.images)(source.images)
    assert np.allclose(real.images.numpy(), expected)
    assert "whitened" in real.notes[0]
    found = rank(dataset, images(9, 5), real, QUICK, Effort(1, full_accuracy=0.5), CPU, zca_from=source)
    assert any("test images whitened" in note for note in found.notes)


def test_classes_in_another_order_are_matched_by_name():
    dataset = a_set(classes=("cat", "dog", "owl"))
    real = real_images(dataset, images(6, classes=("owl", "cat", "dog")))
    assert real.labels.tolist() == [2, 0, 1, 2, 0, 1]
    assert real.notes == ("the training set has the classes in another order; they were matched by name",)


def test_choices():
    labels = np.array([0, 1, 2] * 10)
    rows = chosen_rows(labels, (2, 0, 5), 7, "x")
    assert labels[rows].tolist() == [0, 0] + [2] * 5
    assert len(set(rows.tolist())) == 7
    assert np.array_equal(rows, chosen_rows(labels, (2, 0, 5), 7, "x"))
    assert not np.array_equal(rows, chosen_rows(labels, (2, 0, 5), 8, "x"))
    # a class's choice is its own: another count elsewhere does not change it
    assert np.array_equal(rows[2:], chosen_rows(labels, (9, 3, 5), 7, "x")[12:])
    with pytest.raises(InputError, match="x: expected at least 11 images of class 1, found 10"):
        chosen_rows(labels, (1, 11, 1), 0, "x")


def test_what_does_not_fit_is_told_before_any_training(trained):
    for real in (images(side=9), dataclasses.replace(images(), labels=np.arange(30) % 4)):
        with pytest.raises(InputError, match="the images: expected"):
            real_images(a_set(), real)
    few = real_images(a_set(), images(3))
    with pytest.raises(InputError, match="at least 2 images of class 0, found 1"):
        rank(a_set(), images(), few, QUICK, Effort(), CPU)
    assert trained == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"repeats": 0}, "repeats: expected at least 1"),
        ({"full_epochs": 0}, "full-epochs: expected at least 1"),
        ({"full_accuracy": 84.8}, "a fraction in 0..1, not percent, found 84.8"),
        ({"full_accuracy": float("nan")}, "a fraction"),
        ({"augmentation": "none"}, "augmentation"),
        ({"augmentation": "blur"}, "blur"),
    ],
)
def test_senseless_efforts(fields, told):
    with pytest.raises((InputError, EncodeError), match=told):
        Effort(**fields)

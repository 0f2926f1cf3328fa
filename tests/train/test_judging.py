"""From a decoded set and test images to what is trained and tested on."""

import dataclasses

import numpy as np
import pytest
import torch

from ddcodec.dataset import SoftLabels, make_set
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.evaluate import evaluate
from ddcodec.train.judging import judge, prepare, recipe_of
from ddcodec.train.recipe import Recipe

CPU = torch.device("cpu")
QUICK = Recipe(width=8, epochs=2, augmentation="none")
LOGITS = np.array([[300, 0, -300], [0, 0, 0], [100, 200, 0], [5, 5, 900]], dtype=np.int16)


def a_set(**parts):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8))
    return make_set(pixels, 255, (2, 1, 1), **({"mean": (0.5,) * 3, "std": (0.25,) * 3} | parts))


def images(count=6, classes=None, seed=1, side=8):
    pixels = np.random.default_rng(seed).random((count, 3, side, side), dtype=np.float32)
    return LabelledImages(pixels, np.arange(count) % 3, classes, "the images")


def test_a_plain_set():
    dataset, test = a_set(), images()
    trial = prepare(dataset, test, QUICK)
    assert np.array_equal(trial.images, dataset.images)
    assert trial.targets.tolist() == [0, 0, 1, 2]
    assert np.array_equal(trial.test_images, test.images)
    assert (trial.mean, trial.std, trial.notes) == ((0.5,) * 3, (0.25,) * 3, ())
    testing = torch.from_numpy(test.images), torch.from_numpy(test.labels)
    expected = evaluate(*dataset.torch(), *testing, QUICK, [0, 1], CPU, (0.5,) * 3, (0.25,) * 3)
    assert judge(dataset, test, QUICK, 2, CPU) == expected


def test_own_normalisation_is_told():
    dataset = a_set(mean=None, std=None)
    trial = prepare(dataset, images(), QUICK)
    assert trial.mean == pytest.approx(dataset.images.mean(axis=(0, 2, 3)), abs=1e-6)
    assert trial.std == pytest.approx(dataset.images.std(axis=(0, 2, 3), ddof=1), abs=1e-6)
    assert trial.notes == ("the file states no mean and std: images are normalised by the set's own",)
    trial = prepare(a_set(std=None), images(), QUICK)
    assert trial.mean == (0.5,) * 3
    assert "no std:" in trial.notes[0]


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_logits_go_through_a_softmax(temperature):
    dataset = a_set(soft=SoftLabels(LOGITS, 100, "logits"))
    trial = prepare(dataset, images(), dataclasses.replace(QUICK, label_temperature=temperature))
    expected = torch.softmax(torch.from_numpy(LOGITS / 100) / temperature, dim=1)
    torch.testing.assert_close(trial.targets.double(), expected, rtol=0, atol=1e-6)
    assert trial.targets.dtype == torch.float32
    assert trial.recipe.loss == "cross_entropy"
    assert len(trial.run(1, CPU).accuracies) == 1


def test_large_logits_do_not_overflow():
    values = np.array([[32_767, -32_768, 0]] * 4, dtype=np.int16)
    trial = prepare(a_set(soft=SoftLabels(values, 1, "logits")), images(), QUICK)
    assert trial.targets.tolist() == [[1, 0, 0]] * 4


def test_probabilities_and_scores_are_taken_as_they_are():
    values = np.array([[50, 50, 0], [100, 0, 0], [0, 100, 0], [-10, 20, 90]], dtype=np.int16)
    probable = prepare(a_set(soft=SoftLabels(values, 100, "probabilities")), images(), QUICK)
    scored = prepare(a_set(soft=SoftLabels(values, 100, "scores")), images(), QUICK)
    for trial in (probable, scored):
        assert np.array_equal(trial.targets, values / np.float32(100))
    assert (probable.recipe.loss, scored.recipe.loss) == ("cross_entropy", "mse")
    assert len(scored.run(2, CPU).accuracies) == 2
    dataset, recipe = (
        a_set(soft=SoftLabels(values, 100, "scores")),
        dataclasses.replace(QUICK, loss="soft_cross_entropy"),
    )
    with pytest.raises(InputError, match="scores, which only mse"):
        prepare(dataset, images(), recipe)


def test_regression_takes_logits_unchanged():
    recipe = dataclasses.replace(QUICK, loss="mse", label_temperature=3.0)
    trial = prepare(a_set(soft=SoftLabels(LOGITS, 100, "logits")), images(), recipe)
    assert np.array_equal(trial.targets, LOGITS / np.float32(100))


def test_a_loss_for_soft_labels_needs_some():
    trial = prepare(a_set(), images(), dataclasses.replace(QUICK, loss="soft_cross_entropy"))
    with pytest.raises(InputError, match="needs soft labels"):
        trial.run(1, CPU)


def test_soft_labels_follow_the_order_of_the_samples():
    order = np.array([2, 0, 1, 0])
    trial = prepare(a_set(order=order, soft=SoftLabels(LOGITS, 100, "logits")), images(), QUICK)
    hard = prepare(a_set(order=order), images(), QUICK)
    assert hard.targets.tolist() == order.tolist()
    assert torch.equal(trial.images, hard.images)
    assert trial.targets[0].argmax() == 0  # row 0 of the values belongs to the first sample


def test_mosaics_are_cut():
    dataset = a_set(recipe={"factor": 2}, soft=SoftLabels(LOGITS, 100, "logits"))
    trial = prepare(dataset, images(), recipe_of({"factor": 2, **QUICK.to_dict()}))
    assert trial.images.shape == (16, 3, 8, 8)
    enlarged = torch.nn.functional.interpolate(
        torch.from_numpy(dataset.images[:, :, :4, 4:]), size=(8, 8), mode="bilinear", align_corners=False
    )
    torch.testing.assert_close(trial.images[1::4], enlarged, rtol=0, atol=1e-6)
    assert torch.equal(trial.targets[0], trial.targets[3])
    assert trial.notes == ("4 mosaics cut into 16 images",)
    plain = prepare(dataset, images(), QUICK)  # the recipe in use rules, not the one in the file
    assert len(plain.images) == 4
    with pytest.raises(InputError, match=r"recipe\.factor"):
        prepare(dataset, images(), dataclasses.replace(QUICK, factor=9))


WHITE = {"kind": "zca", "epsilon": 0.1, "fitted_on": "cifar10 train"}


def test_test_images_of_a_whitened_set_are_whitened():
    dataset = a_set(mean=None, std=None, whitening=WHITE)
    test, train = images(), images(40, seed=3)
    trial = prepare(dataset, test, QUICK, train)
    rows = train.images.reshape(40, -1).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    matrix = (vectors / np.sqrt(values.clip(0) + 0.1)) @ vectors.T
    expected = (test.images.reshape(6, -1) - rows.mean(axis=0)) @ matrix
    assert np.allclose(trial.test_images.reshape(6, -1), expected, atol=1e-3)
    assert not np.allclose(trial.test_images, test.images, atol=0.1)
    assert np.array_equal(trial.images, dataset.images)  # they are whitened already
    assert (trial.mean, trial.std) == ((0.0,) * 3, (1.0,) * 3)
    assert "fitted on 40 images of 'cifar10 train'" in trial.notes[0]


def test_whitening_and_its_images_go_together():
    with pytest.raises(InputError, match=r"whitened .*'cifar10 train'.*--zca-from cifar10:PATH:train"):
        prepare(a_set(mean=None, std=None, whitening=WHITE), images(), QUICK)
    with pytest.raises(InputError, match="does not say that its images are whitened"):
        prepare(a_set(), images(), QUICK, images())
    with pytest.raises(InputError, match="expected images of shape"):
        prepare(a_set(mean=None, std=None, whitening=WHITE), images(), QUICK, images(side=9))
    with pytest.raises(InputError, match=r"whitening\.kind"):
        prepare(a_set(mean=None, std=None, whitening={"kind": "pca"}), images(), QUICK, images())


def test_classes_in_another_order_are_matched_by_name():
    dataset, test = a_set(classes=("cat", "dog", "owl")), images(classes=("owl", "cat", "dog"))
    trial = prepare(dataset, test, QUICK)
    assert trial.test_labels.tolist() == [2, 0, 1, 2, 0, 1]
    assert "matched by name" in trial.notes[0]
    other = prepare(dataset, images(classes=("cat", "dog", "auk")), QUICK)
    assert other.test_labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert "'owl' in the file, 'auk' in the test set" in other.notes[0]
    assert prepare(dataset, images(classes=("cat", "dog", "owl")), QUICK).notes == ()


def test_what_does_not_fit():
    with pytest.raises(InputError, match="expected images of shape"):
        prepare(a_set(), images(side=9), QUICK)
    with pytest.raises(InputError, match="labels below 3, found 3"):
        prepare(a_set(), dataclasses.replace(images(), labels=np.arange(6) % 4), QUICK)
    with pytest.raises(InputError, match="no images"):
        prepare(make_set(np.zeros((0, 3, 8, 8), dtype=np.int16), 255, (0, 0, 0)), images(), QUICK)
    with pytest.raises(InputError, match="repeats"):
        judge(a_set(), images(), QUICK, 0, CPU)
    with pytest.raises(InputError, match="resnet18 needs 9x9 pixels, found 8x8"):
        judge(a_set(), images(), recipe_of({"network": "resnet18"}), 1, CPU)


def test_recipes_of_files():
    assert recipe_of({"epochs": 5, "accuracy": 0.5, "comment": "x"}) == Recipe(epochs=5)
    assert recipe_of({"epochs": 5}, ["recipe.epochs=7"]).epochs == 7
    assert recipe_of({"epochs": "many"}, ["recipe.epochs = 7"]).epochs == 7  # what is replaced need mean nothing
    for fields, settings in [({"epochs": "many"}, []), ({}, ["train.seed=1"]), ({}, ["recipe.epoch=1"])]:
        with pytest.raises(InputError, match=r"epoch|only recipe"):
            recipe_of(fields, settings)


def test_an_unknown_network_can_be_replaced():
    fields = {"network": "swin", "width": 768, "depth": 12, "epochs": 5}
    with pytest.raises(
        InputError, match=r"'swin'; known: convnet, resnet18, vgg11, alexnet, vit .*--set recipe\.network=convnet"
    ):
        recipe_of(fields)
    assert recipe_of(fields, ["recipe.network=convnet"]) == Recipe(epochs=5)
    assert recipe_of(fields, ["recipe.network=convnet", "recipe.width=32"]) == Recipe(epochs=5, width=32)


def test_each_network_has_its_own_usual_width():
    assert recipe_of({"network": "resnet18"}).width == 64
    assert recipe_of({"network": "resnet18", "width": 16}).width == 16
    assert recipe_of({"width": 96, "depth": 4}, ["recipe.network=resnet18"]) == Recipe("resnet18", 64)
    assert recipe_of({"width": 96}, ["recipe.network=convnet"]).width == 96  # no change of network

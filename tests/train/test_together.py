"""Networks trained together are those trained one by one."""

import pytest
import torch

from ddcodec.train import evaluate as judge
from ddcodec.train import together
from ddcodec.train.augment import DSA
from ddcodec.train.evaluate import Normalise, evaluate, train_classifier, train_classifiers
from ddcodec.train.recipe import Recipe

SEEDS = (3, 4, 9)
RECIPES = {
    "convnet": {},
    "batch norm, AdamW, DSA": {"norm": "batch", "optimizer": "adamw", "augmentation": DSA, "schedule": "cosine"},
    "regression, layer norm": {"norm": "layer", "loss": "mse"},
    "resnet18": {"network": "resnet18"},
    "vgg11": {"network": "vgg11"},
    "alexnet": {"network": "alexnet"},
    "vit": {"network": "vit", "depth": 1, "width": 8},
}


def tiny(count=14, side=17):
    images = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(count) % 3


def a_recipe(**fields):
    return Recipe(**({"width": 4, "epochs": 3, "batch_size": 5, "learning_rate": 0.005} | fields))


def normalise():
    return Normalise([0.5] * 3, [0.25] * 3)


@pytest.fixture
def in_double(monkeypatch):
    """Train in double precision, where nothing but a mistake makes a difference that shows."""
    begin = judge._begin

    def begin_double(*arguments):
        networks, inputs, targets, loss = begin(*arguments)
        targets = targets.double() if targets.is_floating_point() else targets
        return [network.double() for network in networks], inputs.double(), targets, loss

    monkeypatch.setattr(judge, "_begin", begin_double)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
def test_each_seed_keeps_its_own_course(fields):
    images, labels = tiny()
    recipe, before = a_recipe(**fields), torch.random.get_rng_state()
    found = train_classifiers(images, labels, recipe, SEEDS, "cpu", normalise())
    assert torch.equal(torch.random.get_rng_state(), before)
    for seed, model in zip(SEEDS, found, strict=True):
        alone = train_classifier(images, labels, recipe, seed, "cpu", normalise())
        expected = alone.state_dict()  # running means and counts of batch norm, too
        assert model.state_dict().keys() == expected.keys()
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-7, atol=1e-7)
        assert not model.training
    first, second = (model[1].head.weight for model in found[:2])
    assert not torch.equal(first, second)


def test_accuracies_are_the_same():
    images, labels = tiny(12, 8)
    soft = torch.eye(3)[labels] * 0.8 + 0.2 / 3
    arguments = (images, labels, a_recipe(width=8, epochs=6), SEEDS, "cpu", [0.5] * 3, [0.25] * 3)
    for targets in (labels, soft):
        results, calls = [], []
        for way in (True, False):
            told = []
            results.append(
                evaluate(images, targets, *arguments, progress=lambda *a, to=told: to.append(a), together=way)
            )
            calls.append(told)
        assert results[0] == results[1]
        assert calls[0] == calls[1]
        assert [call[:2] for call in calls[0]] == [(1, 3), (2, 3), (3, 3)]


def test_float_weights_agree():
    images, labels = tiny(12, 8)
    recipe = a_recipe(width=8)
    for seed, model in zip(SEEDS, train_classifiers(images, labels, recipe, SEEDS, "cpu", normalise()), strict=True):
        alone = train_classifier(images, labels, recipe, seed, "cpu", normalise())
        for one, other in zip(model.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_where_it_is_worth_while():
    assert not together.worthwhile(torch.device("cpu"), 5)
    assert together.worthwhile(torch.device("cuda"), 2)
    assert not together.worthwhile(torch.device("cuda"), 1)


def test_the_cpu_trains_one_by_one_by_default(monkeypatch):
    def never(*_):
        raise AssertionError("trained together")

    monkeypatch.setattr(judge, "train_together", never)
    images, labels = tiny(6, 8)
    arguments = (images, labels, images, labels, a_recipe(epochs=1), (0, 1), "cpu", [0.5] * 3, [0.25] * 3)
    assert len(evaluate(*arguments).accuracies) == 2
    with pytest.raises(AssertionError, match="trained together"):
        evaluate(*arguments, together=True)


def test_one_by_one_where_memory_is_short(monkeypatch):
    def full(*_):
        raise torch.cuda.OutOfMemoryError("no memory")

    images, labels = tiny(6, 8)
    arguments = (images, labels, images, labels, a_recipe(epochs=1), (0, 1), "cpu", [0.5] * 3, [0.25] * 3)
    expected = evaluate(*arguments)
    monkeypatch.setattr(judge, "train_together", full)
    assert evaluate(*arguments, together=True) == expected

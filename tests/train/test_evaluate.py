"""Networks and the judge: sizes, recipes, repeatability, and digits that are really learnt."""

import numpy as np
import pytest
import torch

from ddcodec.errors import EncodeError
from ddcodec.sources.digits import load_digits
from ddcodec.train.convnet import ConvNet, default_depth, seeded_convnet
from ddcodec.train.evaluate import Normalise, accuracy, evaluate, train_classifier
from ddcodec.train.recipe import Recipe

QUICK = Recipe(width=32, epochs=60, batch_size=32, learning_rate=0.05, augmentation="crop")


@pytest.fixture(scope="module")
def digits():
    """20 training images a class, and 300 test images, as float tensors."""
    train_images, train_labels, test_images, test_labels, _ = load_digits()
    kept = np.concatenate([np.flatnonzero(train_labels == label)[:20] for label in range(10)])
    return (
        torch.from_numpy(train_images[kept]).float() / 255,
        torch.from_numpy(train_labels[kept]).long(),
        torch.from_numpy(test_images[:300]).float() / 255,
        torch.from_numpy(test_labels[:300]).long(),
    )


def tiny(count: int = 12, side: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(count) % 3


@pytest.mark.parametrize(
    ("size_hw", "depth"),
    [((8, 8), 2), ((28, 28), 3), ((32, 32), 3), ((64, 64), 4), ((128, 128), 5), ((3, 40), 1)],
)
def test_depth_follows_the_resolution(size_hw, depth):
    assert default_depth(size_hw) == depth


@pytest.mark.parametrize("size_hw", [(8, 8), (9, 15), (32, 48), (17, 5), (128, 96)])
def test_any_size_gives_features_and_logits(size_hw):
    network = ConvNet(3, size_hw, 7, width=4)
    images = torch.rand(2, 3, *size_hw)
    features = network.features(images)
    blocks = default_depth(size_hw)
    assert features.shape == (2, 4 * (size_hw[0] >> blocks) * (size_hw[1] >> blocks))
    assert network(images).shape == (2, 7)
    torch.testing.assert_close(network(images), network.head(features))


def test_usual_network_has_the_usual_number_of_weights():
    assert sum(p.numel() for p in ConvNet(3, (32, 32), 10).parameters()) == 320010


@pytest.mark.parametrize("arguments", [(3, (8, 8), 10, 4, 4), (0, (8, 8), 10), (3, (8, 8), 0), (3, (8, 8), 2, 8, -1)])
def test_impossible_networks_are_refused(arguments):
    with pytest.raises(EncodeError):
        ConvNet(*arguments)


def test_weights_depend_on_the_seed_alone():
    before = torch.random.get_rng_state()
    one, two, other = (seeded_convnet(1, (8, 8), 10, seed=seed, width=8) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


def test_same_seed_same_network_other_seed_another():
    images, labels = tiny()
    recipe, normalise = Recipe(width=8, epochs=3, batch_size=5), Normalise([0.5] * 3, [0.25] * 3)
    before = torch.random.get_rng_state()
    models = [train_classifier(images, labels, recipe, seed, "cpu", normalise) for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    first, again, other = (model(images) for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_inputs_are_left_alone_and_may_exceed_the_range():
    images, labels = tiny()
    images = images * 3 - 1
    copy = images.clone()
    result = evaluate(images, labels, images, labels, Recipe(width=4, epochs=1), [0], "cpu", [0.5] * 3, [0.2] * 3)
    assert torch.equal(images, copy)
    assert 0 <= result.mean <= 1
    assert result.std == 0.0


def test_soft_labels_equal_to_hard_ones_train_the_same():
    images, labels = tiny()
    recipe, normalise = Recipe(width=8, epochs=2), Normalise([0.5] * 3, [0.25] * 3)
    hard = train_classifier(images, labels, recipe, 0, "cpu", normalise)
    soft = train_classifier(images, torch.eye(3)[labels], recipe, 0, "cpu", normalise)
    torch.testing.assert_close(hard(images), soft(images), rtol=1e-3, atol=1e-4)


def test_learning_rate_falls_once_after_the_middle(monkeypatch):
    rates = []
    step = torch.optim.SGD.step

    def spy(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.SGD, "step", spy)
    images, labels = tiny()
    train_classifier(images, labels, Recipe(width=4, epochs=6), 0, "cpu", Normalise([0.5] * 3, [0.25] * 3))
    assert rates == pytest.approx([0.01] * 4 + [0.001] * 2)
    rates.clear()
    recipe = Recipe(width=4, epochs=4, schedule="cosine", learning_rate=0.1)
    train_classifier(images, labels, recipe, 0, "cpu", Normalise([0.5] * 3, [0.25] * 3))
    assert rates == pytest.approx([0.1 * (1 + np.cos(np.pi * k / 4)) / 2 for k in range(4)])


def test_the_optimiser_that_is_asked_for(monkeypatch):
    seen = []
    step = torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        seen.append(self.param_groups[0])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    images, labels = tiny()
    recipe = Recipe(width=4, epochs=1, optimizer="adamw", momentum=0.8, weight_decay=0.02)
    train_classifier(images, labels, recipe, 0, "cpu", Normalise([0.5] * 3, [0.25] * 3))
    assert (seen[0]["betas"], seen[0]["weight_decay"]) == ((0.8, 0.999), 0.02)


def test_regression_learns_the_scores_themselves():
    images, labels = tiny()
    scores = torch.eye(3)[labels] * 4 - 1
    recipe = Recipe(width=16, epochs=150, loss="mse", augmentation="none", learning_rate=0.05)
    model = train_classifier(images, scores, recipe, 0, "cpu", Normalise([0.5] * 3, [0.25] * 3))
    torch.testing.assert_close(model(images), scores, rtol=0, atol=0.5)


def test_regression_of_hard_labels_is_that_of_centred_one_hot_vectors():
    images, labels = tiny()
    recipe, normalise = Recipe(width=8, epochs=2, loss="mse"), Normalise([0.5] * 3, [0.25] * 3)
    hard = train_classifier(images, labels, recipe, 0, "cpu", normalise)
    soft = train_classifier(images, torch.eye(3)[labels] - 1 / 3, recipe, 0, "cpu", normalise)
    assert torch.equal(hard(images), soft(images))


def test_a_loss_for_soft_labels_refuses_hard_ones():
    images, labels = tiny()
    recipe = Recipe(width=4, epochs=1, loss="soft_cross_entropy")
    with pytest.raises(EncodeError, match="needs soft labels"):
        train_classifier(images, labels, recipe, 0, "cpu", Normalise([0.5] * 3, [0.5] * 3))


@pytest.mark.parametrize(("network", "norm"), [("convnet", "batch"), ("resnet18", "batch"), ("resnet18", "instance")])
def test_other_networks_learn_too(network, norm):
    images, labels = tiny(side=12)
    recipe = Recipe(network=network, norm=norm, width=6, epochs=40, learning_rate=0.05, augmentation="none")
    before = torch.random.get_rng_state()
    model = train_classifier(images, labels, recipe, 0, "cpu", Normalise([0.5] * 3, [0.25] * 3))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert accuracy(model, images, labels) == 1.0


def test_accuracy_counts():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 4, bias=False))
    torch.nn.init.eye_(model[1].weight)
    images = torch.eye(4).view(4, 1, 2, 2).repeat(200, 1, 1, 1)
    labels = torch.tensor([0, 1, 2, 0]).repeat(200)
    assert accuracy(model, images, labels) == 0.75
    assert model.training


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(4, 3, 8, 8), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(4, 3, 8), torch.zeros(4, dtype=torch.int64)),
        (torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64)),
        (torch.zeros(4, 3, 8, 8), torch.zeros(4)),
        (torch.zeros(0, 3, 8, 8), torch.zeros(0, dtype=torch.int64)),
    ],
)
def test_misfits_are_refused(images, labels):
    with pytest.raises(EncodeError):
        train_classifier(images, labels, Recipe(epochs=1), 0, "cpu", Normalise([0.5] * 3, [0.5] * 3))


def test_twenty_digits_a_class_teach_the_network(digits):
    told = []
    result = evaluate(*digits, QUICK, [0, 1], "cpu", [0.3], [0.38], progress=lambda *a: told.append(a))
    assert result.mean > 0.85
    assert result.mean == pytest.approx(sum(result.accuracies) / 2)
    assert [call[:2] for call in told] == [(1, 2), (2, 2)]
    assert tuple(call[2] for call in told) == result.accuracies


def test_shuffled_labels_teach_nothing(digits):
    images, labels, test_images, test_labels = digits
    wrong = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    result = evaluate(images, wrong, test_images, test_labels, QUICK, [0], "cpu", [0.3], [0.38])
    assert result.mean < 0.4

"""One set under several networks: recipes, checks, results."""

import dataclasses

import numpy as np
import pytest
import torch

from ddcodec.dataset import make_set
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.architectures import count_weights, prepare_all, recipes_for
from ddcodec.train.judging import judge
from ddcodec.train.recipe import Recipe

CPU = torch.device("cpu")
FIELDS = {"width": 8, "depth": 2, "epochs": 2, "learning_rate": 0.3, "weight_decay": 0.0, "augmentation": "none"}


def a_set(side=8):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, side, side))
    return make_set(pixels, 255, (2, 1, 1), mean=(0.5,) * 3)


def real_images(side=8):
    pixels = np.random.default_rng(1).random((6, 3, side, side), dtype=np.float32)
    return LabelledImages(pixels, np.arange(6) % 3, None, "the images")


def test_own_network_keeps_its_recipe_and_others_get_what_suits_them():
    found = recipes_for(("convnet", "vgg11", "vit"), FIELDS | {"norm": "batch", "loss": "mse"})
    own = found["convnet"]
    assert own == Recipe(**FIELDS, norm="batch", loss="mse")
    changes = {"width": 64, "depth": 0, "norm": "", "learning_rate": 0.01, "weight_decay": 5e-4}
    assert found["vgg11"] == dataclasses.replace(own, network="vgg11", **changes)
    changes |= {"width": 192, "learning_rate": 5e-4, "weight_decay": 0.05}
    assert found["vit"] == dataclasses.replace(own, network="vit", optimizer="adamw", schedule="cosine", **changes)


def test_settings_hold_for_all():
    settings = ["recipe.learning_rate=0.02", "recipe.network=vgg11", "recipe.epochs=5"]
    found = recipes_for(("convnet", "vgg11"), FIELDS, settings)
    assert [(one.learning_rate, one.epochs) for one in found.values()] == [(0.02, 5)] * 2
    assert found["vgg11"].weight_decay == 0.0  # it is declared to be the recipe's own
    assert (found["vgg11"].width, found["convnet"].width) == (64, 128)
    assert found["convnet"].weight_decay == 5e-4


def test_a_network_that_does_not_fit_is_told_first():
    recipes = recipes_for(("convnet", "resnet18"), FIELDS)
    with pytest.raises(InputError, match="resnet18 needs 9x9 pixels, found 8x8"):
        prepare_all(a_set(), real_images(), recipes)
    assert count_weights(recipes["convnet"], (3, 8, 8), 3) == 3 * 8 * 9 + 8 * 8 * 9 + 2 * 8 * 3 + 8 * 4 * 3 + 3


def test_results_are_those_of_each_network_alone():
    recipes = recipes_for(("convnet", "alexnet"), FIELDS, ["recipe.width=4"])
    told = []
    trial = prepare_all(a_set(), real_images(), recipes)
    judged = trial.run(2, CPU, lambda *a: told.append(a))
    for name, recipe in recipes.items():
        assert judged[name].result == judge(a_set(), real_images(), recipe, 2, CPU)
        assert (judged[name].recipe, judged[name].seeds) == (recipe, (0, 1))
    assert [call[:3] for call in told] == [
        ("convnet", 1, 2),
        ("convnet", 2, 2),
        ("alexnet", 1, 2),
        ("alexnet", 2, 2),
    ]
    assert [call[3] for call in told] == [score for one in judged.values() for score in one.result.accuracies]
    assert trial.notes == ("the file states no std: images are normalised by the set's own",)
    with pytest.raises(InputError, match="repeats"):
        trial.run(0, CPU)

"""Recipes: defaults, what is refused, what is written."""

import dataclasses

import pytest

from ddcodec.errors import DdzError
from ddcodec.train.config import Config, from_toml
from ddcodec.train.recipe import Recipe

FULL = Recipe(
    *("resnet18", 32, 0, 60, 0.05, 0.8, 0.0, 32, "crop"),
    "instance",
    "adamw",
    "cosine",
    "mse",
    2,
    label_temperature=4.0,
    zca=0.1,
    draws_per_epoch=2,
    with_means=False,
)
OLD = ["network", "width", "depth", "epochs", "learning_rate", "momentum", "weight_decay", "batch_size"]
OLD += ["augmentation"]


def test_round_trip_and_defaults():
    assert Recipe.from_dict(FULL.to_dict()) == FULL
    assert Recipe.from_dict({}) == Recipe()
    assert Recipe.from_dict({"learning_rate": 1}).learning_rate == 1.0
    assert set(FULL.to_dict()) == {field.name for field in dataclasses.fields(Recipe)}


def test_newer_fields_are_written_only_where_they_differ():
    """Files and run directories from before these fields keep their bytes and hashes."""
    assert list(Recipe().to_dict()) == OLD
    assert list(Recipe(factor=2, norm="batch").to_dict()) == [*OLD, "norm", "factor"]
    assert list(Config().to_dict()["recipe"]) == OLD


def test_newer_fields_in_a_configuration():
    config = Config().with_settings(["recipe.schedule=cosine", "recipe.label_temperature=2"])
    assert from_toml(config.to_toml()) == config
    assert 'schedule = "cosine"' in config.to_toml()
    assert config.recipe.label_temperature == 2.0
    assert config.sha256() != Config().sha256()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"widht": 3}, "widht"),
        ({"width": 3.5}, "width"),
        ({"width": True}, "width"),
        ({"epochs": "3"}, "epochs"),
        ({"epochs": 0}, "epochs"),
        ({"network": "resnet"}, r"'resnet'; known: convnet, resnet18, .*--set recipe.network=convnet"),
        ({"augmentation": "blur"}, "blur"),
        ({"learning_rate": float("-1")}, "learning_rate"),
        ({"norm": "group"}, "norm: expected instance or batch or layer, found 'group'"),
        ({"optimizer": "lion"}, "optimizer: expected sgd or adamw"),
        ({"schedule": ""}, "schedule: expected step or cosine"),
        ({"loss": "kl"}, "loss: expected cross_entropy or soft_cross_entropy or mse"),
        ({"factor": 0}, "factor"),
        ({"factor": 2.0}, "factor"),
        ({"zca": -0.1}, r"zca: expected an epsilon greater than 0, or 0 for none, found -0\.1"),
        ({"zca": float("nan")}, "zca"),
        ({"zca": float("inf")}, "zca"),
        ({"zca": "0.1"}, "zca is a float"),
        ({"draws_per_epoch": -1}, "need draws_per_epoch >= 0"),
        ({"draws_per_epoch": 0, "with_means": False}, "at least 1 where with_means is false"),
        ({"label_temperature": 0}, "label_temperature"),
        ({"label_temperature": float("nan")}, "label_temperature"),
    ],
)
def test_recipe_is_strict(fields, told):
    with pytest.raises(DdzError, match=told):
        Recipe.from_dict(fields)


def test_rates():
    assert [Recipe(epochs=4, learning_rate=1).rate(k) for k in range(4)] == pytest.approx([1, 1, 1, 0.1])
    assert [Recipe(epochs=2, learning_rate=1, schedule="cosine").rate(k) for k in range(2)] == pytest.approx([1, 0.5])

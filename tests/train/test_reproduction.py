"""Stored against found accuracies: the rule, its edges, and what is written down."""

import dataclasses
import math

import pytest

from ddcodec.errors import InputError
from ddcodec.pipeline import encode_set
from ddcodec.republish import with_recipe
from ddcodec.train.evaluate import EvalResult, summarise
from ddcodec.train.recipe import Recipe
from ddcodec.train.reproduction import (
    StoredAccuracy,
    compare,
    recipe_changes,
    record_bytes,
    record_fields,
    stored_accuracy,
)
from tests.small_models import META, MODELS


def result(mean, std=0.0, count=3):
    return EvalResult(mean, std, (mean,) * count)


@pytest.mark.parametrize(
    ("stored", "found", "reproduced"),
    [
        (StoredAccuracy(0.716), result(0.712, 0.003), True),
        (StoredAccuracy(0.716), result(0.557, 0.004), False),
        (StoredAccuracy(0.5), result(0.485), True),  # 1.5 points are always allowed
        (StoredAccuracy(0.5), result(0.4849), False),
        (StoredAccuracy(0.5), result(0.5151), False),  # more than promised is another recipe, too
        (StoredAccuracy(0.5, 0.01), result(0.481), True),  # 2 x 1 point
        (StoredAccuracy(0.5, 0.01), result(0.479), False),
        (StoredAccuracy(0.5), result(0.4801, 0.02, 4), True),  # 2 x 2 points / root of 4
        (StoredAccuracy(0.5), result(0.472, 0.02, 2), True),
        (StoredAccuracy(0.5), result(0.4715, 0.02, 2), False),
        (StoredAccuracy(0.5, 0.01), result(0.473, 0.0, 1), True),  # one network: its deviation is taken to be s
        (StoredAccuracy(0.5, 0.01), result(0.471, 0.0, 1), False),
        (StoredAccuracy(0.5, 0.2), result(0.44, 0.2), False),  # never more than 5 points
    ],
)
def test_the_rule(stored, found, reproduced):
    assert compare(stored, found).reproduced is reproduced


def test_the_tolerance_is_that_of_the_docstring():
    assert compare(StoredAccuracy(0.5, 0.01), result(0.5, 0.012, 3)).tolerance == pytest.approx(
        2 * math.sqrt(0.01**2 + 0.012**2 / 3)
    )


def test_words():
    text = str(compare(StoredAccuracy(0.716, test="cifar10:test"), result(0.712, 0.003)))
    assert text == ("stored accuracy 71.6 % on cifar10:test reproduced: found 71.2 +- 0.3 % (-0.4 points, 1.5 allowed)")
    text = str(compare(StoredAccuracy(0.716), result(0.557, 0, 1)))
    assert text == "stored accuracy 71.6 % NOT reproduced: found 55.7 % (-15.9 points, 1.5 allowed)"


def test_what_a_file_states():
    assert stored_accuracy({"epochs": 3}) is None
    assert stored_accuracy({"accuracy": 0.5}) == StoredAccuracy(0.5)
    fields = {"accuracy": 1, "accuracy_std": 0.01, "accuracy_repeats": 5, "accuracy_test": "digits:test"}
    assert stored_accuracy(fields) == StoredAccuracy(1.0, 0.01, 5, "digits:test")


@pytest.mark.parametrize(
    "fields",
    [
        {"accuracy": 71.6},
        {"accuracy": -0.1},
        {"accuracy": True},
        {"accuracy": "0.7"},
        {"accuracy": 0.7, "accuracy_std": 2.0},
        {"accuracy": 0.7, "accuracy_repeats": 2.0},
        {"accuracy": 0.7, "accuracy_test": ["\x1b"]},
    ],
)
def test_what_cannot_be_meant(fields):
    with pytest.raises(InputError, match=r"recipe\.accuracy.*expected") as caught:
        stored_accuracy(fields)
    assert str(caught.value).isprintable()


def test_changes():
    fields = {"epochs": 300, "width": 64, "accuracy": 0.5, "comment": "x"}
    assert recipe_changes(fields, Recipe(epochs=20, width=64, factor=2)) == {"epochs": (300, 20), "factor": (1, 2)}
    assert recipe_changes(fields, Recipe(width=64)) == {}
    assert recipe_changes({"network": "resnet18"}, Recipe(network="resnet18", width=64)) == {}
    assert recipe_changes({"network": "vgg"}, Recipe()) == {"network": ("vgg", "convnet")}


def test_what_is_recorded_is_the_whole_recipe_that_was_followed():
    found = EvalResult(0.5, 0.1, (0.4, 0.6))
    fields = record_fields({"factor": 2, "epochs": 9, "other": 1}, Recipe(epochs=5), found, "digits:test")
    assert fields == Recipe(epochs=5).to_dict() | {
        "factor": 1,  # the default, but the file says otherwise
        "accuracy": 0.5,
        "accuracy_std": 0.1,
        "accuracy_repeats": 2,
        "accuracy_test": "digits:test",
    }


@pytest.mark.parametrize("repeats", [1, 3, 200])
def test_the_room_for_a_record(repeats):
    recipe, test = Recipe(width=8), "digits:test"
    room = record_bytes(recipe, repeats, test)
    blob = encode_set(MODELS["pyramid"], dataclasses.replace(META, recipe=recipe.to_dict()), with_hash=True)
    for scores in ((1 / 3,) * repeats, (0.0, 1.0, *(1 / 7,) * repeats)[:repeats]):
        grown = with_recipe(blob, record_fields(recipe.to_dict(), recipe, summarise(scores), test))
        assert room - 2 <= len(grown) - len(blob) <= room

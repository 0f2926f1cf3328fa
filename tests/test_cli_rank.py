"""The command rank: what it prints, and what it refuses before training."""

import json

import pytest

from tests.calls import call, complaint
from tests.test_cli_eval import SMALL, write

DIGITS = ("--train", "digits", "--test", "digits", "--device", "cpu", "--repeats", 1)


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "x.ddz", mean=(0.5,), std=(0.25,))


def test_in_words(file):
    done = call("rank", file, *DIGITS, "--full-epochs", 1)
    for words in ("all real images, hard labels", "1 epochs, none", "1195", "random real images, augmented", "HLR "):
        assert words in done.stdout
    assert "percent would not" in done.stdout
    assert done.stderr.count("convnet, ") == 6 - 1  # without augmentation is the recipe's own


def test_as_json(file):
    done = call(
        "rank", file, *DIGITS, "--full-accuracy", 0.98, "--nets", "alexnet", "--set", "recipe.width=4", "--json"
    )
    found = json.loads(done.stdout)["networks"]["alexnet"]
    parts = found["components"]
    assert found["hlr"] == pytest.approx(0.98 - parts["distilled_hard"]["mean"])
    assert found["ior"] == pytest.approx(parts["distilled_own"]["mean"] - parts["random_own"]["mean"])
    assert 0 <= found["lrs"] <= 1
    assert 0 <= found["ars"] <= 1
    assert (parts["random_own"]["seeds"], parts["random_own"]["subset_seeds"]) == ([0], [0])
    assert parts["random_own"]["images"] == 20
    assert parts["random_own"]["recipe"]["network"] == "alexnet"
    assert parts["real_hard"]["recipe"] is None
    assert found["notes"] == []


def test_a_recipe_that_whitens(tmp_path):
    path = write(tmp_path / "x.ddz", recipe=SMALL | {"zca": 0.1})
    done = call("rank", path, *DIGITS, "--full-accuracy", 0.98, "--json")
    (found,) = json.loads(done.stdout)["networks"].values()
    (note,) = found["notes"]
    assert note.startswith("images and test images whitened as the recipe says: zca, epsilon 0.1, ")
    assert found["components"]["random_own"]["recipe"]["zca"] == 0.1


def test_bad_input(file, tmp_path):
    nowhere = ("--train", f"npz:{tmp_path / 'none.npz'}", "--test", "digits", "--device", "cpu")
    assert "the nearest is vit" in complaint("rank", file, *nowhere, "--nets", "vitt")
    assert complaint("rank", file, *nowhere, "--nets", "vgg11") == f"{file}: vgg11 needs 17x17 pixels, found 8x8"
    assert complaint("rank", file, *nowhere, "--full-accuracy", 98) == (
        "full-accuracy: expected a fraction in 0..1, not percent, found 98.0"
    )
    assert complaint("rank", file, *nowhere, "--full-accuracy", 0.9, "--nets", "convnet,vit").startswith(
        "--full-accuracy is that of one network"
    )
    assert "none.npz" in complaint("rank", file, *nowhere)
    assert "rank" in call("--help").stdout

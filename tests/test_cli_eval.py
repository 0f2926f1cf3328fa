"""The command eval: what it prints, records, and exits with."""

import json

import numpy as np
import pytest

import ddcodec
from ddcodec.codecs.configs import Shape
from ddcodec.pipeline import EncodedModel, Metadata, encode_set, verify
from ddcodec.sources.spec import load_spec
from tests.small_models import PYRAMID, networks
from tests.sources.cifar_files import python10, tar_bytes
from tests.test_cli import call, complaint

SMALL = {"width": 8, "epochs": 2, "batch_size": 32, "augmentation": "none"}
DIGITS = ("--test", "digits", "--device", "cpu")


def write(path, shape=(1, 8, 8), classes=None, **meta):
    """A file of 10 classes with two images each, of noise."""
    net = networks(PYRAMID, Shape(*shape, 255))
    rng = np.random.default_rng(3)
    latents = [rng.integers(-20, 21, (2, net.latents_per_image)).astype(np.int16) for _ in range(10)]
    model = EncodedModel([net], (0,) * 10, latents)
    path.write_bytes(encode_set(model, Metadata(classes=classes, **{"recipe": SMALL} | meta), with_hash=True))
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "x.ddz", mean=(0.5,), std=(0.25,))


@pytest.fixture
def found(file):
    """What these networks reach."""
    return json.loads(call("eval", file, *DIGITS, "--repeats", 2, "--json").stdout)


def test_in_words(file):
    done = call("eval", file, *DIGITS, "--repeats", 2)
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{file}: accuracy ")
    assert "(2 networks: " in line
    assert done.stderr.count("network ") == 2


def test_as_json(file, found):
    assert found["recipe"] == ddcodec.load(file).recipe | found["recipe"]
    assert found["mean"] == pytest.approx(sum(found["accuracies"]) / 2)
    assert (found["stored"], found["reproduced"], found["tolerance"]) == (None, None, None)
    assert (found["recipe_changed"], found["notes"]) == ({}, [])


def test_a_true_figure_and_a_false_one(tmp_path, found):
    path = tmp_path / "y.ddz"
    for accuracy, right in {found["mean"] + 0.01: True, found["mean"] + 0.2: False}.items():
        write(path, mean=(0.5,), std=(0.25,), recipe=SMALL | {"accuracy": accuracy, "accuracy_std": 0.001})
        done = call("eval", path, *DIGITS, "--repeats", 2)
        word = "reproduced" if right else "NOT reproduced"
        assert f"stored accuracy {100 * accuracy:.1f} % {word}: found {100 * found['mean']:.1f} +- " in done.stdout
        assert json.loads(call("eval", path, *DIGITS, "--repeats", 2, "--json").stdout)["reproduced"] is right
        done = call("eval", path, *DIGITS, "--repeats", 2, "--check", code=0 if right else 4)
        assert word in done.stdout


def test_figures_that_cannot_be_checked(tmp_path, file):
    assert complaint("eval", file, *DIGITS, "--check") == (
        f"{file}: states no accuracy (recipe.accuracy), so there is nothing to check"
    )
    path = write(tmp_path / "y.ddz", recipe=SMALL | {"accuracy": 71.6})
    assert "expected a fraction in 0..1, found '71.6'" in complaint("eval", path, *DIGITS, "--check")
    done = call("eval", path, *DIGITS, "--repeats", 1)
    assert "not compared: recipe.accuracy" in done.stderr
    assert "stored" not in done.stdout


def test_a_changed_recipe_is_told(file):
    done = call("eval", file, *DIGITS, "--repeats", 1, "--set", "recipe.epochs=1", "--set", "recipe.width=8")
    assert "note: not the file's own recipe: epochs 2 -> 1\n" in done.stdout


def test_own_normalisation_is_told(tmp_path):
    done = call("eval", write(tmp_path / "x.ddz"), *DIGITS, "--repeats", 1)
    assert "note: the file states no mean and std" in done.stdout


def test_record(file, found, tmp_path):
    out, before = tmp_path / "out.ddz", file.read_bytes()
    done = call("eval", file, *DIGITS, "--repeats", 2, "--record", out)
    assert f"{out}: " in done.stderr
    assert file.read_bytes() == before
    recipe = ddcodec.load(out).recipe
    assert recipe["accuracy"] == found["mean"]
    assert recipe["accuracy_std"] == found["std"]
    assert (recipe["accuracy_repeats"], recipe["accuracy_test"]) == (2, "digits:test")
    assert verify(out.read_bytes()).content_hash == ddcodec.load(file).content_hash()
    done = call("eval", out, *DIGITS, "--repeats", 2, "--check")
    assert "% on digits:test reproduced: " in done.stdout
    call("eval", out, *DIGITS, "--repeats", 1, "--set", "recipe.epochs=1", "--record", out)  # in place
    assert ddcodec.load(out).recipe["epochs"] == 1
    assert ddcodec.load(out).recipe["accuracy_repeats"] == 1


def test_record_where_nothing_can_be_written(file, tmp_path):
    message = complaint("eval", file, *DIGITS, "--record", tmp_path / "no" / "x.ddz")
    assert message == f"{tmp_path / 'no' / 'x.ddz'}: its folder does not exist"


def test_unknown_networks(tmp_path):
    path = write(tmp_path / "x.ddz", recipe=SMALL | {"network": "swin"})
    message = complaint("eval", path, *DIGITS)
    for words in ("'swin'", "convnet, resnet18, vgg11, alexnet, vit", "--set recipe.network=convnet"):
        assert words in message
    done = call("eval", path, *DIGITS, "--repeats", 1, "--set", "recipe.network=convnet", "--set", "recipe.width=8")
    assert "network swin -> convnet" in done.stdout


@pytest.fixture
def cifar(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(tar_bytes(python10()[0], "cifar-10-batches-py"))
    return path


def test_cifar(tmp_path, cifar):
    path = write(tmp_path / "x.ddz", (3, 32, 32), recipe=SMALL)
    done = call("eval", path, "--test", f"cifar10:{cifar}", "--repeats", 1, "--record", tmp_path / "y.ddz")
    assert "accuracy" in done.stdout
    assert ddcodec.load(tmp_path / "y.ddz").recipe["accuracy_test"] == "cifar10:test"
    message = complaint("eval", path, "--test", f"cifar10:{tmp_path / 'nowhere'}")
    assert message == f"{tmp_path / 'nowhere'}: cannot read it: No such file or directory"


def test_whitening(tmp_path, file):
    zca = {"kind": "zca", "epsilon": 0.1, "fitted_on": "digits \x1b[31mtrain"}
    path = write(tmp_path / "y.ddz", whitening=zca)
    message = complaint("eval", path, *DIGITS)
    assert message.startswith(f"{path}: the images are whitened (kind 'zca', epsilon 0.1, fitted_on ")
    assert "--zca-from cifar10:PATH:train" in message
    assert "\x1b" not in message
    done = call("eval", path, *DIGITS, "--zca-from", "digits", "--repeats", 1)
    count = len(load_spec("digits").images)
    assert f"note: test images whitened as the set is: zca, epsilon 0.1, fitted on {count} images of" in done.stdout
    assert "\x1b" not in done.stdout
    assert "does not say that its images are whitened" in complaint("eval", file, *DIGITS, "--zca-from", "digits")


def test_a_recipe_that_whitens(tmp_path):
    path = write(tmp_path / "y.ddz", recipe=SMALL | {"zca": 0.1}, provenance={"dataset": "digits \x1b[31mtrain"})
    expected = f"{path}: the recipe trains on images whitened by ZCA (recipe.zca 0.1), fitted on real training images"
    for more in ((), ("--nets", "convnet")):
        message = complaint("eval", path, *DIGITS, *more)
        assert message.startswith(f"{expected} (the set was made from 'digits ")
        assert message.endswith("name them, such as --zca-from cifar10:PATH:train")
        assert "\x1b" not in message
    zca = ("--zca-from", "digits", "--repeats", 1)
    found = json.loads(call("eval", path, *DIGITS, *zca, "--json").stdout)
    count = len(load_spec("digits").images)
    (note,) = found["notes"]  # and none of a missing mean: it is not needed
    assert note.startswith("images and test images whitened as the recipe says: zca, epsilon 0.1, ")
    assert f"fitted on {count} images of 'digits'" in note
    (told,) = json.loads(call("eval", path, *DIGITS, *zca, "--nets", "convnet", "--json").stdout)["networks"].values()
    assert (told["mean"], told["recipe"]["zca"]) == (found["mean"], 0.1)
    done = call("eval", path, *DIGITS, "--repeats", 1, "--set", "recipe.zca=0", "--record", tmp_path / "z.ddz")
    assert "note: not the file's own recipe: zca 0.1 -> 0.0\n" in done.stdout
    assert ddcodec.load(tmp_path / "z.ddz").recipe["zca"] == 0.0
    assert "expected a number" in complaint("eval", write(path, recipe=SMALL | {"zca": "much"}), *DIGITS)


def test_test_images_may_come_from_a_folder(tmp_path, file):
    call("decode", file, tmp_path / "images")
    done = call("eval", file, "--test", f"imagefolder:{tmp_path / 'images'}", "--repeats", 1)
    assert "accuracy" in done.stdout


TINY = ("--set", "recipe.width=4", "--set", "recipe.epochs=1")


def test_several_networks(file, found):
    done = call(
        "eval", file, *DIGITS, "--nets", "convnet,alexnet,vit", "--repeats", 2, *TINY, "--set", "recipe.depth=1"
    )
    for words in ("convnet", "alexnet", "vit", "1 x adamw 0.0005", "seeds 0..1", " +- "):
        assert words in done.stdout
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["convnet"] * 2 + ["alexnet"] * 2 + ["vit"] * 2
    told = json.loads(call("eval", file, *DIGITS, "--nets", "convnet", "--repeats", 2, "--json").stdout)
    network = told["networks"]["convnet"]  # the recipe's own: nothing changes
    assert {name: network[name] for name in ("mean", "std", "accuracies", "recipe")} == {
        name: found[name] for name in ("mean", "std", "accuracies", "recipe")
    }
    assert (network["seeds"], network["weights"], told["notes"]) == ([0, 1], 1026, [])


def test_networks_that_cannot_be_judged(file, tmp_path):
    nowhere = ("--test", f"npz:{tmp_path / 'none.npz'}", "--device", "cpu")  # refused before it is looked for
    assert complaint("eval", file, *nowhere, "--nets", "convnet,vgg") == (
        "--nets: unknown network 'vgg'; the nearest is vgg11, known: convnet, resnet18, vgg11, alexnet, vit"
    )
    assert complaint("eval", file, *nowhere, "--nets", "convnet,vgg11") == (
        f"{file}: vgg11 needs 17x17 pixels, found 8x8"
    )
    assert "expected some of convnet" in complaint("eval", file, *nowhere, "--nets", " , ")
    for option in (("--check",), ("--record", tmp_path / "y.ddz")):
        assert complaint("eval", file, *nowhere, "--nets", "convnet", *option).startswith("--nets: a file states one")
    assert not (tmp_path / "y.ddz").exists()
    message = complaint("eval", file, *nowhere, "--nets", "vit", "--set", "recipe.norm=batch")
    assert message == f"{file}: norm: vit has layer norm only, found 'batch'"

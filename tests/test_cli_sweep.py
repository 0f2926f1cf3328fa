"""Budgets in KiB, images chosen by themselves, and sweeps, from the command line."""

import csv
import json

import pytest

from ddcodec.train import count_search, loop
from ddcodec.train.config import load_config
from tests.test_cli import call, complaint
from tests.train.fake_distiller import FakeDistiller

QUICK = (
    *("--set", "train.fit_steps=2", "--set", "train.joint_steps=2", "--set", "train.tune_steps=1", "--device", "cpu"),
    *("--set", "recipe.epochs=1", "--set", "recipe.width=4", "--set", "recipe.augmentation=none"),
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(loop, "default_factory", lambda: FakeDistiller)
    monkeypatch.setattr(count_search, "_STEPS", 3)
    monkeypatch.setattr(count_search, "_REPEATS", 1)


def test_kib_per_class(tmp_path):
    base = ("distill", "--data", "digits", "--images-per-class", 2, *QUICK)
    done = call(*base, "--out", tmp_path / "a", "--kib-per-class", 0.5)
    call("encode", tmp_path / "a", tmp_path / "a.ddz")
    assert done.stderr.splitlines()[-1].startswith(
        f"{tmp_path / 'a'}: the file takes {(tmp_path / 'a.ddz').stat().st_size} of 5120 bytes: 2 images"
    )
    train = load_config(str(tmp_path / "a" / "config.toml")).train
    assert (train.bytes_per_class, train.budget_counts, train.images_per_class) == (512, "file", 2)
    for word in ("--bytes-per-class", "--lambda"):
        done = call(*base, "--out", tmp_path / "b", "--kib-per-class", 0.5, word, 9, code=2)
        assert f"--kib-per-class and {word} exclude each other" in done.stderr
    assert "positive number, found -1" in complaint(*base, "--out", tmp_path / "b", "--kib-per-class", -1)
    for word in ("0", "some", "1.5", "-2"):
        done = call("distill", "--data", "digits", "--out", tmp_path / "b", f"--images-per-class={word}", code=2)
        assert "neither a positive integer nor auto" in done.stderr
    assert not (tmp_path / "b").exists()


def test_images_per_class_auto(tmp_path):
    auto = ("distill", "--data", "digits", "--images-per-class", "auto", *QUICK)
    assert "needs a budget" in complaint(*auto, "--out", tmp_path / "a")
    done = call(*auto, "--out", tmp_path / "a", "--kib-per-class", 0.05)
    assert "images per class chosen" in done.stderr
    assert done.stdout == f"{tmp_path / 'a'}\n"
    train = load_config(str(tmp_path / "a" / "config.toml")).train
    assert train.images_per_class in train.images_tried
    before = (tmp_path / "a" / "result.json").read_bytes()
    call(*auto, "--out", tmp_path / "a", "--kib-per-class", 0.05, "--resume")
    call("distill", "--out", tmp_path / "a", "--resume")
    assert (tmp_path / "a" / "result.json").read_bytes() == before
    call("encode", tmp_path / "a", tmp_path / "a.ddz")
    found = json.loads(call("info", tmp_path / "a.ddz", "--json").stdout)
    assert found["metadata"]["provenance"]["images_per_class_tried"] == list(train.images_tried)


def test_a_recipe_that_whitens(tmp_path):
    """From the choice of images to the curve, and into the file."""
    out, white = tmp_path / "out", ("--set", "recipe.zca=0.1", "--repeats", 1)
    words = ("sweep", "--data", "digits", "--test", "digits", "--out", out, "--images-per-class", "auto", *QUICK)
    done = call(*words, *white, "--kib-per-class", 0.1, "--rivals", "real,webp,pixels8")
    assert "left out" not in done.stderr
    assert len((out / "curve.tsv").read_text().splitlines()) == 5
    done = call("info", out / "0.1kib.ddz")
    assert "zca 0.1" in done.stdout
    assert "another config" in complaint(*words, "--repeats", 1, "--kib-per-class", 0.1)
    path = out / "0.1kib.ddz"
    assert "--zca-from" in complaint("eval", path, "--test", "digits", "--device", "cpu")
    done = call("eval", path, "--test", "digits", "--zca-from", "digits", "--device", "cpu", "--repeats", 1)
    assert f"{path}: accuracy " in done.stdout


def test_sweep(tmp_path):
    out = tmp_path / "out"
    words = ("sweep", "--data", "digits", "--test", "digits", "--out", out, "--loss", "dm", *QUICK)
    more = ("--images-per-class", 2, "--repeats", 1)
    done = call(*words, *more, "--kib-per-class", "0.2,0.1", "--rivals", "webp,pixels8", "--rival-repeats", 2)
    assert done.stdout.count("distilled") == 2
    assert "0.2 KiB per class: webp" in done.stderr
    text = (out / "curve.tsv").read_text()
    assert str(tmp_path) not in text
    assert "ddcodec sweep --data digits:train --test digits:test --kib-per-class 0.2,0.1 --loss dm" in text
    assert "--repeats 1" in text
    assert "--rival-repeats 2" in text
    repeats = [line["repeats"] for line in csv.DictReader(text.splitlines(), delimiter="\t")]
    assert repeats == ["1", "2", "2"] * 2
    assert "stored accuracy" in call("eval", out / "0.1kib.ddz", "--test", "digits", "--repeats", 1, "--check").stdout
    call(*words, *more, "--kib-per-class", "0.1", "--rivals", "none")
    assert (out / "curve.tsv").read_text() == text
    assert "another repeats" in complaint(*words, "--images-per-class", 2, "--kib-per-class", "0.1")
    fresh = (*words[:5], "--out", tmp_path / "new", *QUICK)
    assert "rival jpg: expected some of real, avif" in complaint(*fresh, "--kib-per-class", 1, "--rivals", "jpg")
    assert "expected numbers with commas" in complaint(*fresh, "--kib-per-class", "1;2")
    assert "positive numbers" in complaint(*fresh, "--kib-per-class", "0")
    assert not (tmp_path / "new").exists()

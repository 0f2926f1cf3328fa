"""Class folders, whose alphabetical order must be that of the classes."""

import json

import numpy as np
import pytest
from PIL import Image

from ddcodec.errors import InputError
from ddcodec.export.imagefolder import class_folders, write_image_folder
from tests.views.small_sets import ORDER, RECIPE, full_set, small_set


def read_as_torchvision(root):
    """Labels by the place of a folder in alphabetical order; files in alphabetical order."""
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    samples = []
    for label, folder in enumerate(folders):
        for path in sorted((root / folder).iterdir()):
            with Image.open(path) as picture:
                samples.append((label, np.asarray(picture)))
    return folders, samples


@pytest.mark.parametrize("classes", [("ant", "bee", "cat"), ("zebra", "yak", "../x"), None])
@pytest.mark.parametrize("channels", [1, 3])
def test_read_back(tmp_path, channels, classes):
    s = small_set(channels, classes=classes)
    write_image_folder(s, tmp_path / "out")
    folders, samples = read_as_torchvision(tmp_path / "out")
    by_class = np.argsort(ORDER, kind="stable")
    assert [label for label, _ in samples] == s.labels[by_class].tolist()
    expected = np.floor(np.clip(s.images.astype(np.float64), 0, 1) * 255 + 0.5)[by_class]
    for (_, found), pixels in zip(samples, expected, strict=True):
        assert np.array_equal(found.reshape(4, 6, channels).transpose(2, 0, 1), pixels)
    facts = json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8"))
    assert facts["class_to_idx"] == {folder: number for number, folder in enumerate(folders)}
    assert facts["classes"] == list(classes or "012")


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("ant", "bee", "cat"), ["ant", "bee", "cat"]),
        (("bee", "ant", "cat"), ["00_bee", "01_ant", "02_cat"]),  # folder order would shift the labels
        (("ant", "Bee", "cat"), ["00_ant", "01_Bee", "02_cat"]),
        (("Ant", "ant", "bee"), ["00_Ant", "01_ant", "02_bee"]),  # one folder where case does not count
        (("ant", "ant", "bee"), ["00_ant", "01_ant", "02_bee"]),
        (("..", "a/b", "c"), ["00", "01_a_b", "02_c"]),
        (("a", "b ", "c"), ["00_a", "01_b", "02_c"]),
        (("a", "con", "d"), ["00_a", "01_con", "02_d"]),
        (("", "a", "b"), ["00", "01_a", "02_b"]),
        (("a big dog", "b", "ñu"), ["a big dog", "b", "ñu"]),
    ],
)
def test_names_of_folders(classes, expected):
    found = class_folders(small_set(classes=classes))
    assert found == expected
    assert sorted(found) == found


def test_a_class_without_images_keeps_its_number(tmp_path):
    write_image_folder(small_set(), tmp_path / "out")  # the second class has none
    assert read_as_torchvision(tmp_path / "out")[0] == ["ant", "bee", "cat"]
    assert list((tmp_path / "out" / "bee").iterdir()) == []


def test_soft_labels_and_recipe(tmp_path):
    s = full_set("probabilities")
    write_image_folder(s, tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8"))
    assert (facts["recipe"], facts["mean"], facts["soft_kind"]) == (RECIPE, [0.5, 0.4, 0.25], "probabilities")
    assert np.array_equal(np.float32(facts["soft"]["cat/0001.png"]), s.soft.floats[2])
    assert len(facts["soft"]) == 5


def test_what_does_not_fit_leaves_nothing(tmp_path):
    for wrong in (small_set(5), small_set(whitening={"kind": "zca"})):
        with pytest.raises(InputError):
            write_image_folder(wrong, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_read_by_datasets(monkeypatch, tmp_path):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    datasets = pytest.importorskip("datasets")
    s = small_set(classes=("a b", "bee", "cat"), order=[0, 0, 2, 2, 2])
    write_image_folder(s, tmp_path / "out")
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(found) == 5
    expected = np.floor(np.clip(s.images.astype(np.float64), 0, 1) * 255 + 0.5)
    assert np.array_equal(np.asarray(found[4]["image"]).transpose(2, 0, 1), expected[4])

"""PNG folders, contact sheets, and folders that appear all at once."""

import csv

import numpy as np
import pytest
from PIL import Image

from ddcodec.dataset import make_set
from ddcodec.errors import InputError
from ddcodec.export.folder import new_folder
from ddcodec.export.png import folder_names, write_png_folder
from ddcodec.export.sheet import contact_sheet, png_bytes
from ddcodec.views.pixels import as_picture, floats_to_bytes, to_bytes

RNG = np.random.default_rng(0)


def small_set(channels=3, peak=255, **more):
    pixels = RNG.integers(-9, peak + 10, (5, channels, 4, 6))
    return make_set(pixels, peak, (2, 0, 3), **more)


@pytest.mark.parametrize("peak", [1, 255, 4080, 32767])
def test_rounding_to_bytes(peak):
    values = np.arange(-5, min(peak, 5000) + 5, dtype=np.int16)
    expected = np.floor(np.clip(values / peak, 0, 1) * 255 + 0.5)
    assert np.array_equal(to_bytes(values, peak), expected)


def test_floats_to_bytes():
    found = floats_to_bytes(np.array([-1, 0, 0.5, 1, 2], np.float32))
    assert found.tolist() == [0, 0, 128, 255, 255]
    with pytest.raises(InputError, match="NaN"):
        floats_to_bytes(np.array([np.nan], np.float32))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_folder_of_pictures(tmp_path, channels, mode):
    dataset = small_set(channels, order=[2, 0, 2, 0, 2], classes=("cat", "no/../body", "b c"))
    assert write_png_folder(dataset, tmp_path / "a" / "out") == 5
    root = tmp_path / "a" / "out"
    assert sorted(path.name for path in root.iterdir()) == ["00_cat", "02_b_c", "labels.csv"]
    with open(root / "labels.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == [
        *("02_b_c/000.png", "00_cat/000.png", "02_b_c/001.png", "00_cat/001.png", "02_b_c/002.png"),
    ]
    assert [int(row["label"]) for row in rows] == dataset.labels.tolist()
    assert {row["class"] for row in rows} == {"cat", "b c"}
    images = (np.clip(dataset.images, 0, 1) * 255).round().astype(np.uint8)
    for row, image in zip(rows, images, strict=True):
        with Image.open(root / row["file"]) as picture:
            assert picture.mode == mode
            found = np.asarray(picture)
        assert np.array_equal(found.reshape(4, 6, channels).transpose(2, 0, 1), image)


def test_hostile_class_names_stay_inside():
    dataset = small_set(classes=("../../etc", "con\x00\n", "x" * 300))
    names = folder_names(dataset)
    assert all("/" not in name and len(name) < 50 and name.isprintable() for name in names)
    assert names[0].startswith("00_")
    assert folder_names(small_set()) == ["00", "01", "02"]


def test_five_channels_are_no_picture():
    with pytest.raises(InputError, match=r"1\.\.4 channels"):
        as_picture(np.zeros((5, 4, 4), np.uint8))


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "note").write_text("mine")
    for target in (tmp_path, tmp_path / "note"):
        with pytest.raises(InputError):
            write_png_folder(small_set(), target)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "out") as root:
        (root / "half").write_bytes(bytes([1 // 0]))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as root:
        (root / "whole").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "whole").exists()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_contact_sheet(channels):
    dataset = small_set(channels)
    images = dataset.pixels.astype(np.float32) / 255
    sheet = contact_sheet(images, dataset.class_counts, ("a", "b", "a rather long name for a class"))
    assert sheet.mode == "RGB"
    assert len(np.unique(np.asarray(sheet))) > 5
    assert png_bytes(sheet).startswith(b"\x89PNG")
    with pytest.raises(InputError, match="NaN"):
        contact_sheet(images * np.float32("nan"), dataset.class_counts)


def test_contact_sheet_shows_the_pixels():
    images = np.zeros((2, 1, 2, 2), np.float32)
    images[1] = 1
    sheet = np.asarray(contact_sheet(images, (2,), ("",)))
    black = (sheet == 0).all(axis=2).sum()
    assert black == 48 * 48  # 24-fold

"""Folders of pictures as real images."""

import numpy as np
import pytest
from PIL import Image

from ddcodec.errors import InputError
from ddcodec.sources import image_tree
from ddcodec.sources.spec import load_spec


def picture(seed, mode="RGB", size=(6, 4)):
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture
def tree(tmp_path):
    """Two classes, three images, and things to pass over."""
    root = tmp_path / "data"
    for seed, name in enumerate(["b/2.png", "b/10.PNG", "a/x.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(root / name)
    (root / "a" / "notes.txt").write_text("no image")
    (root / "a" / ".hidden.png").write_text("no image")
    (root / ".cache").mkdir()
    (root / "readme.png").write_text("not in a class")
    return root


def pixels(seed):
    return np.asarray(picture(seed)).transpose(2, 0, 1) / np.float32(255)


def test_classes_and_images_in_order_of_names(tree):
    source = load_spec(f"imagefolder:{tree}")
    assert source.classes == ("a", "b")
    assert source.labels.tolist() == [0, 1, 1]
    assert source.images.dtype == np.float32
    assert np.array_equal(source.images, np.stack([pixels(2), pixels(1), pixels(0)]))


def test_kinds_of_files(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("1.jpg", "2.jpeg", "3.webp"):
        picture(1).save(tmp_path / "a" / name)
    picture(1).convert("RGBA").save(tmp_path / "a" / "4.png")
    picture(1).convert("P").save(tmp_path / "a" / "5.png")
    picture(1, "L").save(tmp_path / "a" / "6.png")
    source = load_spec(f"imagefolder:{tmp_path}")
    assert source.images.shape == (6, 3, 4, 6)
    assert np.array_equal(source.images[3], pixels(1))
    assert (source.images[5, 0] == source.images[5, 2]).all()


def test_grey_images_have_one_channel(tmp_path):
    (tmp_path / "a").mkdir()
    picture(1, "L").save(tmp_path / "a" / "1.png")
    source = load_spec(f"imagefolder:{tmp_path}")
    assert np.array_equal(source.images[0, 0], np.asarray(picture(1, "L")) / np.float32(255))
    assert source.images.shape == (1, 1, 4, 6)


def test_splits(tmp_path):
    for seed, name in enumerate(["train/a/1.png", "val/a/1.png"]):
        (tmp_path / name).parent.mkdir(parents=True)
        picture(seed).save(tmp_path / name)
    spec = f"imagefolder:{tmp_path}"
    for text, split, seed in [
        (spec, "train", 0),
        (spec, "test", 1),  # there is no folder test, but val
        (f"{spec}:val", "train", 1),
        (f"{spec}:train", "test", 0),
        (f"{spec}/val", "train", 1),
    ]:
        assert np.array_equal(load_spec(text, split).images[0], pixels(seed))
    with pytest.raises(InputError, match="has no folder test"):
        load_spec(f"{spec}:test")
    (tmp_path / "val").rename(tmp_path / "test")
    (tmp_path / "train" / "a" / "1.png").unlink()
    with pytest.raises(InputError, match="has no images"):
        load_spec(spec)


def test_a_class_may_be_called_train(tree):
    (tree / "a").rename(tree / "train")
    assert load_spec(f"imagefolder:{tree}").classes == ("b", "train")


def test_only_a_split_that_is_not_meant(tmp_path):
    (tmp_path / "test" / "a").mkdir(parents=True)
    with pytest.raises(InputError, match="has no folder train, only test"):
        load_spec(f"imagefolder:{tmp_path}")


def test_the_first_odd_file_is_named(tree):
    picture(5, size=(6, 5)).save(tree / "b" / "11.png")
    with pytest.raises(InputError, match=r"expected 6x4 pixels as in x\.png, found 6x5") as caught:
        load_spec(f"imagefolder:{tree}")
    assert str(caught.value).startswith(str(tree / "b" / "11.png"))


def test_files_that_are_no_images(tree, monkeypatch):
    data = (tree / "a" / "x.png").read_bytes()
    sixteen = Image.fromarray(np.zeros((4, 6), dtype=np.uint16))
    cases = {"empty": b"", "text": b"hello", "cut": data[:-30], "gif": b"GIF89a" + bytes(30)}
    for name, content in cases.items():
        (tree / "a" / "x.png").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.png: cannot be read as an image"):
            load_spec(f"imagefolder:{tree}")
        assert name
    sixteen.save(tree / "a" / "x.png")
    with pytest.raises(InputError, match="8 bits per channel"):
        load_spec(f"imagefolder:{tree}")
    picture(1, size=(4097, 1)).save(tree / "a" / "x.png")
    with pytest.raises(InputError, match="at most 4096"):
        load_spec(f"imagefolder:{tree}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)  # more is a warning for Pillow
    with pytest.raises(InputError, match="exceeds limit"):
        load_spec(f"imagefolder:{tree}")


def test_folders_without_classes(tmp_path, monkeypatch, tree):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found 0"):
        load_spec(f"imagefolder:{tmp_path / 'empty'}")
    with pytest.raises(InputError, match="No such file"):
        load_spec(f"imagefolder:{tmp_path / 'nowhere'}")
    monkeypatch.setattr(image_tree, "MAX_VALUES", 200)
    with pytest.raises(InputError, match="too many to hold"):
        load_spec(f"imagefolder:{tree}")

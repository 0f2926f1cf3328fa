"""Archives of images: what is understood, and one line for each thing that is not."""

from pathlib import Path

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.sources.npz import load_npz
from ddcodec.sources.spec import load_spec
from ddcodec.train.data import from_source, load_training_data

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        path = tmp_path / "x.npz"
        np.savez(path, **arrays)
        return str(path)

    return write


def test_bytes_channels_last(save):
    found = load_npz(save(images=BYTES, labels=LABELS.astype(np.uint8), classes=np.array(["a", "b", "c"])))
    assert found.images.shape == (6, 3, 5, 7)
    assert found.images.dtype == np.float32
    assert np.array_equal(found.images, BYTES.transpose(0, 3, 1, 2) / np.float32(255))
    assert found.labels.dtype == np.int64
    assert found.classes == ("a", "b", "c")
    assert found.class_count == 3


@pytest.mark.parametrize(
    ("shape", "extra", "expected"),
    [
        ((6, 3, 5, 7), {}, (6, 3, 5, 7)),
        ((6, 5, 7), {}, (6, 1, 5, 7)),
        ((6, 5, 7, 1), {}, (6, 1, 5, 7)),
        ((6, 2, 5, 2), {"layout": np.array("NCHW")}, (6, 2, 5, 2)),
        ((6, 2, 5, 3), {"layout": np.array("NHWC")}, (6, 3, 2, 5)),
    ],
)
def test_layouts(save, shape, extra, expected):
    images = RNG.random(shape)
    found = load_npz(save(x=images, y=LABELS[:, None], **extra))
    assert found.images.shape == expected
    assert found.classes is None


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"labels": LABELS}, "images or x"),
        ({"images": BYTES}, "labels or y"),
        ({"images": BYTES, "x": BYTES, "labels": LABELS}, "both images and x"),
        ({"images": BYTES[0, 0], "labels": LABELS}, "NHWC, NCHW or NHW"),
        ({"images": np.zeros((6, 5, 7, 9), np.uint8), "labels": LABELS}, "no axis of 1..4 channels"),
        ({"images": np.zeros((6, 3, 8, 3), np.uint8), "labels": LABELS}, "layout"),
        ({"images": BYTES, "labels": LABELS, "layout": np.array("HWC")}, "NCHW or NHWC"),
        ({"images": BYTES, "labels": LABELS, "layout": np.array("NCHW")}, "no axis"),
        ({"images": BYTES.astype(np.int64), "labels": LABELS}, "int64"),
        ({"images": BYTES.astype(np.float32), "labels": LABELS}, "0..1"),
        ({"images": np.full((6, 5, 7), np.nan), "labels": LABELS}, "NaN"),
        ({"images": np.zeros((0, 5, 7), np.uint8), "labels": LABELS[:0]}, "there are none"),
        ({"images": np.zeros((1, 5000, 2), np.uint8), "labels": LABELS[:1]}, "4096"),
        ({"images": BYTES, "labels": LABELS[:5]}, "expected 6"),
        ({"images": BYTES, "labels": LABELS.astype(float)}, "expected integers"),
        ({"images": BYTES, "labels": LABELS - 1}, "found -1 at image 0"),
        ({"images": BYTES, "labels": LABELS, "classes": np.array(["a", "b"])}, "expected 0..1, found 2"),
        ({"images": BYTES, "labels": LABELS, "classes": np.array([1, 2, 3])}, "list of texts"),
        ({"images": BYTES, "labels": LABELS, "classes": np.array(["a", "a", "b"])}, "same name"),
        ({"images": np.array([None]), "labels": LABELS}, "Python objects"),
    ],
)
def test_what_is_refused(save, arrays, words):
    path = save(**arrays)
    with pytest.raises(InputError) as caught:
        load_npz(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message


def test_damaged_and_missing_files(save, tmp_path):
    path = save(images=BYTES, labels=LABELS)
    data = Path(path).read_bytes()
    for name, content in (("cut", data[:300]), ("junk", b"hello"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: "):
            load_npz(str(tmp_path / name))
    flipped = bytearray(data)
    flipped[400] ^= 255
    (tmp_path / "flipped").write_bytes(flipped)
    with pytest.raises(InputError, match="flipped: "):
        load_npz(str(tmp_path / "flipped"))
    np.save(tmp_path / "one.npy", BYTES)
    with pytest.raises(InputError, match="single array"):
        load_npz(str(tmp_path / "one.npy"))
    with pytest.raises(InputError, match="No such file"):
        load_npz(str(tmp_path / "nowhere.npz"))
    with pytest.raises(InputError, match="directory"):
        load_npz(str(tmp_path))


def test_specs(save):
    path = save(images=BYTES, labels=LABELS)
    assert load_spec(f"npz:{path}").name == f"npz:{path}"
    train, test = load_spec("digits"), load_spec("digits:test")
    assert len(train.images) + len(test.images) == 1797
    assert train.images.max() == 1.0
    assert np.array_equal(load_spec("digits:train").images, train.images)
    for text in ("", "npz:", "digits:valid", "folder:x", path):
        with pytest.raises(InputError, match="expected one of"):
            load_spec(text)


def test_a_class_without_images_cannot_be_distilled(save):
    path = save(images=BYTES, labels=np.array([0, 0, 0, 2, 2, 2]), classes=np.array(["a", "b", "c"]))
    source = load_spec(f"npz:{path}")
    with pytest.raises(InputError, match=r"class 1 \(b\) has no images"):
        from_source(source)


def test_the_hash_of_the_data_does_not_depend_on_its_place(save):
    first = load_training_data(f"npz:{save(images=BYTES, labels=LABELS)}")
    same = load_training_data(f"npz:{save(x=BYTES.transpose(0, 3, 1, 2), y=LABELS)}")
    other = load_training_data(f"npz:{save(images=BYTES, labels=LABELS[::-1])}")
    assert first.sha256() == same.sha256() != other.sha256()

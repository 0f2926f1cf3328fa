"""DistilledSet: order, floats, hash, checks."""

import hashlib
import struct
import sys
from fractions import Fraction

import numpy as np
import pytest

from ddcodec.dataset import make_set
from ddcodec.errors import DdzError, InputError

RNG = np.random.default_rng(7)
PIXELS = RNG.integers(-300, 300, (5, 2, 3, 4)).astype(np.int16)
ORDER = [2, 0, 2, 0, 2]
COUNTS = (2, 0, 3)


def a_set(**changes):
    parts = {"pixels": PIXELS, "peak": 255, "class_counts": COUNTS} | changes
    return make_set(parts.pop("pixels"), parts.pop("peak"), parts.pop("class_counts"), **parts)


def test_original_order_comes_back():
    found = a_set(order=ORDER)
    assert found.labels.tolist() == ORDER
    assert found.labels.dtype == np.int64
    # sorted by class: samples 1, 3 (class 0), then 0, 2, 4 (class 2)
    for place, original in enumerate([1, 3, 0, 2, 4]):
        assert np.array_equal(found.images[original], PIXELS[place].astype(np.float32) / np.float32(255))
    assert found.images.dtype == np.float32
    assert (len(found), found.class_count) == (5, 3)


def test_samples_of_a_class_keep_their_order_in_a_large_set():
    order = RNG.integers(0, 3, 2_000)
    numbers = np.empty(2_000, dtype=np.int16)
    numbers[:] = np.concatenate([np.flatnonzero(order == c) for c in range(3)])
    counts = np.bincount(order).tolist()
    found = a_set(pixels=numbers.reshape(-1, 1, 1, 1), peak=1, class_counts=counts, order=order)
    assert found.images.reshape(-1).tolist() == list(range(2_000))


def test_sorted_order_is_none():
    assert a_set(order=[0, 0, 2, 2, 2]).order is None
    assert a_set().labels.tolist() == [0, 0, 2, 2, 2]
    assert np.array_equal(a_set().images, PIXELS / np.float32(255))


def test_images_and_labels_are_copies():
    found = a_set(order=ORDER)
    found.images[:] = 0
    found.labels[:] = 0
    assert found.labels.tolist() == ORDER
    assert found.images.any()


@pytest.mark.parametrize("peak", [1, 3, 255, 1023, 4095, 32_767])
def test_division_is_rounded_correctly(peak):
    values = RNG.integers(-32_768, 32_768, 200)
    images = a_set(pixels=values.reshape(200, 1, 1, 1), peak=peak, class_counts=[200]).images.reshape(-1)
    for value, image in zip(values.tolist(), images, strict=True):
        exact = Fraction(value, peak)
        gap = abs(Fraction(float(image)) - exact)
        for side in (-np.inf, np.inf):
            neighbour = np.nextafter(image, np.float32(side))
            assert gap <= abs(Fraction(float(neighbour)) - exact)


def test_normalised():
    found = a_set(mean=(0.5, 0.25), std=(0.5, 2))
    expected = (found.images - np.float32([0.5, 0.25])[:, None, None]) / np.float32([0.5, 2])[:, None, None]
    assert np.array_equal(found.normalised(), expected)
    assert found.normalised().dtype == np.float32
    assert np.array_equal(a_set().normalised(), a_set().images)


def test_content_hash_follows_the_specification():
    numbers = [3, 2, 3, 4, 255, 2, 0, 3]
    text = b"ddz content 1" + struct.pack("<8I", *numbers) + PIXELS.astype("<i2").tobytes()
    assert a_set().content_hash() == hashlib.sha256(text).digest()
    text += struct.pack("<5H", *ORDER)
    assert a_set(order=ORDER).content_hash() == hashlib.sha256(text).digest()
    assert a_set(mean=(0, 0), classes=["a", "b", "c"]).content_hash() == a_set().content_hash()


def test_empty_sets():
    found = make_set(np.zeros((0, 1, 2, 2), np.int16), 1, [0, 0])
    assert found.images.shape == (0, 1, 2, 2)
    assert found.labels.shape == (0,)
    assert len(found.content_hash()) == 32
    assert make_set(np.zeros((0, 1, 2, 2), np.int16), 1, [0, 0], order=[]).order is None


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    images, labels = a_set(order=ORDER).torch()
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert tuple(images.shape) == PIXELS.shape
    assert labels.tolist() == ORDER


def test_torch_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DdzError) as caught:
        a_set().torch()
    assert "torch is not installed" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("pixels", {"pixels": PIXELS.astype(np.float32)}),
        ("pixels", {"pixels": PIXELS[0]}),
        ("pixels", {"pixels": PIXELS.astype(np.int32) * 1000}),
        ("pixels", {"pixels": PIXELS[:, :, :0]}),
        ("class_counts", {"class_counts": (2, 0, 2)}),
        ("class_counts", {"class_counts": (-1, 3, 3)}),
        ("class_counts", {"class_counts": ()}),
        ("peak", {"peak": 0}),
        ("peak", {"peak": 32_768}),
        ("order", {"order": [2, 0, 2, 0]}),
        ("order", {"order": [2, 0, 2, 0, 3]}),
        ("order", {"order": [2, 0, 2, 0, -1]}),
        ("order", {"order": [2.0, 0.0, 2.0, 0.0, 2.0]}),
        ("mean", {"mean": (0.5,)}),
        ("mean", {"mean": (0.5, float("nan"))}),
        ("std", {"std": (0.5, 0.0)}),
        ("std", {"std": (0.5, float("inf"))}),
        ("classes", {"classes": ["a"]}),
    ],
)
def test_wrong_parts_are_named(part, changes):
    with pytest.raises(InputError) as caught:
        a_set(**changes)
    assert str(caught.value).startswith(f"{part}:")

"""The shipped digits: shapes, range, split."""

import subprocess
import sys

import numpy as np

from ddcodec.sources.digits import load_digits


def test_shapes_types_and_range():
    train_images, train_labels, test_images, test_labels, names = load_digits()
    assert names == tuple("0123456789")
    assert train_images.shape[1:] == test_images.shape[1:] == (1, 8, 8)
    assert len(train_images) == len(train_labels)
    assert len(test_images) == len(test_labels)
    assert len(train_images) + len(test_images) == 1797
    assert {a.dtype for a in (train_images, train_labels, test_images, test_labels)} == {np.dtype("uint8")}
    # 17 levels, spread over the whole byte; 8 * 255 / 16 = 127.5 rounds to the even 128.
    assert np.unique(train_images).tolist() == [round(v * 255 / 16) for v in range(17)]


def test_split_is_two_thirds_of_every_class_and_disjoint():
    train_images, train_labels, test_images, test_labels, _ = load_digits()
    train, test = np.bincount(train_labels, minlength=10), np.bincount(test_labels, minlength=10)
    assert train.tolist() == [2 * n // 3 for n in (train + test).tolist()]
    seen = {(x.tobytes(), int(y)) for x, y in zip(train_images, train_labels, strict=True)}
    unseen = [(x.tobytes(), int(y)) not in seen for x, y in zip(test_images, test_labels, strict=True)]
    assert all(unseen)


def test_order_and_content_are_frozen():
    train_images, train_labels, test_images, test_labels, _ = load_digits()
    assert train_labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert int(train_images.sum(dtype=np.int64)) + int(test_images.sum(dtype=np.int64)) == 8953801
    assert test_labels[:6].tolist() == [8, 5, 5, 0, 9, 8]


def test_needs_no_torch():
    code = "import sys, ddcodec.sources.digits as d; d.load_digits(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

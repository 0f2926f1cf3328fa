"""Plain pixels as a rival: sides, bytes, and what is left of the pictures."""

import numpy as np
import pytest

from ddcodec.errors import EncodeError
from ddcodec.train.coded_pixels import PIXELS, as_pixels, enlarged, shrunk, sides, sides_that_fit
from ddcodec.train.coded_real import first_of_each
from tests.train.small_runs import DIGITS, synthetic


@pytest.mark.parametrize(("kind", "count"), [("pixels8", 6), ("pixels16", 3), ("pixels32", 1)])
def test_full_pictures(kind, count):
    coded = as_pixels(kind, DIGITS, (8, 8), 4000)
    assert (coded.images_per_class, coded.note) == (count, "8x8 pixels")
    assert coded.file_bytes == count * 640 * PIXELS[kind] // 8 <= 4000
    assert np.abs(coded.dataset.images - first_of_each(DIGITS, count).images).max() < 0.003
    assert coded.dataset.mean == pytest.approx(DIGITS.images.mean(axis=(0, 2, 3)).tolist(), abs=1e-5)
    with pytest.raises(EncodeError, match=rf"{kind}: one image of each class takes \d+ bytes"):
        as_pixels(kind, DIGITS, (8, 8), 639)


def test_smaller_pictures_leave_room_for_more():
    counts = [as_pixels("pixels8", DIGITS, side, 4000).images_per_class for side in sides(DIGITS)]
    assert counts == [6, 25, 100, min(400, np.bincount(DIGITS.labels).max())]
    coded = as_pixels("pixels8", DIGITS, (4, 4), 4000)
    assert (coded.file_bytes, coded.note) == (25 * 10 * 16, "4x4 pixels")
    part = first_of_each(DIGITS, 25).images
    means = part.reshape(-1, 1, 4, 2, 4, 2).mean(axis=(3, 5))
    assert np.allclose(shrunk(part, (4, 4)), means, atol=1e-6)
    eighth = enlarged(np.rint(means * 255) / np.float32(255), (8, 8))
    assert np.abs(coded.dataset.images - eighth).max() < 1 / 4080
    fine = as_pixels("pixels16", DIGITS, (4, 4), 4000).dataset.images
    exact = enlarged(shrunk(first_of_each(DIGITS, 12).images, (4, 4)), (8, 8))
    assert np.abs(fine - exact).max() < 1 / 4080


def test_sides_of_any_picture():
    data = synthetic()  # 11 x 18 pixels, 3 channels, 3 classes
    assert sides(data) == [(11, 18), (6, 9), (3, 4), (1, 2)]
    assert sides(synthetic(height=2, width=3)) == [(2, 3), (1, 2), (1, 1)]
    coded = as_pixels("pixels32", data, (6, 9), 10**6)
    assert (coded.images_per_class, coded.file_bytes, coded.note) == (9, 27 * 54 * 12, "9x6 pixels")
    assert coded.dataset.images.shape == data.images.shape
    assert sides_that_fit("pixels8", data, 3 * 3 * 12) == [(3, 4), (1, 2)]
    with pytest.raises(EncodeError, match=r"pixels8: one image of each class takes 18 bytes at 2x1 pixels, and .* 17"):
        sides_that_fit("pixels8", data, 17)


def test_a_constant_picture_stays_itself():
    flat = np.full((1, 2, 8, 8), 0.3, np.float32)
    assert np.allclose(enlarged(shrunk(flat, (2, 2)), (8, 8)), flat)
    ramp = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4).repeat(2, 2)
    assert enlarged(ramp, (2, 8))[0, 0, 0].tolist() == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])

"""Which values a picture shows as black and white."""

import numpy as np
import pytest

from ddcodec.dataset import make_set
from ddcodec.export.stretch import display_levels, stretched
from tests.report.files import plain_set


def test_usual_images_are_left_alone():
    dataset = plain_set()
    assert display_levels(dataset) == (((0.0, 255.0),) * 3, False)
    pixels = dataset.pixels.copy()
    pixels.flat[: pixels.size // 20] = 300  # 5 % beyond white
    assert display_levels(make_set(pixels, 255, dataset.class_counts))[1] is False
    pixels.flat[: pixels.size // 20 + 1] = -1
    assert display_levels(make_set(pixels, 255, dataset.class_counts))[1] is True


def test_whitened_images_are_stretched():
    pixels = np.arange(-500, 501).reshape(1, 1, 7, 143)
    dataset = make_set(pixels, 255, [1], whitening={"kind": "zca"})
    levels, is_stretched = display_levels(dataset)
    assert is_stretched
    assert levels == ((-495.0, 495.0),)
    drawn = stretched(dataset, levels)
    assert drawn.dtype == np.float32
    assert drawn[0, 0, 0, 5] == 0
    assert drawn[0, 0, -1, -6] == 1
    assert drawn.max() > 1


@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_is_never_stretched(channels):
    levels, _ = display_levels(plain_set(shape=(channels, 4, 5), low=-900, high=900))
    assert levels[-1] == (0.0, 255.0)
    assert all(level != (0.0, 255.0) for level in levels[:-1])


def test_images_of_one_value_and_none():
    one = make_set(np.full((1, 1, 2, 2), 999), 255, [1])
    levels, _ = display_levels(one)
    assert np.array_equal(stretched(one, levels), np.zeros((1, 1, 2, 2)))
    assert display_levels(plain_set((0, 0))) == (((0.0, 255.0),) * 3, False)

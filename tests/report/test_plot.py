"""The rate-utility curve as a picture."""

import io

import numpy as np
import pytest
from PIL import Image

from ddcodec.report.plot import COLOURS, HEIGHT, WIDTH, curve_png

SERIES = {"distilled": [(1000.0, 52.0, 0.9), (500.0, 45.0, 0.2)], "real": [(1000.0, 38.0, 0.5)], "none": []}


def pixels(series):
    blob = curve_png("title", series)
    with Image.open(io.BytesIO(blob)) as picture:
        assert (picture.format, picture.size) == ("PNG", (WIDTH, HEIGHT))
        return np.asarray(picture.convert("RGB"))


def colour(number):
    return np.array([int(COLOURS[number][i : i + 2], 16) for i in (1, 3, 5)])


def places(image, number):
    """(y, x) of the pixels of a colour, left of the legend."""
    return np.argwhere((image[:, :930] == colour(number)).all(axis=2))


def test_points_lie_where_they_should():
    image = pixels(SERIES)
    ours, real = places(image, 0), places(image, 1)
    assert len(ours) > len(real) > 50
    assert not len(places(image, 2))
    assert ours[:, 0].mean() < real[:, 0].mean()  # higher up
    assert ours[:, 1].min() < real[:, 1].min() - 100  # from fewer bytes on
    assert np.array_equal(image, pixels({name: points[::-1] for name, points in SERIES.items()}))
    assert curve_png("a", SERIES) != curve_png("b", SERIES)


def test_one_point_and_none():
    assert len(places(pixels({"a": [(100.0, 0.0, 0.0)]}), 0)) > 50
    with pytest.raises(ValueError, match="at least one point"):
        curve_png("title", {"none": []})

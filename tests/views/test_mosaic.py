"""Mosaics cut into tiles, held against torch's interpolation."""

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.views.mosaic import cut_and_enlarge
from tests.views.small_sets import ORDER, full_set, small_set

RNG = np.random.default_rng(11)


@pytest.mark.parametrize(
    ("height", "width", "factor"),
    [(32, 32, 2), (28, 28, 2), (8, 12, 4), (33, 33, 3), (9, 11, 3), (32, 20, 5), (7, 7, 7)],
)
def test_tiles_are_those_of_torch(height, width, factor):
    torch = pytest.importorskip("torch")
    images = RNG.uniform(-0.5, 1.5, (3, 2, height, width)).astype(np.float32)
    high, wide = -(-height // factor), -(-width // factor)
    padded = torch.nn.functional.pad(
        torch.from_numpy(images), (0, wide * factor - width, 0, high * factor - height), value=0.5
    )
    expected = []
    for image in padded:
        for row in range(factor):
            for column in range(factor):
                tile = image[:, row * high : (row + 1) * high, column * wide : (column + 1) * wide]
                expected.append(
                    torch.nn.functional.interpolate(
                        tile[None], size=(height, width), mode="bilinear", align_corners=False
                    )[0]
                )
    found = cut_and_enlarge(images, factor)
    assert (found.dtype, found.shape) == (np.float32, (3 * factor**2, 2, height, width))
    assert np.abs(found - torch.stack(expected).numpy()).max() < 1e-6
    assert np.array_equal(found, cut_and_enlarge(images, factor))


def test_flat_tiles_stay_flat():
    image = np.kron(np.arange(4, dtype=np.float32).reshape(2, 2), np.ones((3, 5), np.float32))[None, None]
    for number, tile in enumerate(cut_and_enlarge(image, 2)):
        assert np.array_equal(tile, np.full((1, 6, 10), number, np.float32))


def test_expanded_set():
    s = full_set(recipe={"factor": 2})
    images, labels, soft = s.expanded()
    assert images.shape == (20, 3, 4, 6)
    assert labels.tolist() == [label for label in ORDER for _ in range(4)]
    assert np.array_equal(soft[4:8], np.stack([s.soft.floats[1]] * 4))
    assert np.array_equal(images[4:8], cut_and_enlarge(s.images[1:2], 2))


@pytest.mark.parametrize("recipe", [{}, {"factor": 1}])
def test_without_a_factor_nothing_changes(recipe):
    s = full_set(recipe=recipe)
    images, labels, soft = s.expanded()
    assert np.array_equal(images, s.images)
    assert labels.tolist() == ORDER
    assert np.array_equal(soft, s.soft.floats)
    assert small_set().expanded()[2] is None


@pytest.mark.parametrize("factor", [0, -2, 5, 10**12, True, 2.0, "2", [2]])
def test_factors_that_make_no_sense(factor):
    with pytest.raises(InputError, match=r"recipe\.factor: expected an integer in 1\.\.4"):
        small_set(recipe={"factor": factor}).expanded()

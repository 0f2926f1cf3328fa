"""Steps, neighbours and constants, one by one against the reference; whole files rarely visit all of them."""

import numpy as np
import pytest

from ddcodec.codecs.pyramid_layout import PyramidLayout
from ddcodec.codecs.transform import dct_basis, step_table
from ddcodec.codecs.transform_layout import TransformLayout, zone_of
from tests import reference_decoder

PYRAMIDS = [
    (5, 7, (1,), True),
    (5, 7, (3, 0, 2), True),
    (6, 3, (2, 4, 1), True),
    (9, 9, (0, 0, 0, 2), False),
    (1, 1, (1,) * 12, True),
    (13, 2, (4, 4), False),
]
TRANSFORMS = [
    (9, 13, 4, (7, 3, 1)),
    (13, 5, 4, (0, 7)),
    (20, 17, 8, (15, 2, 9, 4)),
    (16, 33, 16, (31,)),
    (33, 32, 32, (63,)),
    (7, 9, 32, (9, 26, 40)),
    (3, 3, 4, (0, 0)),
]


def check_steps(layout, expected):
    """Every step: the same latents, neighbours that exist, and static features."""
    count, seen = layout.latent_count, []
    found = list(layout.steps())
    assert len(found) == len(expected)
    latent_at = np.full(layout.padded_size, count)
    for step in found:
        latent_at[step.padded] = step.latents
    for step, items in zip(found, expected, strict=True):
        places = list(range(count + 1))
        assert step.latents.tolist() == [item[0] for item in items]
        assert latent_at[step.signed].T.tolist() == [list(item[1](places)) for item in items]
        assert latent_at[step.magnitude].T.tolist() == [list(item[2](places)) for item in items]
        assert step.static.T.tolist() == [list(item[3]) for item in items]
        decoded = {*seen, count}  # the neighbours of a step belong to earlier ones
        assert decoded.issuperset(latent_at[step.signed].reshape(-1).tolist())
        assert decoded.issuperset(latent_at[step.magnitude].reshape(-1).tolist())
        seen += step.latents.tolist()
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize(("height", "width", "channels", "cross_level"), PYRAMIDS)
def test_pyramid(height, width, channels, cross_level):
    sizes = tuple((-(-height // 2**n), -(-width // 2**n)) for n in range(len(channels)))
    expected = reference_decoder.pyramid_steps(channels, sizes, int(cross_level))
    check_steps(PyramidLayout(height, width, channels, cross_level), expected)


@pytest.mark.parametrize(("height", "width", "block", "diagonals"), TRANSFORMS)
def test_transform(height, width, block, diagonals):
    indices = tuple(tuple(range(8 * c, 8 * c + 8)) for c in range(len(diagonals)))
    bands = tuple(
        (c, u, d - u)
        for c, limit in enumerate(diagonals)
        for d in range(limit)
        for u in range(block)
        if 0 <= d - u < block
    )
    grid = -(-height // block), -(-width // block)
    expected = reference_decoder.transform_steps(block, bands, grid, indices)
    check_steps(TransformLayout(height, width, block, diagonals, indices), expected)


@pytest.mark.parametrize("block", [4, 8, 16, 32])
def test_zones_and_basis(block):
    sums = np.arange(2 * block - 1)
    assert zone_of(sums, block).tolist() == [reference_decoder.zone(block, 0, d) for d in range(2 * block - 1)]
    assert dct_basis(block).tolist() == reference_decoder.basis(block)


def test_steps_of_the_quantiser():
    assert step_table().tolist() == reference_decoder.STEP

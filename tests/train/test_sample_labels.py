"""One label for each sample: what the teacher says, in whole parts that add up."""

import numpy as np
import pytest
import torch

from ddcodec.errors import InputError
from ddcodec.train.convnet import seeded_convnet
from ddcodec.train.sample_labels import issue, on_grid

IMAGES = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 4 - 1


def teacher():
    return seeded_convnet(1, (8, 8), 7, seed=0, width=8).requires_grad_(False)


@pytest.mark.parametrize("unit", [2, 64, 32_767])
def test_rows_add_up_and_are_near_what_was_said(unit):
    told = []
    found = issue(IMAGES, teacher(), unit=unit, progress=lambda *now: told.append(now))
    assert (found.kind, found.unit, found.values.dtype, found.values.shape) == (
        "probabilities",
        unit,
        np.int16,
        (300, 7),
    )
    assert (found.values.sum(axis=1, dtype=np.int64) == unit).all()
    assert found.values.min() >= 0
    shares = torch.softmax(teacher()(IMAGES).double(), 1).numpy()
    assert np.abs(found.values - unit * shares).max() < 1 + 1e-3
    assert told == [(256, 300), (300, 300)]


def test_the_largest_remainders_get_what_is_left():
    shares = np.array([[0.25, 0.25, 0.25, 0.25], [0.62, 0.28, 0.1, 0.0], [0.96, 0.04, 0.0, 0.0], [1.0, 0, 0, 0]])
    # 6 parts: 1.5 each, then 3.72 1.68 .6 0, then 5.76 .24
    assert on_grid(shares, 6).tolist() == [[2, 2, 1, 1], [4, 2, 0, 0], [6, 0, 0, 0], [6, 0, 0, 0]]
    many = np.full((1, 1000), 1 / 1000)
    assert on_grid(many, 64).sum() == 64


def test_temperature_softens():
    sharp, soft = (issue(IMAGES, teacher(), unit=10_000, temperature=heat) for heat in (0.5, 4.0))
    assert (sharp.values.max(axis=1) >= soft.values.max(axis=1)).all()
    wanted = torch.softmax(teacher()(IMAGES).double() / 4, 1).numpy()
    assert np.abs(soft.floats - wanted).max() < 2e-4


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        (IMAGES, {"unit": 1}, "expected 2..32767, found 1"),
        (IMAGES, {"unit": 40_000}, "expected 2..32767"),
        (IMAGES, {"unit": 64, "temperature": 0.0}, "expected a positive number, found 0"),
        (IMAGES[:0], {"unit": 64}, "no images to label"),
        (IMAGES * torch.nan, {"unit": 64}, "not finite for sample 0"),
    ],
)
def test_what_means_nothing_is_refused(images, options, words):
    with pytest.raises(InputError, match=words):
        issue(images, teacher(), **options)

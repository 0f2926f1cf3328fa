"""The scores: bounds, directions, known values, and the pitfall of percent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.errors import InputError
from ddcodec.train.ranking import (
    augmentation_robust_score,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
)

fraction = st.floats(0, 1)
difference = st.floats(-1, 1)


@given(fraction, fraction, fraction, fraction, fraction)
def test_fractions_give_scores_in_the_unit_interval(real, hard, own, random, weight):
    hlr, ior = hard_label_recovery(real, hard), improvement_over_random(own, random)
    assert 0 <= label_robust_score(hlr, ior, weight) <= 1
    assert 0 <= augmentation_robust_score(hlr, ior, weight) <= 1


@given(difference, difference, difference, fraction)
def test_scores_are_monotone(one, other, fixed, weight):
    low, high = sorted((one, other))
    assert label_robust_score(fixed, low, weight) <= label_robust_score(fixed, high, weight)
    assert label_robust_score(low, fixed, weight) >= label_robust_score(high, fixed, weight)
    assert augmentation_robust_score(low, fixed, weight) <= augmentation_robust_score(high, fixed, weight)
    assert augmentation_robust_score(fixed, low, weight) <= augmentation_robust_score(fixed, high, weight)


def test_known_values():
    assert hard_label_recovery(0.85, 0.45) == pytest.approx(0.4)
    assert improvement_over_random(0.5, 0.3) == pytest.approx(0.2)
    expected = (math.exp(-0.1) - math.exp(-1)) / (math.e - math.exp(-1))
    assert label_robust_score(0.4, 0.2) == pytest.approx(expected)
    assert label_robust_score(0.4, 0.2) == pytest.approx(0.22846, abs=1e-5)
    assert label_robust_score(-1, 1) == 1
    assert label_robust_score(1, -1) == 0
    assert augmentation_robust_score(0.1, 0.3) == pytest.approx(label_robust_score(-0.1, 0.3))
    assert augmentation_robust_score(1, -1, weight=1) == 1


def test_percent_is_refused_because_it_would_leave_the_interval():
    raw = (math.exp(0.5 * 20 - 0.5 * 40) - math.exp(-1)) / (math.e - math.exp(-1))
    assert raw < 0
    for call in (
        lambda: hard_label_recovery(84.8, 0.4),
        lambda: improvement_over_random(0.5, -0.1),
        lambda: improvement_over_random(0.5, math.nan),
        lambda: label_robust_score(40, 20),
        lambda: augmentation_robust_score(0.1, 20),
    ):
        with pytest.raises(InputError, match="not percent"):
            call()
    with pytest.raises(InputError, match="weight"):
        label_robust_score(0.1, 0.1, 2)

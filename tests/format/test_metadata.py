"""Metadata: round trips and what the writer refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.errors import EncodeError
from ddcodec.format.metadata import Metadata, pack_metadata, parse_metadata

FULL = Metadata(
    classes=("cat", "döner", ""),
    mean=(0.5, 0.25),
    std=(0.125, 1e-300),
    recipe={"network": "convnet", "epochs": 300, "learning_rate": 0.01, "x-note": [True, -5, {"a": "b"}]},
    provenance={"seed": -1, "dataset": "digits", "version": "0.1.0"},
    whitening={"kind": "zca", "epsilon": 0.1, "fitted_on": "cifar10 train"},
    extra={"x-mine": {}, "later": [1, 2.5]},
)


def test_round_trip():
    data = pack_metadata(FULL, 3, 2)
    again = parse_metadata(data, 3, 2)
    assert again == FULL
    assert pack_metadata(again, 3, 2) == data


def test_nothing_to_say_is_nothing():
    assert pack_metadata(Metadata(), 3, 2) == b""
    assert parse_metadata(b"\x80", 3, 2) == Metadata()


def test_values_become_plain():
    given_values = Metadata(
        mean=np.array([0.5, 0.25], dtype=np.float32),
        std=(1, 2),
        recipe={"momentum": 0, "epochs": np.int64(3), "x-t": (1, np.float32(0.5))},
    )
    again = parse_metadata(pack_metadata(given_values, 3, 2), 3, 2)
    assert (again.mean, again.std) == ((0.5, 0.25), (1.0, 2.0))
    assert again.recipe == {"momentum": 0.0, "epochs": 3, "x-t": [1, 0.5]}
    assert type(again.recipe["momentum"]) is float


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5).map("x-".__add__), VALUES, max_size=4))
def test_random_user_keys(extra):
    try:
        data = pack_metadata(Metadata(extra=extra), 3, 2)
    except EncodeError as error:
        message = str(error)
    else:
        message = "deep" if data else "deep, or nothing"
        assert parse_metadata(data or b"\x80", 3, 2).extra == extra
    assert "deep" in message  # the only fault such values can have


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(classes=("a", "b")),
        Metadata(classes=(1, 2, 3)),
        Metadata(mean=(0.5,)),
        Metadata(mean=(0.5, math.nan)),
        Metadata(std=(0.0, 1.0)),
        Metadata(std=("1", "2")),
        Metadata(recipe={"epochs": 1.5}),
        Metadata(recipe={"network": None}),
        Metadata(recipe={1: 2}),
        Metadata(extra={"x-a": math.inf}),
        Metadata(extra={"x-a": object()}),
        Metadata(extra={"x-a": b"bytes"}),
        Metadata(extra={"x-a": 2**64}),
        Metadata(extra={"x-a": "\ud800"}),
        Metadata(extra={"x-a": [[[[1]]]]}),
        Metadata(extra={"recipe": {}}),
        Metadata(extra={"x-a": "a" * 65_536}),
    ],
)
def test_what_the_format_cannot_hold(metadata):
    with pytest.raises(EncodeError):
        pack_metadata(metadata, 3, 2)

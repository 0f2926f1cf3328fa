"""Cursor and varints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.errors import EncodeError, FormatError, TruncatedError
from ddcodec.format.wire import Cursor, pack_varint


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (16_384, "808001"),
        (2**32 - 1, "ffffffff0f"),
    ],
)
def test_frozen_varints(value, packed):
    assert pack_varint(value).hex() == packed
    assert Cursor(bytes.fromhex(packed)).varint() == value


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_round_trip_and_offsets(values):
    cursor, place = Cursor(b"".join(map(pack_varint, values)), 1000), 1000
    for value in values:
        assert cursor.offset == place
        assert cursor.varint() == value
        place += len(pack_varint(value))
    assert (cursor.offset, cursor.remaining) == (place, 0)
    cursor.close()


@given(st.binary(max_size=8))
def test_a_varint_has_one_form(data):
    cursor = Cursor(data)
    try:
        value = cursor.varint()
    except FormatError as error:
        rule = error.rule
    else:
        assert pack_varint(value) == data[: cursor.offset]
        rule = "none"
    assert rule in ("none", "W1", "W2")


@pytest.mark.parametrize(
    ("packed", "rule", "error"),
    [
        ("8000", "W1", FormatError),  # 0 in two bytes
        ("ff8000", "W1", FormatError),  # 127 in three
        ("ffffffff1f", "W1", FormatError),  # 2^33 - 1
        ("808080801080", "W1", FormatError),  # 2^32
        ("ffffffffff00", "W1", FormatError),  # six bytes
        ("", "W2", TruncatedError),
        ("80", "W2", TruncatedError),
        ("ffffffff", "W2", TruncatedError),
    ],
)
def test_broken_varints(packed, rule, error):
    cursor = Cursor(b"\x01" + bytes.fromhex(packed), 50)
    cursor.byte()
    with pytest.raises(FormatError) as caught:
        cursor.varint("size of x")
    assert type(caught.value) is error
    assert (caught.value.rule, caught.value.offset) == (rule, 51)
    assert "size of x" in str(caught.value)


def test_take_stays_inside():
    cursor = Cursor(memoryview(b"abcdef"), 10)
    assert cursor.take(2) == b"ab"
    with pytest.raises(TruncatedError) as caught:
        cursor.take(5, "blob", rule="G1")
    assert (caught.value.offset, caught.value.rule) == (12, "G1")
    with pytest.raises(TruncatedError):
        cursor.take(-1)
    with pytest.raises(FormatError) as caught:
        cursor.close("payload", rule="L1")
    assert (caught.value.offset, caught.value.rule) == (12, "L1")
    assert cursor.rest() == b"cdef"
    with pytest.raises(TruncatedError):
        cursor.byte()


@pytest.mark.parametrize("value", [-1, 2**32])
def test_values_that_do_not_fit(value):
    with pytest.raises(EncodeError):
        pack_varint(value)

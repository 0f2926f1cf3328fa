"""Damage without malice (cuts, flipped bits), malice without a plan (noise behind right checksums)."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.errors import DdzError, FormatError
from ddcodec.format.container import read_container
from ddcodec.format.metadata import parse_metadata
from tests.hostile.mutate import Draft, full_draft, single_bit_flips

DATA = full_draft().build()


def read_all(data: bytes) -> None:
    """Everything that can be read without the codecs."""
    container = read_container(data)
    payload = container.payload("meta")
    if payload is not None:
        parse_metadata(payload, container.header.class_count, container.header.shape.channels)


def test_the_whole_file_is_read():
    read_all(DATA)


def test_every_truncation_is_noticed():
    for size in range(len(DATA)):
        with pytest.raises(FormatError) as caught:
            read_all(DATA[:size])
        assert caught.value.offset is not None


def test_every_flipped_bit_is_noticed():
    for broken in single_bit_flips(DATA):
        with pytest.raises(DdzError):
            read_all(broken)


def only_ddz_errors(data: bytes) -> None:
    message = ""
    try:
        read_all(data)
    except DdzError as error:
        message = str(error)
    assert message.isprintable()
    assert len(message) < 400


@given(st.binary(max_size=200), st.booleans())
def test_random_bytes(data, with_magic):
    only_ddz_errors(Draft().magic + b"\x01\x00\x00\x00" + data if with_magic else data)


@given(st.binary(min_size=1, max_size=200), st.integers(0, 3))
def test_random_header_behind_a_right_checksum(raw, minor):
    only_ddz_errors(Draft(raw_header=raw, minor=minor).build())


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.sampled_from(["NETS", "LATN", "LABL", "hash", "meta", 0, 1, 2, 3, 4, 255]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["classes", "mean", "std", "recipe"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(st.lists(VALUES, max_size=7), st.integers(0, 1))
def test_random_values_in_the_header(values, minor):
    only_ddz_errors(Draft(raw_header=msgpack.packb(values), minor=minor).build())


@given(st.integers(0, 4), VALUES)
def test_one_random_element_in_the_header(element, value):
    draft = Draft()
    if element == 4:
        draft.table = value
    else:
        draft.header[element] = value
    only_ddz_errors(draft.build())


@given(VALUES)
def test_random_metadata(value):
    draft = Draft()
    draft.payloads.append(["meta", 1, msgpack.packb(value)])
    only_ddz_errors(draft.build())


@given(st.data())
def test_bytes_of_the_header_replaced_behind_a_right_checksum(data):
    raw = bytearray(full_draft().packed_header())
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    draft = full_draft()
    draft.raw_header = bytes(raw)
    only_ddz_errors(draft.build())


def test_nested_claims_take_no_memory():
    import tracemalloc

    raw = b"\xdd\x00\x00\xff\x00" * 13_000  # arrays in arrays, each said to hold 65,280 values
    data = Draft(raw_header=raw).build()
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            read_container(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()

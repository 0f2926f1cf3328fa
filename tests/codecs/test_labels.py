"""LABL, codec 1: round trips, pmf, and rules L3, L4 and E1 to E3."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.codecs.labels import decode_labels, encode_labels, label_pmf
from ddcodec.entropy.coder import Encoder
from ddcodec.errors import ChecksumError, DdzError, EncodeError, FormatError

ORDER = np.array([2, 0, 2, 1, 2, 0], dtype=np.int64)
COUNTS = (2, 1, 3)


def coded(order, counts, checksum=None):
    """A stream of any class numbers under the pmf of any counts."""
    crc = zlib.crc32(np.asarray(order).astype("<u2").tobytes()) & 0xFFFFFF
    encoder = Encoder(crc if checksum is None else checksum)
    encoder.push_pmf(np.asarray(order, dtype=np.int32), label_pmf(counts))
    return encoder.bytes()


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(2, 60))
def test_round_trip(order, class_count):
    array = np.array(order, dtype=np.int64) % class_count
    counts = np.bincount(array, minlength=class_count).tolist()
    if (np.diff(array) >= 0).all():
        with pytest.raises(EncodeError):
            encode_labels(array, counts)
        return
    payload = encode_labels(array, counts)
    decoded = decode_labels(payload, counts)
    assert decoded.dtype == np.int64
    assert np.array_equal(decoded, array)


def test_pmf_follows_the_specification():
    free = 2**24 - 3
    shares = [1 + 2 * free // 6, 1 + free // 6, 1 + 3 * free // 6]
    assert label_pmf(COUNTS).tolist() == [*shares[:2], 2**24 - sum(shares[:2])]
    # Of several greatest counts the first takes the remainder.
    assert label_pmf([1, 1, 1]).tolist() == [2**24 - 2 * (1 + free // 3), 1 + free // 3, 1 + free // 3]
    assert label_pmf([0, 5]).tolist() == [1, 2**24 - 1]
    big = label_pmf([2**22] + [0] * 9_999)
    assert (int(big.sum()), int(big.min())) == (2**24, 1)


def test_a_stream_costs_about_its_entropy():
    order = np.random.default_rng(3).permutation(np.repeat(np.arange(10), 100))
    ideal = 1000 * np.log2(10) / 8
    assert ideal < len(encode_labels(order, [100] * 10)) < ideal + 6


def test_ten_thousand_classes():
    order = np.arange(10_000, dtype=np.int64)[::-1]
    assert np.array_equal(decode_labels(encode_labels(order, [1] * 10_000), [1] * 10_000), order)


def test_wrong_frequencies():  # L3
    with pytest.raises(FormatError) as caught:
        decode_labels(coded([2, 0, 2, 1, 2, 1], COUNTS), COUNTS, offset=70)
    assert (caught.value.rule, caught.value.offset) == ("L3", 70)


def test_sorted_labels():  # L4
    with pytest.raises(FormatError) as caught:
        decode_labels(coded([0, 0, 1, 2, 2, 2], COUNTS), COUNTS, offset=70)
    assert (caught.value.rule, caught.value.offset) == ("L4", 70)


@pytest.mark.parametrize("counts", [(3,), (0, 0), (0,)])
def test_too_few_classes_or_images(counts):  # L4
    with pytest.raises(FormatError) as caught:
        decode_labels(b"\x01", counts, offset=70)
    assert (caught.value.rule, caught.value.offset) == ("L4", 70)


def test_checksum():  # E2
    with pytest.raises(ChecksumError) as caught:
        decode_labels(coded(ORDER, COUNTS, checksum=5), COUNTS, offset=70)
    assert (caught.value.rule, caught.value.offset) == ("E2", 70)


def test_more_than_the_labels():  # E3
    inner = Encoder(0x123456)
    crc = zlib.crc32(ORDER.astype("<u2").tobytes()) & 0xFFFFFF
    inner.push_uniform(crc, 24)
    inner.push_pmf(ORDER.astype(np.int32), label_pmf(COUNTS))
    with pytest.raises(ChecksumError) as caught:
        decode_labels(inner.bytes(), COUNTS, offset=70)
    assert (caught.value.rule, caught.value.offset) == ("E3", 70)


def test_ends():  # E1
    payload = encode_labels(ORDER, COUNTS)
    for blob in (b"", payload + b"\0"):
        with pytest.raises(FormatError) as caught:
            decode_labels(blob, COUNTS, offset=70)
        assert caught.value.rule == "E1"


def test_damage_is_noticed():
    order = np.random.default_rng(4).permutation(np.repeat(np.arange(5), 10))
    payload = encode_labels(order, [10] * 5)
    damaged = [payload[:size] for size in range(len(payload))]
    for place in range(len(payload)):
        for bit in range(8):
            flipped = bytearray(payload)
            flipped[place] ^= 1 << bit
            damaged.append(bytes(flipped))
    for blob in damaged:
        with pytest.raises(FormatError):
            decode_labels(blob, [10] * 5)


@given(st.binary(max_size=60))
def test_random_streams(blob):
    with pytest.raises(DdzError):
        decode_labels(blob, [10, 10, 10])


def test_orders_that_do_not_fit():
    for order in ([0, 1, 5], [0, -1, 1], [1, 0], []):
        with pytest.raises(EncodeError):
            encode_labels(np.array(order, dtype=np.int64), [1, 1, 1])

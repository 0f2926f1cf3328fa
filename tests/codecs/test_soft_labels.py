"""SOFT, codec 1: round trips, cost, rules S1 to S4 and the limit (spec section 8)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.codecs.soft_labels import decode_soft_labels, encode_soft_labels, soft_label_bits
from ddcodec.dataset import SOFT_KINDS, SoftLabels
from ddcodec.errors import ChecksumError, DdzError, EncodeError, FormatError, LimitError
from ddcodec.limits import Limits
from tests import reference_decoder

LOW, HIGH = -32_768, 32_767
NUMBERS = st.one_of(st.integers(LOW, HIGH), st.integers(-30, 30), st.sampled_from([LOW, HIGH, 0]))


@st.composite
def sets(draw):
    """Soft labels and the labels of their samples."""
    samples, classes = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    flat = draw(st.lists(NUMBERS, min_size=samples * classes, max_size=samples * classes))
    values = np.array(flat, np.int16).reshape(samples, classes)
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples))
    soft = SoftLabels(values, draw(st.integers(1, HIGH)), draw(st.sampled_from(SOFT_KINDS)))
    return soft, np.array(labels, np.int64)


def noise(samples, classes, spread, own=0, seed=0):
    """Soft labels with noise of some spread, and of another mean for the samples' own classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    values = rng.laplace(0, spread, (samples, classes))
    values[np.arange(samples), labels] += own
    return SoftLabels(np.rint(values).clip(LOW, HIGH).astype(np.int16), 1_000, "logits"), labels


@given(sets())
def test_round_trip(drawn):
    soft, labels = drawn
    classes = soft.values.shape[1]
    payload = encode_soft_labels(soft, labels)
    found = decode_soft_labels(payload, labels, classes, Limits())
    assert found.values.dtype == np.int16
    assert np.array_equal(found.values, soft.values)
    assert (found.kind, found.unit) == (soft.kind, soft.unit)
    counts = np.bincount(labels, minlength=classes).tolist()
    kind, unit, rows = reference_decoder.read_soft(payload, counts, labels.tolist())
    assert (SOFT_KINDS[kind], unit, rows) == (soft.kind, soft.unit, soft.values.tolist())


@pytest.mark.parametrize("fill", [LOW, HIGH, 0, -1])
@pytest.mark.parametrize("classes", [1, 2, 10])
def test_constant_soft_labels_are_cheap(fill, classes):
    soft = SoftLabels(np.full((100, classes), fill, np.int16), HIGH, "probabilities")
    payload = encode_soft_labels(soft, np.zeros(100, np.int64))
    assert len(payload) < 40
    assert np.array_equal(decode_soft_labels(payload, np.zeros(100, np.int64), classes, Limits()).values, soft.values)


@pytest.mark.parametrize("spread", [0.1, 3, 100, 5_000])
@pytest.mark.parametrize("samples", [1, 20, 2_000])
def test_bytes_against_ideal_bits(spread, samples):
    soft, labels = noise(samples, 10, spread, own=4 * spread)
    ideal, size = soft_label_bits(soft, labels) / 8, len(encode_soft_labels(soft, labels))
    assert ideal < size <= 1.01 * ideal + 5


def test_cost_is_near_the_entropy():
    soft, labels = noise(3_000, 10, 500, own=9_000)
    entropy = np.log2(2 * np.e * 500)
    assert len(encode_soft_labels(soft, labels)) * 8 / 30_000 == pytest.approx(entropy, abs=0.05)


def test_own_classes_have_a_model_of_their_own():
    soft, labels = noise(500, 10, 20, own=15_000)
    shifted = np.roll(labels, 1)
    assert len(encode_soft_labels(soft, labels)) < 0.9 * len(encode_soft_labels(soft, shifted))


def test_equal_soft_labels_give_equal_bytes():
    assert encode_soft_labels(*noise(50, 4, 70)) == encode_soft_labels(*noise(50, 4, 70))


@pytest.mark.parametrize(("kind", "unit", "samples"), [("odds", 1, 1), ("logits", 0, 1), ("logits", 32_768, 1)])
def test_what_cannot_be_written(kind, unit, samples):
    with pytest.raises(EncodeError):
        encode_soft_labels(SoftLabels(np.zeros((samples, 2), np.int16), unit, kind), np.zeros(samples, np.int64))


def test_no_samples():  # S4
    none = np.zeros(0, np.int64)
    with pytest.raises(EncodeError):
        encode_soft_labels(SoftLabels(np.zeros((0, 2), np.int16), 1, "logits"), none)
    soft, labels = noise(1, 2, 9)
    with pytest.raises(FormatError) as caught:
        decode_soft_labels(encode_soft_labels(soft, labels), none, 2, Limits(), offset=70)
    assert (caught.value.rule, caught.value.offset) == ("S4", 70)


def test_limit():
    soft, labels = noise(6, 5, 9)
    payload = encode_soft_labels(soft, labels)
    assert len(decode_soft_labels(payload, labels, 5, Limits(soft_labels=30)).values) == 6
    with pytest.raises(LimitError) as caught:
        decode_soft_labels(payload, labels, 5, Limits(soft_labels=29))
    assert caught.value.limit == "soft_labels"


def test_numbers_of_other_labels_are_noticed():  # E2
    soft, labels = noise(40, 5, 300, own=8_000)
    with pytest.raises((ChecksumError, FormatError)):
        decode_soft_labels(encode_soft_labels(soft, labels), np.roll(labels, 1), 5, Limits())


def test_damage_is_noticed():
    soft, labels = noise(12, 3, 200, own=900)
    payload = encode_soft_labels(soft, labels)
    head = 1 + 2 + 2 * 4  # kind, unit, and what is not in the checksum: means and scale indices change the values
    for place in range(len(payload)):
        for bit in range(8):
            broken = bytearray(payload)
            broken[place] ^= 1 << bit
            try:
                found = decode_soft_labels(bytes(broken), labels, 3, Limits())
            except DdzError:
                continue
            assert place < head
            assert np.array_equal(found.values, soft.values)
    for size in range(len(payload)):
        with pytest.raises(FormatError):
            decode_soft_labels(payload[:size], labels, 3, Limits())


@given(st.binary(max_size=60), st.integers(1, 4))
def test_random_payloads(blob, classes):
    labels = np.array([0, classes - 1, 0, 0], np.int64)
    with pytest.raises(DdzError):
        decode_soft_labels(b"\0\1" + blob, labels, classes, Limits())

"""Coding of values: symbols, escapes, ranges (spec section 3, rules E4 and E5)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddcodec.entropy.coder import Decoder, Encoder
from ddcodec.entropy.tables import cost_bits, escape_bits
from ddcodec.entropy.values import (
    centred_rows,
    checksum24,
    push_batch,
    push_batches,
    residual_bits,
    split_mean,
    take_batch,
    take_batches,
)
from ddcodec.errors import EncodeError, FormatError
from tests import reference_decoder

LOW, HIGH, FARTHEST = -32_768, 32_767, 32_798
MEANS, SCALES = st.integers(-16_384, 16_383), st.integers(0, 63)
SPREAD = st.one_of(st.integers(-40, 40), st.integers(-FARTHEST, FARTHEST), st.sampled_from([31, 32, -31, -32]))
CODED = st.lists(st.tuples(MEANS, SCALES, SPREAD), min_size=1, max_size=60)


def as_batch(items):
    """Means, scale indices and values of drawn (mean, scale, residual)."""
    mean, scale, residual = (np.array(part, np.int64) for part in zip(*items, strict=True))
    return mean, scale, np.clip(((mean + 8) >> 4) + residual, LOW, HIGH)


def encoded(batches):
    """A stream of batches of (mean, scale, value)."""
    encoder = Encoder(checksum24(np.concatenate([values for _, _, values in batches]), "<i2"))
    for mean, scale, values in reversed(batches):
        whole, rows = split_mean(mean, scale)
        push_batch(encoder, values - whole, rows)
    return encoder.bytes()


@settings(deadline=None)
@given(st.lists(CODED, min_size=1, max_size=4))
def test_round_trip(drawn):
    batches = [as_batch(items) for items in drawn]
    stream = encoded(batches)
    decoder = Decoder(stream, offset=0)
    slow = reference_decoder.Coder(stream)
    for mean, scale, values in batches:
        assert np.array_equal(take_batch(decoder, *split_mean(mean, scale), offset=0), values)
        assert slow.batch(mean.tolist(), scale.tolist()) == values.tolist()
    everything = np.concatenate([values for _, _, values in batches])
    decoder.close(checksum24(everything, "<i2"))
    slow.finish(everything.astype("<i2").tobytes())


@settings(deadline=None)
@given(st.lists(CODED, min_size=1, max_size=4))
def test_batches_pushed_together_are_batches_pushed_one_by_one(drawn):
    batches = [as_batch(items) for items in drawn]
    residual, rows, ends = [], [], []
    for mean, scale, values in batches:
        whole, row = split_mean(mean, scale)
        residual.append(values - whole)
        rows.append(row)
    ends = np.cumsum([len(part) for part in residual])
    together = Encoder(checksum24(np.concatenate([values for _, _, values in batches]), "<i2"))
    push_batches(together, np.concatenate(residual), np.concatenate(rows), ends)
    assert together.bytes() == encoded(batches)


@settings(deadline=None)
@given(st.lists(CODED, min_size=1, max_size=4))
def test_streams_decoded_together_are_streams_decoded_one_by_one(drawn):
    batches = [as_batch(items) for items in drawn]
    decoders = [Decoder(encoded([batch]), offset=0) for batch in batches]
    mean, scale, values = (np.concatenate(part) for part in zip(*batches, strict=True))
    sizes = [len(batch[0]) for batch in batches]
    found = take_batches(decoders, *split_mean(mean, scale), sizes, offsets=[0] * len(sizes))
    assert np.array_equal(found, values)


@settings(deadline=None)
@given(CODED)
def test_a_stream_costs_no_more_than_its_symbols_and_a_checksum(items):
    mean, scale, values = as_batch(items)
    whole, rows = split_mean(mean, scale)
    bits = residual_bits(values - whole, rows)
    assert 8 * len(encoded([(mean, scale, values)])) < bits + 24 + 16


def test_bits_of_a_residual():
    rows = np.array([40 * 16 + 8])
    for residual, raw in ((31, 0), (32, 5), (33, 6), (-34, 6), (35, 7), (FARTHEST, 19)):
        symbol = residual + 31 if raw == 0 else 63
        expected = cost_bits()[rows[0], symbol] + raw
        assert residual_bits(np.array([residual]), rows) == pytest.approx(expected)
    assert escape_bits(np.array([32, -33, FARTHEST])).tolist() == [5, 6, 19]


def test_many_values_of_every_scale():
    rng = np.random.default_rng(1)
    scale = rng.integers(0, 64, 20_000)  # more than one block of the coder
    mean = rng.integers(-300, 300, 20_000)
    values = np.rint(mean / 16 + rng.laplace(0, 2.0 ** ((scale - 34) / 8))).astype(np.int64)
    decoder = Decoder(encoded([(mean, scale, values)]), offset=0)
    assert np.array_equal(take_batch(decoder, *split_mean(mean, scale), offset=0), values)
    decoder.close(checksum24(values, "<i2"))


def test_means_round_to_the_nearest():
    mean = np.array([-25, -24, -9, -8, -7, 0, 7, 8, 9])
    whole, rows = split_mean(mean, np.zeros(9, np.int64))
    assert whole.tolist() == [-2, -1, -1, 0, 0, 0, 0, 1, 1]
    assert rows.tolist() == [15, 0, 15, 0, 1, 8, 15, 0, 1]


@pytest.mark.parametrize("value", [FARTHEST + 1, -FARTHEST - 1, 2**31])
def test_values_too_far_away_are_refused(value):
    with pytest.raises(EncodeError):
        push_batch(Encoder(0), np.array([0, value, 0]), centred_rows(np.zeros(3, np.int64)))


def test_a_value_out_of_range():  # E5
    encoder = Encoder(0)
    push_batch(encoder, np.array([FARTHEST]), np.array([8]))
    with pytest.raises(FormatError) as caught:
        take_batch(Decoder(encoder.bytes(), offset=9), np.array([0]), np.array([8]), offset=9)
    assert (caught.value.rule, caught.value.offset) == ("E5", 9)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=80), st.lists(st.tuples(MEANS, SCALES), min_size=1, max_size=30))
def test_any_bytes_decode_alike_in_both_decoders(stream, contexts):
    if stream[-1] == 0 and len(stream) > 1:
        return
    mean, scale = (np.array(part, np.int64) for part in zip(*contexts, strict=True))
    expected, rule = [], None
    try:
        expected = reference_decoder.Coder(stream).batch(mean.tolist(), scale.tolist())
    except reference_decoder.Invalid as error:
        rule = error.rule
    if rule is not None:
        with pytest.raises(FormatError) as caught:
            take_batch(Decoder(stream, offset=0), *split_mean(mean, scale), offset=0)
        assert caught.value.rule == rule
    else:
        found = take_batch(Decoder(stream, offset=0), *split_mean(mean, scale), offset=0)
        assert found.tolist() == expected

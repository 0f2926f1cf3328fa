"""The probability tables (spec sections 3 and 12)."""

import hashlib
import math

import numpy as np
import pytest

from ddcodec.entropy import tables
from ddcodec.entropy.context import LOG
from tests import reference_decoder

TABLE = tables.pmf_table().reshape(64, 16, 64)


def test_sums_and_signs():
    assert TABLE.dtype == np.int64
    assert TABLE.min() >= 1
    assert (TABLE.sum(axis=2) == 2**24).all()
    assert not tables.pmf_table().flags.writeable


def test_hash():
    digest = hashlib.sha256(TABLE.astype("<u4").tobytes()).hexdigest()
    assert digest == tables.TABLE_SHA256
    assert digest in reference_decoder.CHAPTERS[12]


def test_the_same_as_in_the_reference():
    cumulative = np.array(reference_decoder.TABLES)
    assert np.array_equal(np.diff(cumulative, axis=1), TABLE.reshape(1024, 64))


def test_symmetry():
    """A mean of (f - 8)/16 mirrors one of (8 - f)/16, up to rounding and what symbol 31 takes over."""
    for fraction in range(1, 16):
        inner = TABLE[:, fraction, :63]
        mirrored = TABLE[:, 16 - fraction, 62::-1]
        difference = np.abs(inner - mirrored)
        difference[:, 31] = 0
        assert difference.max() <= 1
    assert np.array_equal(TABLE[:, 8, :31], TABLE[:, 8, 62:31:-1])


def test_masses_follow_the_laplace_distribution():
    for scale in range(64):
        b = 2 ** ((scale - 34) / 8)
        for fraction in (0, 5, 8, 15):
            mean = (fraction - 8) / 16
            for symbol in (10, 30, 31, 32, 50):
                low, high = symbol - 31 - 0.5 - mean, symbol - 31 + 0.5 - mean
                below = [0.5 * math.exp(x / b) if x < 0 else 1 - 0.5 * math.exp(-x / b) for x in (low, high)]
                expected = 1 + (below[1] - below[0]) * (2**24 - 64)
                slack = 66 if symbol == 31 else 2
                assert abs(int(TABLE[scale, fraction, symbol]) - expected) < slack + 1e-6 * expected


def test_wider_scales_are_flatter():
    assert (np.diff(TABLE[:, 8, 31]) < 0).all()
    assert (np.diff(TABLE[:, 8, 63]) >= 0).all()


def test_decay_constants():
    assert np.array_equal(tables.DECAY, reference_decoder.constants(reference_decoder.CHAPTERS[12])[0])


def test_another_table_is_refused(monkeypatch):
    monkeypatch.setattr(tables, "DECAY", (tables.DECAY[0] + 2**40, *tables.DECAY[1:]))
    with pytest.raises(RuntimeError, match="SHA-256"):
        tables.pmf_table.__wrapped__()


def test_logarithms():
    assert LOG.tolist() == reference_decoder.LOG
    assert LOG[:5].tolist() == [0, 128, 203, 256, 297]
    assert np.array_equal(LOG, np.rint(128 * np.log2(1 + np.arange(256))))

"""Estimates against bytes."""

import dataclasses

import numpy as np
import pytest

from ddcodec.codecs.latent import encode_class_streams
from ddcodec.dataset import SOFT_KINDS, SoftLabels, make_set
from ddcodec.errors import FormatError
from ddcodec.pipeline import EncodedModel, encode_set, exact_model
from ddcodec.validate import network_bits, validate
from tests.small_models import META, MODELS, model


def estimate_of(coded, factor=1.0):
    _, bits = encode_class_streams(coded.networks, coded.group_of_class, coded.latents)
    groups = [network_bits(net) for net in coded.networks]
    return {
        "latent_bits": bits,
        "network_bits": groups,
        "training_latent_bits": factor * sum(bits),
        "training_network_bits": factor * sum(groups),
    }


@pytest.mark.parametrize("coded", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("with_hash", [False, True])
def test_every_file_is_within_tolerance(coded, with_hash):
    data = encode_set(coded, META if len(coded.counts) == 3 else None, with_hash=with_hash)
    report = validate(coded, estimate_of(coded), data)
    assert not [problem for problem in report.problems if "training" not in problem], report
    assert report.file_bytes == len(data) == sum(row.actual_bytes for row in report.rows)
    assert report.ideal_bytes <= len(data) <= report.allowed_bytes


def test_the_ideal_is_near_for_larger_sets():
    coded = model(counts=(300, 200, 100))
    report = validate(coded, estimate_of(coded), encode_set(coded))
    assert report.ok, report.problems
    assert abs(report.training_error) < 0.005


def test_a_training_estimate_that_is_off():
    coded = model(counts=(300, 200, 100))
    report = validate(coded, estimate_of(coded, 1.05), encode_set(coded))
    assert not report.ok
    assert len(report.problems) == 1
    assert "training estimated" in report.problems[0]


def test_estimates_of_another_run():
    coded = model(counts=(300, 200, 100))
    wrong = estimate_of(coded) | {"latent_bits": [1.0, 2.0, 3.0]}
    report = validate(coded, wrong, encode_set(coded))
    assert any("latent_bits" in problem for problem in report.problems)


def test_the_file_of_another_run():
    coded, other = model(counts=(300, 200, 100)), model(counts=(300, 200, 100), seed=6)
    report = validate(coded, estimate_of(coded), encode_set(other))
    assert any("LATN" in problem for problem in report.problems)
    assert not any("NETS" in problem for problem in report.problems)


def test_a_file_that_is_too_large():
    coded = model(counts=(300, 200, 100))
    small = dataclasses.replace(coded, latents=[latents // 8 for latents in coded.latents])
    assert isinstance(small, EncodedModel)
    report = validate(small, estimate_of(small), encode_set(coded))
    assert any("at most" in problem for problem in report.problems)


def test_a_damaged_file():
    coded = MODELS["pyramid"]
    with pytest.raises(FormatError):
        validate(coded, estimate_of(coded), encode_set(coded)[:-1])


def soft_labels(samples, classes, kind="logits", spread=300):
    values = np.rint(np.random.default_rng(9).laplace(0, spread, (samples, classes)))
    return SoftLabels(values.clip(-32_768, 32_767).astype(np.int16), 1_000, kind)


@pytest.mark.parametrize("counts", [(1,), (3, 0, 2), (40, 30)])
@pytest.mark.parametrize("noise", [0, 2, 300])
@pytest.mark.parametrize("with_soft", [False, True])
def test_exact_runs_are_within_tolerance(counts, noise, with_soft):
    rng = np.random.default_rng(3)
    y, x = np.indices((6, 5))
    pixels = np.rint(60 + 9 * y + 5 * x + rng.laplace(0, noise, (sum(counts), 3, 6, 5))).astype(np.int16)
    soft = soft_labels(len(pixels), len(counts)) if with_soft else None
    coded = exact_model(make_set(pixels, 255, counts, soft=soft))
    data = encode_set(coded, with_hash=True)
    report = validate(coded, estimate_of(coded), data)
    assert not [problem for problem in report.problems if "training" not in problem], report
    assert report.ideal_bytes <= len(data) <= report.allowed_bytes
    assert report.file_bytes == len(data) == sum(row.actual_bytes for row in report.rows)
    assert any(row.section == "SOFT" for row in report.rows) == with_soft


@pytest.mark.parametrize("kind", SOFT_KINDS)
@pytest.mark.parametrize("spread", [0.1, 20, 5_000])
def test_runs_with_soft_labels_are_within_tolerance(kind, spread):
    plain = model(counts=(30, 20, 10))
    coded = dataclasses.replace(plain, soft=soft_labels(60, 3, kind, spread))
    report = validate(coded, estimate_of(coded), encode_set(coded))
    assert report.ok, report.problems
    (row,) = [row for row in report.rows if row.section == "SOFT"]
    assert row.ideal_bits == row.training_bits
    assert row.ideal_bits / 8 < row.actual_bytes <= 1.01 * row.ideal_bits / 8 + 5


def test_soft_labels_of_another_run():
    plain = model(counts=(30, 20, 10))
    narrow, broad = (dataclasses.replace(plain, soft=soft_labels(60, 3, spread=n)) for n in (2, 9_000))
    report = validate(narrow, estimate_of(narrow), encode_set(broad))
    assert not report.ok


def test_labels_of_another_run():
    coded = dataclasses.replace(model(counts=(2, 2, 1)), order=np.array([0, 1, 2, 1, 0]))
    other = dataclasses.replace(coded, order=np.array([1, 0, 1, 2, 0]))
    report = validate(coded, estimate_of(coded), encode_set(other))
    assert "section LABL is not what this run encodes to" in report.problems
    sorted_by_class = dataclasses.replace(coded, order=None)
    report = validate(coded, estimate_of(coded), encode_set(sorted_by_class))
    assert "section LABL is not what this run encodes to" in report.problems

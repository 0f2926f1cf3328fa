"""Estimates against bytes."""

import dataclasses

import pytest

from ddcodec.codecs.latent import encode_class_streams
from ddcodec.errors import FormatError
from ddcodec.pipeline import EncodedModel, encode_set
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

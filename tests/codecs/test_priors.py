"""Priors: any decoder comes back as it was, and both decoders draw the same images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddcodec import priors as prior_room
from ddcodec.codecs import prior_base, prior_synthesis
from ddcodec.codecs.configs import PriorConfig, Shape
from ddcodec.codecs.prior_base import BASE_SHIFT, base_weights
from ddcodec.codecs.prior_config import PLANES_MAX
from ddcodec.codecs.transform import step_table
from ddcodec.errors import EncodeError
from ddcodec.pipeline import EncodedModel, decode, encode_set
from ddcodec.views.normal import DEVIATION, byte_sums, normal_numbers
from tests import reference_decoder, reference_priors
from tests.codecs.generate import read_model
from tests.prior_models import LINEAR, SEEDED, SHAPE, STRAIGHT, prior_latents, prior_model, prior_networks


@st.composite
def models(draw):
    """A small set of priors under one or two decoders, and the seed of a draw."""
    sides = st.integers(1, 9)
    shape = Shape(draw(st.integers(1, 3)), draw(sides), draw(sides), draw(st.sampled_from([1, 255, 4_080, 32_767])))
    groups = draw(st.sampled_from([(0,), (0, 0), (0, 1), (0, 1, 0)]))
    counts = [draw(st.integers(0, 2)) for _ in groups]
    nets = []
    for group in range(max(groups) + 1):
        wild = draw(st.booleans())
        config = draw(configs(shape))
        nets.append(prior_networks(shape, config, group, *((32_000, draw(st.integers(0, 15))) if wild else ())))
    reach = draw(st.sampled_from([(0, 0), (9, 5), (300, 40), (9_000, 9_000)]))
    latents = [
        prior_latents(nets[group].config, [count], place, reach)[0]
        for place, (group, count) in enumerate(zip(groups, counts, strict=True))
    ]
    return EncodedModel(nets, groups, latents), draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 2**64 - 1))


@st.composite
def configs(draw, shape):
    """A decoder of any form for images of a shape."""
    linear, stages = draw(st.booleans()), draw(st.integers(0, 3))
    channels = tuple(draw(st.integers(1, 3)) for _ in range(stages + 1))
    numbers = (draw(st.integers(3, 4)), draw(st.integers(0, 15)), draw(st.integers(0, 127)))
    scales = (draw(st.integers(0, 63)), draw(st.integers(20, 63)))
    last = (draw(st.integers(0, 127)), draw(st.integers(1, 32)))
    first = PriorConfig(1, True, channels, *numbers, *scales, *last).size_hw(shape, 0)
    dimensions = draw(st.integers(1, 9)) if linear else channels[0] * first[0] * first[1]
    seed = draw(st.sampled_from([0, 0, 1, 77, 2**32 - 1]))
    bases = [draw(st.integers(0, 127 if odd else 15)) for odd in (0, 1) * (stages + 1 + linear)] if seed else []
    return PriorConfig(dimensions, linear, channels, *numbers, *scales, *last, seed, tuple(bases))


@settings(max_examples=100)
@given(models())
def test_both_decoders_agree(case):
    model, number, seed = case
    data = encode_set(model, with_hash=True)
    found, expected = decode(data), reference_decoder.decode(data)
    assert np.array_equal(found.pixels, model.render())
    assert found.pixels.reshape(len(found), found.pixels[:1].size).tolist() == expected["pixels"]
    drawn = found.priors.draw(number, seed)
    assert drawn.reshape(found.pixels.shape[0], -1 if len(drawn) else 0).tolist() == expected["draw"](number, seed)
    assert expected["hash_ok"]
    assert encode_set(read_model(data), with_hash=True) == data


def test_the_decoder_in_portions(monkeypatch):
    """What is large enough to be done in portions elsewhere, here is whenever there are two of anything."""
    model = prior_model()
    priors = decode(encode_set(model)).priors
    expected = priors.means, priors.draw(5, 7), priors.samples(4, 7)[0]
    for module, name in ((prior_synthesis, "_WORKING_ENTRIES"), (prior_room, "_CHUNK_IMAGES")):
        assert getattr(module, name) > 1
        monkeypatch.setattr(module, name, 1)
    found = decode(encode_set(model))
    for mine, other in zip(
        (found.pixels, found.priors.draw(5, 7), found.priors.samples(4, 7)[0]), expected, strict=True
    ):
        assert np.array_equal(mine, other)


def vectors(header):
    """The rows of a table of section 7c."""
    table = reference_decoder.CHAPTERS["7c"].partition(f"| {header} |\n")[2].partition("\n\n")[0].splitlines()
    return [[int(cell.replace(",", "")) for cell in row.strip("|").split("|")] for row in table[1:] if row[:1] == "|"]


NOISE, WEIGHTS = vectors("q | n | d | seed | e_d"), vectors("seed | n | i | gain | element")


@pytest.mark.parametrize(("q", "n", "d", "seed", "expected"), NOISE)
def test_vectors_of_noise(q, n, d, seed, expected):
    assert reference_priors.noise(q, n, d, seed) == expected
    assert normal_numbers(np.array([q]), n, d + 1, seed)[0, d] == expected


@pytest.mark.parametrize(("seed", "n", "i", "gain", "expected"), WEIGHTS)
def test_vectors_of_weights(seed, n, i, gain, expected):
    assert reference_priors.seeded(seed, n, i, gain) == expected
    first = i // 4 * 4
    scaled = byte_sums(seed, n, 4, first) * step_table()[gain]
    assert (scaled[i - first] + (1 << BASE_SHIFT - 1)) >> BASE_SHIFT == expected
    if i < 100:
        assert base_weights(seed, n, gain, (10, 10)).reshape(-1)[i] == expected


def test_the_specification_has_vectors():
    assert (len(NOISE), len(WEIGHTS)) == (7, 4)


def test_weights_of_a_seed_in_portions(monkeypatch):
    """They are the same, remembered or not, whatever their number."""
    whole = base_weights(9, 1, 100, (3, 77))
    monkeypatch.setattr(prior_base, "_PART_COUNT", 4)
    monkeypatch.setattr(prior_base, "_KNOWN_COUNT", 0)
    assert np.array_equal(base_weights(9, 1, 100, (3, 77)), whole)
    assert np.array_equal(base_weights(9, 1, 100, (50,)), whole.reshape(-1)[:50])


def test_noise_is_nearly_normal():
    found = normal_numbers(np.arange(400), 3, 100, 9).reshape(-1) / DEVIATION
    assert abs(found.mean()) < 0.02
    assert abs(found.std() - 1) < 0.01
    assert abs((found**4).mean() - (3 - 1.2 / 16)) < 0.1  # of a sum of sixteen uniform numbers


def test_spreads():
    """No spread at or below index 0; beyond the end of the table the last one."""
    net = prior_networks(SHAPE, LINEAR, 1)
    steps = net.tensors[0]
    numbers = np.array([[-1_000] * 3, [0] * 3, [1_000] * 3])
    spreads = net.priors.spreads(numbers)
    assert spreads[0].tolist() == [0, 0, 0]
    assert spreads[1].tolist() == [round(2 ** (step / 8)) for step in steps.tolist()]  # offset 64: equal to the step
    assert set(spreads[2].tolist()) == {round(2 ** (127 / 8))}


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        (PriorConfig(17, False, (2, 2), 3, 2, 80, 34, 30, 60, 8), "R2"),
        (PriorConfig(3, True, (1_024,), 3, 2, 80, 34, 30, 60, 8), "R6"),
    ],
)
def test_decoders_that_no_file_may_hold(config, rule):
    shape = Shape(1, 5, 6, 255) if rule == "R2" else Shape(1, 100, 100, 255)
    assert rule == "R2" or PLANES_MAX < 1_024 * 100 * 100
    with pytest.raises(EncodeError, match=f"rule {rule}: "):
        config.check(shape)


@pytest.mark.parametrize(("name", "bad"), [("steps", 128), ("mean_scales", 64), ("spread_centres", 16_384)])
def test_tables_out_of_range_are_not_written(name, bad):
    net = prior_networks(SHAPE, STRAIGHT, 1)
    place = [spec.name for spec in net.specs].index(name)
    net.tensors[place][3] = bad
    with pytest.raises(EncodeError, match=f"rule R7: table {name}"):
        encode_set(EncodedModel([net], (0,), prior_latents(STRAIGHT, (1,), 1)))


def test_the_front_tells_the_number_of_weights():
    for config in (LINEAR, STRAIGHT, SEEDED):
        assert config.weight_count(SHAPE) == prior_networks(SHAPE, config, 1).weight_count

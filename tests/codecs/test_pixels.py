"""Pixels coded as they are: exact, class by class, in few bytes (spec section 7b)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddcodec.codecs.configs import PixelConfig, Shape
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.networks import GroupNetworks, pack_group, read_group, tensor_specs
from ddcodec.codecs.pixel_context import PixelModel, PixelNeighbourhood, magnitude, to_unit
from ddcodec.codecs.pixel_fit import pixel_latents, pixel_networks
from ddcodec.codecs.pixel_layout import BEFORE, SAME, PixelLayout, coding_order, tap_count
from ddcodec.codecs.pixel_predictors import base_predictor
from ddcodec.dataset import make_set
from ddcodec.entropy.fixed_point import Layer, exact_dtype
from ddcodec.errors import EncodeError
from ddcodec.limits import Limits
from ddcodec.pipeline import EncodedModel, decode, encode_pixels, encode_set, exact_model, verify
from tests import reference_decoder

LOW, HIGH = -32_768, 32_767


def picture(count, channels, height, width, noise=6.0, peak=255, seed=0):
    """Smooth colours with noise, (count, channels, height, width) int16."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((height, width))
    waves = [np.sin(y * a + x * b + c) for a, b, c in rng.uniform(0.1, 0.7, (count * channels, 3))]
    smooth = 0.5 * peak + 0.3 * peak * np.array(waves).reshape(count, channels, height, width)
    return np.rint(smooth + rng.laplace(0, noise, smooth.shape)).clip(LOW, HIGH).astype(np.int16)


def stream_bits(networks, pixels):
    """Bytes and ideal bits of one class."""
    streams, bits = encode_class_streams([networks], [0], [pixels.reshape(len(pixels), -1)])
    return len(streams[0]), bits[0]


def agrees_with_the_reference(data, pixels):
    expected = reference_decoder.decode(data)
    assert expected["pixels"] == [image.reshape(-1).tolist() for image in pixels]
    assert expected["hash_ok"] in (True, None)


SHAPES = [
    (1, 1, 1, 1),
    (2, 3, 1, 1),
    (2, 1, 1, 5),
    (1, 3, 5, 1),
    (2, 2, 7, 3),
    (1, 4, 8, 8),
    (3, 3, 8, 8),
    (1, 1, 2, 20),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("peak", [1, 255, HIGH])
def test_a_set_comes_back_exactly(shape, peak):
    pixels = picture(*shape, noise=0.02 * peak, peak=peak)
    data = encode_pixels(make_set(pixels, peak, (len(pixels),)))
    found = decode(data)
    assert found.pixels.dtype == np.int16
    assert np.array_equal(found.pixels, pixels)
    assert verify(data).hash_stored
    agrees_with_the_reference(data, pixels)


@settings(max_examples=30)
@given(st.data())
def test_any_numbers_come_back_exactly(data):
    channels, height, width, count = (data.draw(st.integers(1, n)) for n in (4, 5, 5, 3))
    spread = data.draw(st.sampled_from([0, 1, 3, 300, HIGH]))
    size, middle = channels * height * width * count, data.draw(st.sampled_from([0, 100, -20_000]))
    number = st.integers(-spread, spread)
    if spread > 3:
        number = st.one_of(number, st.sampled_from([LOW, HIGH]))
    flat = np.array(data.draw(st.lists(number, min_size=size, max_size=size)), np.int64) + middle
    pixels = flat.clip(LOW, HIGH).astype(np.int16).reshape(count, channels, height, width)
    packed = encode_pixels(make_set(pixels, 255, (count,)))
    assert np.array_equal(decode(packed).pixels, pixels)
    agrees_with_the_reference(packed, pixels)


@pytest.mark.parametrize("order", [None, [1, 0, 2, 1, 0, 0]])
def test_one_class_alone(order):
    pixels = picture(6, 3, 6, 5)
    data = encode_pixels(make_set(pixels, 255, (3, 2, 1), order=order))
    whole = decode(data)
    for number in range(3):
        alone = decode(data, classes=[number])
        assert np.array_equal(alone.pixels, whole.pixels[np.repeat([0, 1, 2], (3, 2, 1)) == number])
    assert np.array_equal(whole.pixels, pixels)


def test_a_stream_does_not_depend_on_the_other_classes():
    pixels = picture(5, 3, 6, 5)
    networks = pixel_networks(pixels, 255)
    flat = pixels.reshape(5, -1)
    together = encode_class_streams([networks], [0, 0], [flat[:3], flat[3:]])[0]
    assert together == [encode_class_streams([networks], [0], [part])[0][0] for part in (flat[:3], flat[3:])]


def test_equal_sets_give_equal_bytes():
    made = [encode_pixels(make_set(picture(4, 3, 9, 7), 255, (2, 2))) for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize("counts", [(0,), (0, 0, 0)])
def test_a_set_without_images(counts):
    empty = np.zeros((0, 3, 4, 4), np.int16)
    data = encode_pixels(make_set(empty, 255, counts))
    assert decode(data).pixels.shape == (0, 3, 4, 4)
    assert decode(data).class_counts == counts
    agrees_with_the_reference(data, empty)


def test_fitted_predictors_help_where_the_base_is_wrong():
    """Noise that is strong along columns and weak along rows is not what the base has seen."""
    rng = np.random.default_rng(3)
    rows = rng.laplace(0, 60, (12, 3, 1, 24)) + rng.laplace(0, 3, (12, 3, 24, 24))
    pixels = np.rint(128 + rows).astype(np.int16)
    own = pixel_networks(pixels, 255)
    predictors = [base_weight(n) for n in range(3)]
    assert any((own.tensors[2 * n] != predictors[n]).any() for n in range(3))
    plain = with_base_predictors(own)
    cost = [stream_bits(networks, pixels)[1] + 8 * len(pack_group(networks)) for networks in (own, plain)]
    assert cost[0] < 0.95 * cost[1]


def base_weight(position):
    return base_predictor(position)[0]


def with_base_predictors(networks):
    tensors = list(networks.tensors)
    for position in range(networks.shape.channels):
        tensors[2 * position : 2 * position + 2] = base_predictor(position)
    return replace(networks, tensors=tuple(tensors))


def test_the_base_predictors_are_kept_where_own_ones_do_not_pay():
    networks = pixel_networks(picture(1, 3, 4, 4), 255)
    assert all((networks.tensors[2 * n] == base_weight(n)).all() for n in range(3))


@pytest.mark.parametrize("noise", [0.3, 4, 60, 2_000])
@pytest.mark.parametrize("count", [1, 20])
def test_bytes_against_ideal_bits(noise, count):
    pixels = picture(count, 3, 8, 8, noise=noise)
    size, bits = stream_bits(pixel_networks(pixels, 255), pixels)
    assert bits / 8 < size <= 1.01 * bits / 8 + 5


def test_noise_costs_its_entropy():
    rng = np.random.default_rng(1)
    for spread in (100, 1_000):
        pixels = np.rint(rng.laplace(0, spread, (30, 1, 16, 16))).clip(LOW, HIGH).astype(np.int16)
        bits = stream_bits(pixel_networks(pixels, HIGH), pixels)[1] / pixels.size
        assert bits < np.log2(2 * np.e * spread) + 1


def test_the_depth_fits_the_errors():
    """The chosen unit follows the size of the errors."""
    fine, coarse = (picture(8, 1, 12, 12, noise, peak) for noise, peak in ((0.2, 40), (900, HIGH)))
    assert pixel_networks(fine, 40).config.depth < 0 < pixel_networks(coarse, HIGH).config.depth


def own_networks(shape, config, fill, context=(0, 0)):
    """Predictors of one weight everywhere, and a context network that says the same of every pixel."""
    tensors, shifts = [], []
    for spec in tensor_specs(shape, config, (1,), 0):
        tensors.append(np.full(spec.shape, fill if spec.name.startswith("predictor.") else 0, np.int64))
        shifts.append(spec.base_shift)
    tensors[-1] = np.array(context)
    return GroupNetworks(shape, config, (1,), 0, tuple(tensors), tuple(shifts))


@pytest.mark.parametrize(
    ("reach", "fill"), [(16, LOW), (16, HIGH), (16, 40), (16, -2), (8, 1_000), (8, 2_500), (1, 30_000)]
)
def test_predictions_are_exact_at_the_bound(reach, fill):
    """As near to 2^24 (float32) and to the largest sums there are (float64) as the format allows, against integers."""
    shape, config = Shape(3, 3, 4, HIGH), PixelConfig(False, 0, reach)
    net = own_networks(shape, config, fill)
    layout, model = net.layout, net.context
    assert isinstance(layout, PixelLayout)
    assert isinstance(model, PixelModel)
    rng = np.random.default_rng(4)
    pixels = rng.choice([LOW, HIGH, HIGH - 1, LOW + 1, 255, -255], (5, layout.latent_count))
    around = PixelNeighbourhood(layout, model, len(pixels))
    bound = (1 << reach) - 1
    seen = np.concatenate([np.zeros((5, 1), np.int64), pixels.clip(-bound, bound)], axis=1)
    for step in layout.steps():
        mean, _ = around.context(step)
        for number, latent in enumerate(step.latents.tolist()):
            taps = tap_count(coding_order(3).index(latent // 12))
            near = seen[:, step.near[:taps, number]]
            sums = [(sum(fill * int(v) for v in row) + fill + 32) >> 6 for row in near]
            assert mean[number].tolist() == [min(max(s, -(2**19)), 2**19 - 1) for s in sums]
        around.store(step, pixels.T[step.latents])


def test_both_kinds_of_floats_are_visited():
    kinds = set()
    for reach, fill in ((16, LOW), (16, 2), (8, 2_500), (8, 1_000)):
        weight = np.full((1, 26), fill)
        kinds.add(exact_dtype(Layer(weight, 6, np.array([fill]), 0), (1 << reach) - 1))
    assert kinds == {np.float32, np.float64}


@pytest.mark.parametrize("depth", range(-8, 9))
def test_every_depth(depth):
    shape = Shape(3, 4, 3, 255)
    net = own_networks(shape, PixelConfig(True, depth, 16), 3, context=(-700, 40))
    pixels = picture(3, 3, 4, 3, noise=200, seed=depth + 8)
    data = encode_set(EncodedModel([net], (0, 0), [pixels[:1].reshape(1, -1), pixels[1:].reshape(2, -1)]))
    assert np.array_equal(decode(data).pixels, pixels)
    agrees_with_the_reference(data, pixels)


def test_units():
    errors = np.array([-9, -8, -7, 0, 7, 8, 9])
    assert to_unit(errors, 4).tolist() == [-1, 0, 0, 0, 0, 1, 1]
    assert to_unit(errors, 0).tolist() == errors.tolist()
    assert to_unit(errors, -2).tolist() == (4 * errors).tolist()
    assert magnitude(np.array([0, 3, -4, 2_000_000])).tolist() == [0, 0, 128, 1_024]


@pytest.mark.parametrize(("channels", "order"), [(1, (0,)), (2, (0, 1)), (3, (1, 0, 2)), (4, (1, 0, 2, 3))])
def test_order_of_channels(channels, order):
    assert coding_order(channels) == order


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 5), (3, 5, 1), (4, 4, 3), (2, 6, 7)])
def test_nothing_is_seen_before_it_is_known(shape):
    layout, known = PixelLayout(*shape), {0}
    for step in layout.steps():
        for number in range(len(step.latents)):
            assert set(step.signed[:, number].tolist()) <= known
            position = coding_order(shape[0]).index(int(step.latents[number]) // (shape[1] * shape[2]))
            assert set(step.near[: tap_count(position), number].tolist()) <= known
        known |= set(step.padded.tolist())
    assert known == set(range(layout.padded_size))
    assert (len(SAME), len(BEFORE)) == (8, 9)


@given(st.booleans(), st.integers(-8, 8), st.integers(1, 16), st.integers(1, 4))
def test_networks_come_back(centred, depth, reach, channels):
    shape = Shape(channels, 3, 4, 255)
    net = own_networks(shape, PixelConfig(centred, depth, reach), 7, context=(-3, 90))
    found = read_group(pack_group(net), shape, Limits(), offset=0)
    assert found.config == net.config
    assert found.shifts == net.shifts
    assert all(np.array_equal(a, b) for a, b in zip(found.tensors, net.tensors, strict=True))


def test_exact_models_of_labelled_sets():
    pixels = picture(4, 1, 3, 3)
    dataset = make_set(pixels, 255, (1, 3), order=[1, 0, 1, 1])
    coded = exact_model(dataset)
    assert coded.counts == (1, 3)
    assert np.array_equal(coded.render(), pixels)
    assert np.array_equal(coded.order, [1, 0, 1, 1])


def test_fitted_weights_can_be_written():
    """Two pixels that are far apart ask for weights beyond what the file can hold as differences to the base."""
    pixels = np.array([1, LOW], np.int16).reshape(1, 1, 1, 2)
    networks = pixel_networks(pixels, 255)
    for spec, tensor in zip(networks.specs, networks.tensors, strict=True):
        assert np.abs(tensor - spec.base).max() <= HIGH
    assert np.array_equal(decode(encode_pixels(make_set(pixels, 255, (1,)))).pixels, pixels)


def sparse_picture():
    """Few values, far from one another, as in drawings and scanned digits."""
    steps = picture(6, 1, 12, 12) // 16
    return np.array([round(17 * number) for number in range(16)], np.int16)[np.clip(steps, 0, 15)]


def test_few_values_become_levels():
    pixels = sparse_picture()
    networks = pixel_networks(pixels, 255)
    assert networks.config.levels == tuple(np.unique(pixels))
    data = encode_pixels(make_set(pixels, 255, [6]))
    assert np.array_equal(decode(data).pixels, pixels)
    agrees_with_the_reference(data, pixels)
    direct = replace(networks, config=replace(networks.config, levels=(), depth=2, reach=8))
    direct_bits = encode_class_streams([direct], [0], [pixels.reshape(6, -1)])[1]
    levelled_bits = encode_class_streams([networks], [0], [pixel_latents(networks, pixels)])[1]
    assert sum(levelled_bits) < 0.75 * sum(direct_bits)


def test_values_side_by_side_are_no_levels():
    assert not pixel_networks(picture(6, 1, 12, 12), 255).config.levels


def test_a_level_that_does_not_exist_is_refused():
    networks = pixel_networks(sparse_picture(), 255)
    latents = pixel_latents(networks, sparse_picture())
    latents[0, 0] = len(networks.config.levels)
    with pytest.raises(EncodeError, match="X5"):
        encode_class_streams([networks], [0], [latents])

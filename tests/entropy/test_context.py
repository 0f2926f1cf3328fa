"""Context networks: floats give the integers of the specification (section 4, rule N4)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddcodec.entropy import context
from ddcodec.entropy.context import INPUT_MAX, ContextNet, magnitude_input, signed_input
from ddcodec.entropy.fixed_point import Layer, exact_dtype, row_bound
from ddcodec.errors import EncodeError
from tests import reference_decoder

WEIGHTS = st.one_of(st.integers(-3, 3), st.integers(-32_768, 32_767), st.sampled_from([-32_768, 32_767]))


def exactly(layers, inputs):
    """Means and scale indices in 64-bit integers."""
    for number, layer in enumerate(layers):
        sums = layer.weight @ inputs + (layer.bias << layer.bias_shift)[:, None] + ((1 << layer.shift) >> 1)
        inputs = sums >> layer.shift
        if number < len(layers) - 1:
            inputs = np.clip(inputs, 0, 2_047)
    return np.clip(inputs[0], -16_384, 16_383), np.clip(inputs[1], 0, 63)


def applied(net, inputs):
    """The same by `ContextNet`; inputs (inputs, n)."""
    split = len(inputs) - net.static_count
    mean, scale = net.apply(inputs[:split, :, None].astype(net.dtype), net.static_part(inputs[split:]))
    return mean[:, 0], scale[:, 0]


@st.composite
def layers_and_inputs(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = [draw(st.integers(1, 40)), *draw(st.lists(st.integers(1, 128), min_size=1, max_size=4)), 2]
    wild = draw(st.integers(0, 2))
    layers = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        if wild == 2:
            weight, bias = (rng.choice([-32_768, 32_767, 0], shape) for shape in ((fan_out, fan_in), fan_out))
        else:
            reach = (5, 32_767)[wild]
            weight, bias = (rng.integers(-reach, reach + 1, shape) for shape in ((fan_out, fan_in), fan_out))
        layers.append(Layer(weight, draw(st.integers(0, 15)), bias, draw(st.integers(0, 15))))
    inputs = rng.choice([-INPUT_MAX, INPUT_MAX, 0, 1, -1, 777], (sizes[0], 5))
    return tuple(layers), inputs, draw(st.integers(0, sizes[0] - 1))


@settings(deadline=None, max_examples=150)
@given(layers_and_inputs())
def test_floats_carry_the_integers(drawn):
    layers, inputs, static = drawn
    expected = exactly(layers, inputs)
    for found in (applied(ContextNet(layers, static), inputs), applied(ContextNet(layers, 0), inputs)):
        assert np.array_equal(found, expected)
    slow = [
        reference_decoder.Layer(
            reference_decoder.Tensor(layer.weight.reshape(-1).tolist(), layer.shift),
            reference_decoder.Tensor(layer.bias.tolist(), layer.bias_shift),
            2_047 if number else INPUT_MAX,
        )
        for number, layer in enumerate(layers)
    ]
    assert reference_decoder.context(slow, inputs[:, 0].tolist()) == (expected[0][0], expected[1][0])


def at_the_bound(bound, fan_in, sign, shift):
    """A layer of two rows whose row bound is exactly `bound`, the sums as large as they can be."""
    room = bound - (1 << shift)
    weight = np.full((2, fan_in), sign * (room // (fan_in * INPUT_MAX)))
    bias = np.full(2, sign * (room - abs(int(weight[0, 0])) * fan_in * INPUT_MAX))
    assert abs(int(bias[0])) < 32_768 * 2
    layer = Layer(weight, shift, bias, 0)
    assert row_bound(layer, INPUT_MAX) == bound
    return layer


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [0, 1, 8, 15])
@pytest.mark.parametrize(("bound", "dtype"), [(2**24 - 1, np.float32), (2**24, np.float64), (2**31, np.float64)])
def test_at_the_edge_of_float32(monkeypatch, bound, dtype, shift, sign):
    layer = at_the_bound(bound, 38, sign, shift)
    assert exact_dtype(layer, INPUT_MAX) is dtype
    last = Layer(np.array([[1, 0], [0, 1]]), 0, np.array([3, 4]), 0)
    rng = np.random.default_rng(shift)
    inputs = np.concatenate([np.full((38, 1), INPUT_MAX), rng.choice([-INPUT_MAX, INPUT_MAX, 1_535], (38, 64))], axis=1)
    layers = (layer, last)
    net = ContextNet(layers, 7)
    assert net.dtype is dtype
    expected = exactly(layers, inputs)
    assert np.array_equal(applied(net, inputs), expected)
    # one wide layer is enough to make all of them wide
    assert ContextNet((layer, layer_of_float64()), 0).dtype is np.float64
    monkeypatch.setattr(context, "exact_dtype", lambda *_: np.float64)
    assert np.array_equal(applied(ContextNet(layers, 7), inputs), expected)


def layer_of_float64():
    return Layer(np.full((2, 2), 32_767), 0, np.zeros(2, np.int64), 0)


def test_single_sums_at_the_edge(monkeypatch):
    """The last layer, unclamped inside, at sums next to 2^24 that differ by one."""
    for dtype in (np.float32, np.float64):
        monkeypatch.setattr(context, "exact_dtype", lambda *_, dtype=dtype: dtype)
        for total in (2**24 - 1, 2**24 - 2, -(2**24) + 1, -(2**24) + 2):
            bias = total - 1_000 * 1_536
            first = Layer(np.array([[1_000], [0]]), 11, np.array([bias, 0]), 0)
            last = Layer(np.array([[1, 0], [0, 0]]), 0, np.array([0, 5]), 0)
            inputs = np.array([[1_536, 1_535]])
            assert np.array_equal(applied(ContextNet((first, last), 0), inputs), exactly((first, last), inputs))


def test_inputs():
    values = np.array([-32_768, -64, -63, -1, 0, 1, 62, 63, 64, 255, 256, 32_767])
    assert signed_input(values).tolist() == [-1008, -1008, -1008, -16, 0, 16, 992, 1008, 1008, 1008, 1008, 1008]
    expected = [reference_decoder.LOG[min(abs(value), 255)] for value in values.tolist()]
    assert magnitude_input(values).tolist() == expected
    assert max(expected) == 1_024


@pytest.mark.parametrize(
    ("rule", "layer"),
    [
        ("N1", Layer(np.zeros((1, 1), np.int64), 16, np.zeros(1, np.int64), 0)),
        ("N1", Layer(np.zeros((1, 1), np.int64), 0, np.zeros(1, np.int64), -1)),
        ("N2", Layer(np.array([[32_768]]), 0, np.zeros(1, np.int64), 0)),
        ("N2", Layer(np.zeros((1, 1), np.int64), 0, np.array([-32_769]), 0)),
        ("N4", Layer(np.full((1, 2**24), 32_767), 0, np.zeros(1, np.int64), 0)),
    ],
)
def test_rules_of_layers(rule, layer):
    with pytest.raises(EncodeError, match=rule):
        layer.check(32_767)

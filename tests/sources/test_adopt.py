"""From floats to integers: the grid, its error, the soft labels."""

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.sources.adopt import adopt, measure, peak_for_bits
from ddcodec.sources.foreign import ForeignSet

RNG = np.random.default_rng(2)
WILD = RNG.normal(size=(5, 3, 4, 6)).astype(np.float32)
LABELS = np.array([1, 0, 1, 0, 2])
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def foreign(images=WILD, **parts):
    given = {"domain": "whitened", "whitening": {"kind": "zca"}} | parts
    return ForeignSet("mtt", images, LABELS, 3, **given)


def normalised():
    return foreign(domain="normalised", mean=MEAN, std=STD, whitening={})


@pytest.mark.parametrize("make", [foreign, normalised])
@pytest.mark.parametrize("bits", [4, 5, 8, 11])
def test_bits_bound_the_steps(make, bits):
    given = make()
    dataset = adopt(given, bits=bits)
    span = int(dataset.pixels.max()) - int(dataset.pixels.min())
    assert span <= 2**bits - 1 < span * (dataset.peak + 1) / dataset.peak + 1
    back = dataset.images if given.domain == "whitened" else dataset.normalised()
    off = measure(given, dataset)
    assert np.abs(back - WILD).max() == pytest.approx(off.greatest, rel=1e-3, abs=1e-6)
    assert np.sqrt(((back - WILD) ** 2).mean()) == pytest.approx(off.rms, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("make", [foreign, normalised])
@pytest.mark.parametrize("error", [0.2, 0.01, 0.0007])
def test_max_error_holds_and_is_not_far_from_needed(make, error):
    given = make()
    dataset = adopt(given, max_error=error)
    assert 0.5 * error < measure(given, dataset).greatest <= error * (1 + 1e-6)


def test_eight_bits_are_the_default():
    assert np.array_equal(adopt(foreign()).pixels, adopt(foreign(), bits=8).pixels)


def test_bytes_in_disguise_stay_bytes():
    pixels = RNG.integers(10, 200, WILD.shape, dtype=np.uint8)  # eight bits over this range would be another grid
    values = ((pixels / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]).astype(np.float32)
    dataset = adopt(foreign(values, domain="normalised", mean=MEAN, std=STD, whitening={}))
    assert dataset.peak == 255
    assert np.array_equal(dataset.pixels, pixels[np.argsort(LABELS, kind="stable")])
    assert adopt(foreign(values, domain="normalised", mean=MEAN, std=STD, whitening={}), bits=8).peak > 255


def test_samples_keep_their_order():
    dataset = adopt(foreign(), bits=12)
    assert dataset.labels.tolist() == LABELS.tolist()
    assert dataset.class_counts == (2, 2, 1)
    assert np.abs(dataset.images - WILD).max() < 0.01
    assert dataset.whitening == {"kind": "zca"}
    assert dataset.normalize is None


def test_bytes_are_kept():
    pixels = RNG.integers(0, 256, (5, 1, 4, 6), dtype=np.uint8)
    given = foreign(pixels, domain="pixels", whitening={})
    dataset = adopt(given)
    assert dataset.peak == 255
    assert measure(given, dataset).greatest == 0
    with pytest.raises(InputError, match="--bits 6: these images are bytes"):
        adopt(given, bits=6)


@pytest.mark.parametrize(
    ("images", "asked", "words"),
    [
        (WILD, {"bits": 3}, "--bits: expected 4..16, found 3"),
        (WILD, {"bits": 17}, "--bits: expected 4..16, found 17"),
        (WILD, {"bits": 8, "max_error": 0.1}, "exclude each other"),
        (WILD, {"max_error": 0.0}, "greater than 0"),
        (WILD, {"max_error": float("nan")}, "greater than 0"),
        (WILD, {"max_error": 1e-6}, "does not fit 16 bits"),
        (WILD * 40_000, {"max_error": 1}, "does not fit 16 bits"),
        (WILD * 1_000, {"bits": 4}, "span too much"),
        (np.where(np.arange(6) == 2, np.float32(np.inf), WILD), {}, "inf in image 0, channel 0, row 0, column 2"),
    ],
)
def test_refusals(images, asked, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        adopt(foreign(images), **asked)


def test_the_least_error_that_fits_is_named_right():
    with pytest.raises(InputError) as caught:
        adopt(foreign(), max_error=1e-7)
    least = float(str(caught.value).partition("; ")[2].split()[0])
    adopt(foreign(), max_error=1.01 * least)
    with pytest.raises(InputError):
        adopt(foreign(), max_error=0.98 * least)


def test_sixteen_bits_fit():
    lopsided = np.abs(WILD) - 0.01  # half of the integers would be wasted on what is not there
    dataset = adopt(foreign(lopsided), bits=16)
    assert dataset.pixels.max() > 32_000


@pytest.mark.parametrize(
    ("low", "high", "bits", "peak"), [(0, 1, 8, 255), (0, 1, 16, 32_767), (-6, 6, 8, 21), (0.25, 0.25, 8, 32_767)]
)
def test_known_peaks(low, high, bits, peak):
    assert peak_for_bits(low, high, bits) == peak


@pytest.mark.parametrize(("kind", "scale"), [("logits", 9), ("probabilities", 1), ("scores", 1)])
@pytest.mark.parametrize("bits", [8, 12])
def test_soft_labels(kind, scale, bits):
    soft = (RNG.random((5, 3)) * scale).astype(np.float32)
    given = foreign(soft=soft, soft_kind=kind)
    dataset = adopt(given, label_bits=bits)
    assert dataset.soft.kind == kind
    values = dataset.soft.values.astype(int)
    assert 0.75 * 2**bits < values.max() - values.min() < 2**bits
    off = np.abs(dataset.soft.floats - soft).max()
    assert off <= 0.5 / dataset.soft.unit + 1e-6
    assert measure(given, dataset).soft_greatest == pytest.approx(off, abs=1e-6)


def test_logits_that_span_too_much():
    with pytest.raises(InputError, match="--label-bits 8: values from 0 to 900"):
        adopt(foreign(soft=np.linspace(0, 900, 15, dtype=np.float32).reshape(5, 3), soft_kind="logits"))

"""Sets with priors: means, draws and samples, wherever they are asked for."""

import pickle
import tracemalloc

import numpy as np
import pytest

import ddcodec
from ddcodec.dataset import SoftLabels, make_set
from ddcodec.errors import InputError, LimitError
from ddcodec.limits import Limits
from ddcodec.pipeline import decode, encode_set, info, load, verify
from tests.prior_models import LINEAR, prior_model
from tests.small_models import META, MODELS, ORDER

SOFT = SoftLabels(np.arange(15, dtype=np.int16).reshape(5, 3), 100, "logits")
FILE = encode_set(prior_model(order=ORDER, soft=SOFT), META, with_hash=True)
MIXED = encode_set(MODELS["priors beside a transform"], with_hash=True)


def test_a_set_has_priors():
    found = decode(FILE)
    assert isinstance(found.priors, ddcodec.Priors)
    assert found.priors.class_counts == found.class_counts == (3, 0, 2)
    assert len(found.priors) == 5
    assert np.array_equal(found.priors.means, found.pixels)
    assert decode(encode_set(MODELS["pyramid"])).priors is None


def test_draws():
    priors = decode(FILE).priors
    first = priors.draw(0)
    assert (first.shape, first.dtype) == (priors.means.shape, np.int16)
    assert np.array_equal(first, priors.draw(0, 0))
    for other in (priors.means, priors.draw(1), priors.draw(0, 1), priors.draw(0, 2**32), priors.draw(2**32 - 1)):
        assert not np.array_equal(first, other)


def test_draws_of_part_of_a_file(tmp_path):
    path = tmp_path / "x.ddz"
    path.write_bytes(FILE)
    whole = decode(FILE).priors.draw(5, 7)
    assert np.array_equal(load(path, classes=["c"]).priors.draw(5, 7), whole[3:])
    assert np.array_equal(load(path, per_class=1).priors.draw(5, 7), whole[[0, 3]])
    assert np.array_equal(load(path, classes=[2], per_class=1).priors.draw(5, 7), whole[3:4])
    assert load(path, classes=["b"]).priors.draw(5, 7).shape == (0, 1, 5, 6)


def test_samples():
    priors = decode(FILE).priors
    pixels, chosen = priors.samples(7, 7)
    assert chosen.tolist() == [0, 1, 2, 0, 1, 2, 0, 3, 4, 3, 4, 3, 4, 3]
    for place, (number, prior) in enumerate(zip([0, 0, 0, 1, 1, 1, 2, 0, 0, 1, 1, 2, 2, 3], chosen, strict=True)):
        assert np.array_equal(pixels[place], priors.draw(number, 7)[prior])


def test_a_sampled_set():
    found = decode(FILE)
    drawn = found.sampled(4, 7)
    assert drawn.class_counts == (4, 0, 4)
    assert np.array_equal(drawn.pixels, found.priors.samples(4, 7)[0])
    assert drawn.labels.tolist() == [0] * 4 + [2] * 4
    assert (drawn.priors, drawn.order, drawn.label_views) == (None, None, None)
    assert (drawn.classes, drawn.mean, drawn.recipe) == (found.classes, found.mean, found.recipe)
    # samples of class 0 stand in rows 1, 2, 4 of the order 2 0 0 2 0, those of class 2 in rows 0, 3
    assert drawn.soft.values[:, 0].tolist() == [3, 6, 12, 3, 0, 9, 0, 9]
    assert drawn.soft.unit == 100
    assert make_set(drawn.pixels, drawn.peak, drawn.class_counts).content_hash() != found.content_hash()


def test_images_beside_priors_are_their_own_draws():
    found = decode(MIXED)
    drawn = found.priors.draw(9, 3)
    assert found.class_counts == (2, 2, 1)
    assert np.array_equal(drawn[2:4], found.pixels[2:4])
    assert not np.array_equal(drawn[4], found.pixels[4])
    sampled = found.sampled(3, 3)
    assert np.array_equal(sampled.pixels[3:6], found.pixels[[2, 3, 2]])
    assert np.array_equal(sampled.pixels[6], found.priors.draw(0, 3)[4])
    assert info(MIXED).representation == "priors and transform"


def test_the_hash_covers_the_spreads():
    """Two files whose means give the same images, but not their draws."""
    one, other = prior_model(), prior_model()
    other.latents[0][1, LINEAR.dimensions + 2] += 3
    first, second = (decode(encode_set(model, with_hash=True)) for model in (one, other))
    assert np.array_equal(first.pixels, second.pixels)
    assert not np.array_equal(first.priors.draw(0), second.priors.draw(0))
    assert first.content_hash() != second.content_hash()
    assert verify(encode_set(other, with_hash=True)).content_hash == second.content_hash()


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda priors: priors.draw(-1), "draw: expected 0..4294967295, found -1"),
        (lambda priors: priors.draw(2**32), "draw: expected 0..4294967295, found 4294967296"),
        (lambda priors: priors.draw(0, -1), "seed: expected 0..18446744073709551615, found -1"),
        (lambda priors: priors.samples(1, 2**64), "seed: .* found 18446744073709551616"),
        (lambda priors: priors.samples(0), "samples of each class: expected at least 1, found 0"),
    ],
)
def test_numbers_out_of_range(act, text):
    with pytest.raises(InputError, match=text):
        act(decode(FILE).priors)


def test_sets_without_priors():
    with pytest.raises(InputError, match="the set has no priors to draw samples from"):
        decode(encode_set(MODELS["pyramid"])).sampled(3)
    with pytest.raises(InputError, match="priors: not those of the images"):
        make_set(np.zeros((1, 1, 5, 6), np.int16), 255, (1,), priors=decode(FILE).priors)


def test_samples_within_limits():
    priors = decode(FILE).priors
    with pytest.raises(LimitError, match=r"1,000,000,000,000 samples of each class are .* images, the limit"):
        priors.samples(10**12)
    with pytest.raises(LimitError, match="2 samples of each class are 120 pixels, the limit is 119"):
        priors.samples(2, limits=Limits(pixels=119))
    assert len(priors.samples(2, limits=Limits(pixels=120))[0]) == 4


def test_drawing_takes_little_memory():
    """Beyond the images themselves: all at once, the activations of these would take 50 MB."""
    priors = decode(FILE).priors
    tracemalloc.start()
    try:
        pixels, _ = priors.samples(20_000)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes - pixels.nbytes < 10 * 2**20


def test_priors_travel_to_other_processes():
    found = decode(FILE)
    assert np.array_equal(pickle.loads(pickle.dumps(found)).priors.draw(3), found.priors.draw(3))

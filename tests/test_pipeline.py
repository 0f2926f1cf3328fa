"""Whole files, from networks and latents to a set and back."""

import dataclasses

import numpy as np
import pytest

import ddcodec
from ddcodec.codecs.configs import Shape
from ddcodec.dataset import SoftLabels, make_set
from ddcodec.errors import EncodeError, InputError, LimitError
from ddcodec.format.wire import pack_varint
from ddcodec.limits import Limits
from ddcodec.pipeline import decode, encode_pixels, encode_set, info, load, read_file, verify
from tests.small_models import META, MODELS, ORDER, PYRAMID, networks


@pytest.mark.parametrize("coded", MODELS.values(), ids=MODELS)
def test_round_trip(coded):
    data = encode_set(coded, with_hash=True)
    found = decode(data)
    assert np.array_equal(found.pixels, coded.render())
    assert found.class_counts == coded.counts
    assert found.peak == 255
    assert (
        found.labels.tolist()
        == (np.repeat(np.arange(len(coded.counts)), coded.counts) if coded.order is None else coded.order).tolist()
    )
    assert encode_set(coded, with_hash=True) == data
    report = verify(data)
    assert report.hash_stored
    assert report.content_hash == found.content_hash()
    assert report.images == sum(coded.counts)


def test_render_goes_class_by_class():
    coded = MODELS["a group for each class"]
    parts = [net.render(part) for net, part in zip(coded.networks, coded.latents, strict=True) if len(part)]
    assert np.array_equal(coded.render(), np.concatenate(parts))


def test_metadata_comes_back():
    found = decode(encode_set(MODELS["pyramid"], META))
    for field in dataclasses.fields(META):
        assert getattr(found, field.name) == getattr(META, field.name)


def test_sorted_order_is_left_out():
    coded = dataclasses.replace(MODELS["pyramid"], order=np.array([0, 0, 0, 2, 2]))
    assert encode_set(coded) == encode_set(MODELS["pyramid"])


@pytest.mark.parametrize("name", ["pyramid", "shared by some, shuffled"])
@pytest.mark.parametrize("wanted", [[0], [2], [1], [2, 0], []])
def test_some_classes(name, wanted):
    data = encode_set(MODELS[name], META)
    whole, part = decode(data), decode(data, classes=wanted)
    kept = np.isin(whole.labels, wanted)
    assert part.labels.tolist() == whole.labels[kept].tolist()
    assert np.array_equal(part.images, whole.images[kept])
    assert part.class_counts == tuple(n if c in wanted else 0 for c, n in enumerate(whole.class_counts))
    assert part.classes == whole.classes


@pytest.mark.parametrize("number", [-1, 3])
def test_unknown_classes(number):
    with pytest.raises(InputError):
        decode(encode_set(MODELS["pyramid"]), classes=[number])


def test_info():
    coded = MODELS["shared by some, shuffled"]
    data = encode_set(coded, META, with_hash=True)
    found = info(data)
    assert list(found.section_bytes) == ["NETS", "LATN", "LABL", "hash", "meta"]
    assert found.overhead_bytes + sum(found.section_bytes.values()) == found.file_bytes == len(data)
    assert found.class_bytes[1] == 0
    tables = sum(len(pack_varint(size)) for size in found.class_bytes)
    assert sum(found.class_bytes) + tables == found.section_bytes["LATN"]
    assert found.metadata == META
    assert found.bits_per_image == 8 * len(data) / 5
    assert found.bits_per_pixel == found.bits_per_image / 30
    assert info(encode_set(MODELS["empty"])).bits_per_image == float("inf")


def test_files_on_disk(tmp_path):
    path = tmp_path / "a.ddz"
    path.write_bytes(encode_set(MODELS["pyramid"]))
    assert np.array_equal(ddcodec.load(path).pixels, MODELS["pyramid"].render())
    assert load(str(path), classes=[0]).class_counts == (3, 0, 0)
    for missing in (tmp_path / "b", tmp_path, "a\0b"):
        with pytest.raises(InputError):
            load(missing)
    with pytest.raises(LimitError):
        read_file(path, Limits(file_bytes=10))
    with pytest.raises(LimitError):
        read_file("/dev/zero", Limits(file_bytes=10))


@pytest.mark.parametrize("limit", ["latents", "pixels", "images", "weights", "file_bytes"])
def test_limits(limit):
    data, limits = encode_set(MODELS["pyramid"]), Limits(**{limit: 4})
    for act in (lambda: decode(data, limits), lambda: encode_set(MODELS["pyramid"], limits=limits)):
        with pytest.raises(LimitError) as caught:
            act()
        assert caught.value.limit == limit


def test_models_that_do_not_fit_together():
    coded = MODELS["pyramid"]
    other = networks(PYRAMID, Shape(1, 6, 6, 255))
    for changes in (
        {"group_of_class": (0, 0)},
        {"group_of_class": (0, 1, 0)},
        {"networks": [*coded.networks, other], "group_of_class": (0, 1, 0)},
        {"latents": [part[:, :-1] for part in coded.latents]},
        {"order": np.array([2, 0, 0])},
        {"order": np.array([2, 0, 0, 2, 7])},
    ):
        with pytest.raises(EncodeError):
            encode_set(dataclasses.replace(coded, **changes))


def exact_set(order=ORDER):
    """Five small images with soft labels and all there is to say about them."""
    rng = np.random.default_rng(6)
    soft = SoftLabels(rng.integers(-900, 900, (5, 3)).astype(np.int16), 255, "scores")
    pixels = rng.integers(-300, 300, (5, 1, 4, 3)).astype(np.int16)
    return make_set(pixels, 255, (3, 0, 2), order=order, soft=soft, **vars(META))


@pytest.mark.parametrize("order", [None, ORDER])
def test_exact_files(order):
    given = exact_set(order)
    data = encode_pixels(given)
    found = decode(data)
    assert verify(data).content_hash == given.content_hash() == found.content_hash()
    assert np.array_equal(found.pixels, given.pixels)
    assert np.array_equal(found.images, given.images)
    assert np.array_equal(found.labels, given.labels)
    assert np.array_equal(found.soft.values, given.soft.values)
    assert (found.soft.kind, found.soft.unit) == ("scores", 255)
    assert vars(META).items() <= vars(found).items()
    labels = [] if order is None else ["LABL"]
    assert list(info(data).section_bytes) == ["NETS", "LATN", *labels, "SOFT", "hash", "meta"]
    assert encode_pixels(found) == data


@pytest.mark.parametrize("wanted", [[0], [2], [1], [2, 0]])
def test_soft_labels_of_some_classes(wanted):
    data = encode_pixels(exact_set())
    whole, part = decode(data), decode(data, classes=wanted)
    kept = np.isin(whole.labels, wanted)
    assert np.array_equal(part.soft.values, whole.soft.values[kept])
    assert np.array_equal(part.images, whole.images[kept])


def test_soft_labels_are_in_the_content_hash():
    given = exact_set()
    changed = [
        dataclasses.replace(given, soft=None),
        dataclasses.replace(given, soft=dataclasses.replace(given.soft, unit=254)),
        dataclasses.replace(given, soft=dataclasses.replace(given.soft, kind="logits")),
        dataclasses.replace(given, soft=dataclasses.replace(given.soft, values=given.soft.values + np.int16(1))),
    ]
    assert len({one.content_hash() for one in [given, *changed]}) == 5


def test_limit_of_soft_labels():
    given, limits = exact_set(), Limits(soft_labels=14)
    data = encode_pixels(given, limits=Limits(soft_labels=15))
    for act in (lambda: decode(data, limits), lambda: encode_pixels(given, limits=limits)):
        with pytest.raises(LimitError) as caught:
            act()
        assert caught.value.limit == "soft_labels"

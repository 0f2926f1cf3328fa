"""What `diff` says, and how it ends."""

import dataclasses
import json

import numpy as np
import pytest

from ddcodec.codecs.configs import Shape
from ddcodec.comparison import compare, label_changes, open_side
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import decode, encode_set
from tests.calls import call, complaint, write
from tests.report.files import plain_set
from tests.small_models import META, MODELS, ORDER, PYRAMID, TRANSFORM, model, networks


def against(tmp_path, left, right, code=1):
    """What `diff --json` says about two files; the tables must work for them, too."""
    a, b = tmp_path / "a.ddz", tmp_path / "b.ddz"
    a.write_bytes(left)
    b.write_bytes(right)
    assert call("diff", a, b, code=code).stdout.startswith(f"{a} and {b}: ")
    found = json.loads(call("diff", a, b, "--json", code=code).stdout)
    json.dumps(found, allow_nan=False)
    assert found["same"] == (code == 0)
    return found


def named(changes):
    return {change["name"]: (change["left"], change["right"]) for change in changes}


@pytest.mark.parametrize("name", MODELS)
def test_diff_of_equal_files(tmp_path, name):
    data = encode_set(MODELS[name], with_hash=True)
    found = against(tmp_path, data, data, code=0)
    assert found["same_content"]
    parts = ("header", "sections", "metadata", "labels", "label_values", "networks", "tensors", "latents", "pixels")
    assert not any(found[part] for part in (*parts, "notes"))


def test_diff_of_metadata(tmp_path):
    other = dataclasses.replace(
        META, classes=("a", "B", "c"), mean=None, recipe={"epochs": 6, "new": 1.0}, extra={"x-y": 2.0}
    )
    left, right = encode_set(MODELS["pyramid"], META), encode_set(MODELS["pyramid"], other)
    found = against(tmp_path, left, right)
    assert found["same_content"]
    assert named(found["metadata"]) == {
        "classes.1": ("b", "B"),
        "mean": ([0.5], None),
        "recipe.epochs": (5, 6),
        "recipe.new": (None, 1.0),
        "extra.x-y": (2, 2.0),
    }
    assert list(named(found["sections"])) == ["meta"]
    assert not found["pixels"]


def test_diff_of_a_hash_alone(tmp_path):
    coded = MODELS["pyramid"]
    found = against(tmp_path, encode_set(coded), encode_set(coded, with_hash=True))
    assert found["same_content"]
    assert named(found["sections"]) == {"hash": (None, 32)}


def test_diff_of_latents_and_pixels(tmp_path):
    coded = MODELS["pyramid"]
    latents = [part.copy() for part in coded.latents]
    latents[2][1, 3] += 9
    other = dataclasses.replace(coded, latents=latents)
    found = against(tmp_path, encode_set(coded), encode_set(other))
    assert not found["same_content"]
    assert named(found["sections"]).keys() == {"LATN"}
    assert not found["networks"] + found["tensors"] + found["header"]
    (change,) = found["latents"]
    assert (change["number"], change["values"], change["differing"]) == (2, latents[2].size, 1)
    whole, part = found["pixels"]
    a, b = coded.render().astype(int), other.render().astype(int)
    gaps = np.abs(a - b)
    assert (whole["number"], whole["images"], whole["differing"]) == (None, 5, 1)
    assert (part["number"], part["images"], part["differing"]) == (2, 2, 1)
    assert whole["greatest"] == part["greatest"] == gaps.max()
    assert whole["mean"] == pytest.approx(gaps.mean())
    assert part["mean"] == pytest.approx(gaps[3:].mean())
    assert whole["psnr"] == pytest.approx(10 * np.log10(255**2 / (gaps**2).mean()))
    assert part["psnr"] == pytest.approx(10 * np.log10(255**2 / (gaps[3:] ** 2).mean()))


def test_diff_of_networks(tmp_path):
    coded = MODELS["shared by some, shuffled"]
    net = coded.networks[1]
    tensors = [tensor.copy() for tensor in net.tensors]
    place = [spec.name for spec in net.specs].index("context.0.weight")
    tensors[place].flat[:3] += 1
    shifts = (*net.shifts[:-1], net.shifts[-1] + 1)
    other_net = dataclasses.replace(net, tensors=tuple(tensors), shifts=shifts)
    other = dataclasses.replace(coded, networks=[coded.networks[0], other_net])
    found = against(tmp_path, encode_set(coded), encode_set(other))
    (tensor,) = found["tensors"]
    assert tensor == {"name": "group 1.context.0.weight", "values": tensors[place].size, "differing": 3, "greatest": 1}
    assert named(found["networks"]) == {"group 1.context.1.bias.shift": (3, 4)}
    assert not found["pixels"]  # the context changes bits alone
    assert all(change["differing"] == 0 for change in found["latents"])


def test_diff_of_other_networks(tmp_path):
    found = against(tmp_path, encode_set(model((PYRAMID,))), encode_set(model((TRANSFORM,))))
    assert named(found["networks"])["group 0.synthesis"] == ("pyramid", "transform")
    assert found["latents"][0]["number"] == 0
    assert {(row["values"], row["differing"]) for row in found["latents"]} == {(None, None)}
    assert all(row["left_bits"] != row["right_bits"] for row in found["latents"] if row["number"] != 1)
    found = against(tmp_path, encode_set(MODELS["a group for each class"]), encode_set(model((PYRAMID,))))
    assert named(found["networks"])["groups"] == (3, 1)
    assert named(found["header"])["networks of class 1"] == (1, 0)


def test_diff_of_the_order(tmp_path):
    left = encode_set(model(order=ORDER))
    found = against(tmp_path, left, encode_set(model()))
    assert named(found["labels"]) == {"order": ("stored", "sorted by class")}
    assert found["label_values"] == [{"name": "labels", "values": 5, "differing": 2, "greatest": 0}]
    assert named(found["sections"])["LABL"][1] is None
    assert not found["same_content"]
    found = against(tmp_path, left, encode_set(model(order=ORDER[::-1].copy())))
    assert not found["labels"]
    assert found["label_values"][0]["differing"] == np.count_nonzero(ORDER[::-1] != ORDER)


def test_diff_of_other_shapes(tmp_path):
    left = encode_set(MODELS["pyramid"])
    found = against(tmp_path, left, encode_set(model(counts=(3, 1, 2))))
    assert named(found["header"]) == {"images of class 1": (0, 1)}
    assert found["notes"] == ["pixels: not compared in 1 class(es), the first being 1 (0 against 1 images)"]
    found = against(tmp_path, left, encode_set(MODELS["one class"]))
    assert "pixels: not compared, since the numbers of classes differ" in found["notes"]
    assert named(found["header"])["classes"] == (3, 1)


def test_diff_of_other_peaks(tmp_path):
    nets = [networks(PYRAMID, Shape(1, 5, 6, 100))]
    other = dataclasses.replace(MODELS["pyramid"], networks=nets)
    found = against(tmp_path, encode_set(MODELS["pyramid"]), encode_set(other))
    assert named(found["header"]) == {"shape.peak": (255, 100)}
    assert found["notes"] == ["pixels: in 1/255 of 1.0, since the peaks differ"]
    pixels = decode(encode_set(MODELS["pyramid"])).pixels
    gaps = np.abs(pixels * 2.55 - pixels)
    whole = found["pixels"][0]
    assert (whole["number"], whole["images"]) == (None, len(pixels))
    assert whole["greatest"] == pytest.approx(gaps.max())
    assert whole["mean"] == pytest.approx(gaps.mean())
    assert whole["psnr"] == pytest.approx(10 * np.log10(255**2 / (gaps**2).mean()))


def with_section(data, kind, payload, codec=1):
    """The same file with a section that no reader knows."""
    container = read_container(data)
    header = container.header
    parts = [Payload(s.kind, s.codec, container.payload(s.kind)) for s in header.sections]
    return write_container(header.counts, header.shape, header.group_of_class, [*parts, Payload(kind, codec, payload)])


def test_diff_of_unknown_sections(tmp_path):
    data = encode_set(MODELS["pyramid"])
    a, b = with_section(data, "zzzz", b"abc"), with_section(data, "zzzz", b"abd")
    assert named(against(tmp_path, a, b)["sections"]) == {"zzzz": (3, 3)}
    assert named(against(tmp_path, a, data)["sections"]) == {"zzzz": (3, None)}
    assert against(tmp_path, a, a, code=0)["same"]


def test_diff_of_soft_labels():
    a, b = (plain_set(soft="logits", seed=seed) for seed in (0, 1))
    changes, values = label_changes(a, b)
    assert changes == ()
    gaps = np.abs(a.soft.values.astype(int) - b.soft.values)
    assert (values[0].name, values[0].differing, values[0].greatest) == ("soft labels", (gaps > 0).sum(), gaps.max())
    changes, values = label_changes(a, plain_set())
    assert {change.name for change in changes} == {"soft.kind", "soft.unit", "soft.shape"}
    assert values == ()


def test_diff_that_fails_ends_with_another_code(tmp_path):
    good, bad = write(tmp_path / "x.ddz"), tmp_path / "bad.ddz"
    bad.write_bytes(good.read_bytes()[:-1])
    assert complaint("diff", good, tmp_path / "no.ddz", code=2).startswith(f"{tmp_path / 'no.ddz'}: ")
    assert complaint("diff", bad, good, code=65).startswith(f"{bad}: ")
    call("diff", good, code=2)


def test_diff_lists_a_bounded_number_of_rows(tmp_path):
    a = encode_set(model(groups=(0,) * 60, counts=(1,) * 60))
    b = encode_set(model(groups=(0,) * 60, counts=(1,) * 60, seed=9))
    assert len(against(tmp_path, a, b)["pixels"]) == 61
    text = call("diff", tmp_path / "a.ddz", tmp_path / "b.ddz", code=1).stdout
    assert "... 21 more; --json lists all" in text
    assert compare(open_side(a), open_side(a)).same


def test_diff_shows_hostile_names_harmlessly(tmp_path):
    a = write(tmp_path / "a.ddz", metadata=Metadata(classes=("\x1b[31mred", "[bold]b", "c")))
    b = write(tmp_path / "b.ddz", metadata=Metadata(classes=("red", "b", "c")))
    text = call("diff", a, b, code=1).stdout
    assert "\x1b" not in text
    assert "[bold]b" in text
    assert text.splitlines()[0].endswith(": the same content in different files")

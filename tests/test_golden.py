"""Files that must decode to the same integers, or fail in the same way, for ever. Only read here: see make.py."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from ddcodec import errors
from ddcodec.codecs.label_section import pack_front
from ddcodec.codecs.label_vq import VqParameters
from ddcodec.dataset import SOFT_KINDS, sample_labels
from ddcodec.entropy.fixed_point import Layer, row_bound
from ddcodec.format.container import read_container
from ddcodec.limits import Limits
from ddcodec.pipeline import decode, encode_set, verify
from ddcodec.reading import labels_of, open_row_section, read_metadata, read_order, read_row_samples
from tests import reference_decoder
from tests.codecs.generate import read_model

FOLDER = Path(__file__).parent / "golden"
VALID = json.loads((FOLDER / "hashes.json").read_text(encoding="utf-8"))
INVALID = json.loads((FOLDER / "invalid.json").read_text(encoding="utf-8"))
FROM_A_LATER_WRITER = {"later-minor-version.ddz"}
SETS = [name for name in VALID if "pixels" in VALID[name]]  # the others hold labels alone
PRIORS = [name for name in VALID if "draw" in VALID[name]]
ROWS = [name for name in VALID if "rows" in VALID[name]]
CODEC_RULES = {
    *(f"E{n}" for n in range(1, 6)),
    *("W1", "W2", "N1", "N2", "N3"),
    *(f"G{n}" for n in range(1, 7)),
    *(f"P{n}" for n in range(1, 6)),
    *(f"T{n}" for n in range(1, 5)),
    *(f"L{n}" for n in range(1, 5)),
    *(f"X{n}" for n in range(1, 6)),
    *(f"S{n}" for n in range(1, 5)),
    *(f"V{n}" for n in (*range(1, 8), 9, 10)),
    *(f"K{n}" for n in range(1, 6)),
    *("D1", "D2", "Q1", "Q2", "Q3"),
    *(f"A{n}" for n in range(1, 14)),
    *(f"R{n}" for n in range(1, 9)),
}
# The headers' rules have their files in tests/hostile. Two limits have none: a file of 2^30 bytes does not belong
# here, and 10,000 groups cannot be exceeded, as rule H1 comes first. Nor have rules N4 and V8, which no file can break.
LIMITS = {"latents", "pixels", "images", "weights", "soft_labels", "label_rows"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def valid(name):
    return (FOLDER / "valid" / name).read_bytes()


def test_no_file_is_missing_or_unlisted():
    for part, listed in (("valid", VALID), ("invalid", INVALID)):
        assert {path.name for path in (FOLDER / part).iterdir()} == set(listed)
    sizes = [len(valid(name)) for name in VALID]
    assert max(sizes) < 4_096
    assert sum(sizes) < 40_000


@pytest.mark.parametrize("name", SETS)
def test_decoded_integers(name):
    data = valid(name)
    assert sha256(data) == VALID[name]["file"]
    found, coded = decode(data), read_model(data)
    assert sha256(found.pixels.astype("<i2").tobytes()) == VALID[name]["pixels"]
    assert sha256(b"".join(part.astype("<i2").tobytes() for part in coded.latents)) == VALID[name]["latents"]
    assert verify(data).content_hash == found.content_hash()


@pytest.mark.parametrize("name", SETS)
def test_decoded_integers_of_the_reference(name):
    found = reference_decoder.decode(valid(name))
    flat = [value for images in found["latents"] for image in images for value in image]
    assert sha256(np.array(flat, "<i2").tobytes()) == VALID[name]["latents"]
    assert sha256(np.array(found["pixels"], "<i2").tobytes()) == VALID[name]["pixels"]
    order = decode(valid(name)).order
    assert found["labels"] == (None if order is None else order.tolist())
    soft = decode(valid(name)).soft
    assert (found["soft"] is None) == (soft is None)
    if soft is not None:
        assert found["soft"] == (SOFT_KINDS.index(soft.kind), soft.unit, soft.values.tolist())
    assert found["hash_ok"] in (None, True)
    assert found["hash"] == decode(valid(name)).content_hash()


@pytest.mark.parametrize("name", PRIORS)
def test_drawn_integers(name):
    """Draw 5 under seed 7; draw 0 is part of the content hash."""
    drawn = decode(valid(name)).priors.draw(5, 7)
    assert sha256(drawn.astype("<i2").tobytes()) == VALID[name]["draw"]
    expected = reference_decoder.decode(valid(name))["draw"](5, 7)
    assert drawn.reshape(len(drawn), -1).tolist() == expected


def test_priors_are_where_their_draws_are_pinned():
    assert {name for name in SETS if decode(valid(name)).priors is not None} == set(PRIORS)
    found = decode(valid("priors-and-transform.ddz"))
    drawn = [bool(changed.any()) for changed in found.priors.draw(5, 7) != found.pixels]
    assert drawn == [True, True, False, False, True, True]
    assert found.soft is not None
    configs = [read_model(valid(f"priors-{name}.ddz")).networks[0].config for name in ("linear-4", "straight-3")]
    assert [(config.linear, config.kernel) for config in configs] == [(True, 4), (False, 3)]


@pytest.mark.parametrize("name", ROWS)
def test_decoded_rows(name):
    data, expected = valid(name), reference_decoder.decode(valid(name))
    found = labels_of(data)
    assert sha256(data) == VALID[name]["file"]
    assert sha256(found.numbers(0, len(found)).astype("<i4").tobytes()) == VALID[name]["rows"]
    assert found.numbers(0, len(found)).tolist() == expected["rows"].numbers
    assert verify(data).content_hash == expected["hash"]
    assert expected["hash_ok"] in (None, True)


@pytest.mark.parametrize("name", ROWS)
def test_same_rows_in_same_bytes_out(name):
    container = read_container(valid(name))
    rows = open_row_section(container, Limits())
    labels = sample_labels(read_order(container), container.header.counts)
    samples = read_row_samples(container, rows.head, Limits())
    blocks = []
    for number in range(rows.head.block_count):
        blob, own, place = rows._block(number, labels, samples)
        if isinstance(rows.reader, VqParameters):
            blocks.append(rows.reader.encode(rows.reader.indices_of(blob, len(own), offset=place)))
        else:
            blocks.append(rows.reader.encode(rows.reader.rows_of(blob, own, offset=place), own))
    front = pack_front(rows.head, rows.reader.pack(), [len(block) for block in blocks])
    assert front + b"".join(blocks) == container.payload("SOFT")


@pytest.mark.parametrize("name", sorted(set(SETS) - set(ROWS) - FROM_A_LATER_WRITER))
def test_same_integers_in_same_bytes_out(name):
    container = read_container(valid(name))
    with_hash = container.section("hash") is not None
    assert encode_set(read_model(valid(name)), read_metadata(container), with_hash=with_hash) == valid(name)


def test_the_files_hold_what_they_are_for():
    everything = decode(valid("groups-array-everything.ddz"))
    assert everything.classes == ("cat", "dög", "owl")
    assert everything.recipe["epochs"] == 300
    assert everything.extra == {"x-list": [1, -2, 0.5, True, "é"]}
    assert everything.order is not None
    assert read_container(valid("groups-array-everything.ddz")).header.group_of_class == (0, 1, 0)
    assert read_container(valid("later-minor-version.ddz")).header.minor == 3
    assert read_model(valid("stream-00.ddz")).latents[0].size > 0
    assert valid("stream-00.ddz")[-1] == 0
    bases = read_model(valid("transform-both-bases.ddz")).networks[0]
    assert (bases.context_base, bases.config.filter_base) == (1, 2)
    assert np.abs(read_model(valid("extreme-values.ddz")).latents[1].astype(int)).max() > 30_000


def test_every_rule_of_the_codecs_has_a_file():
    assert {entry["rule"] for entry in INVALID.values()} == CODEC_RULES | {"limit"}
    assert {entry.get("limit") for entry in INVALID.values()} == LIMITS | {None}


@pytest.mark.parametrize("name", INVALID)
def test_invalid(name):
    data, entry = (FOLDER / "invalid" / name).read_bytes(), INVALID[name]
    with pytest.raises(errors.DdzError) as caught:
        (decode if b"LATN" in data[:99] else verify)(data)
    assert type(caught.value).__name__ == entry["error"]
    if "limit" in entry:
        assert caught.value.limit == entry["limit"]
    else:
        assert (caught.value.rule, caught.value.offset) == (entry["rule"], entry["offset"])
    with pytest.raises(reference_decoder.Invalid) as refused:
        reference_decoder.decode(data)
    assert refused.value.rule == ("limit" if "limit" in entry else entry["rule"])


def test_no_layer_can_break_rule_n4():
    """N4 has no file: within N1 to N3 and the shapes of sections 6 to 7c, no sum comes near 2^53."""
    widest = {1_536: 56, 2_047: 128, 4_095: 1_024 * 16, 32_767: 640, 65_535: 26}  # largest input, most inputs
    for largest, fan_in in widest.items():
        weight, bias = np.full((1, fan_in), -32_768, np.int64), np.full(1, -32_768, np.int64)
        assert row_bound(Layer(weight, 15, bias, 15), largest) < 2**42

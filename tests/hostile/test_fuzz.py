"""Golden files with bits flipped, cut, or rewritten behind right checksums: an error of ours, or the same answer
from both decoders; and never a long wait."""

import json
import time
from functools import cache
from pathlib import Path

import msgpack
import numpy as np
import pytest

from ddcodec.dataset import SoftLabels, make_set
from ddcodec.errors import DdzError
from ddcodec.format.container import read_container
from ddcodec.limits import Limits
from ddcodec.pipeline import decode, encode_pixels, info, verify
from ddcodec.verification import content_hash
from tests import reference_decoder
from tests.hostile.mutate import parse, single_bit_flips

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = sorted(json.loads((GOLDEN / "hashes.json").read_text(encoding="utf-8")))
MADE = ("pixels", "pixels with soft labels, unsorted")
SMALL = ("transform-block-32.ddz", "pyramid-deep.ddz", "soft-scores-unsorted.ddz", "priors-straight-3.ddz", *MADE)
MUTATIONS, CHUNKS = 2_000, 10
LIMITS = Limits(latents=2**12, pixels=2**13, images=2**10, weights=2**16, soft_labels=2**12, label_rows=2**10)
SECONDS = 2  # of one CPU, for one file


def golden(name):
    """A file to be damaged: a golden one, or one of pixels under the base as it is at present."""
    return made(name) if name in MADE else (GOLDEN / "valid" / name).read_bytes()


@cache
def made(name):
    """A small exact set, with soft labels or without."""
    rng = np.random.default_rng(12)
    if name == MADE[0]:
        return encode_pixels(make_set(rng.integers(90, 120, (2, 3, 3, 4)).astype(np.int16), 255, (1, 1)))
    soft = SoftLabels(rng.integers(-2_000, 2_000, (3, 2)).astype(np.int16), 100, "logits")
    pixels = rng.integers(-20_000, 20_000, (3, 2, 2, 2)).astype(np.int16)
    return encode_pixels(make_set(pixels, 1_023, (2, 1), order=[1, 0, 0], soft=soft))


@pytest.fixture
def small_limits(monkeypatch):
    """The same limits for the other decoder."""
    for name in ("latents", "pixels", "images", "weights", "soft_labels", "label_rows"):
        monkeypatch.setitem(reference_decoder.LIMITS, name, getattr(LIMITS, name))


@pytest.mark.parametrize("name", SMALL)
def test_every_flipped_bit(name):
    for broken in single_bit_flips(golden(name)):
        with pytest.raises(DdzError):
            decode(broken)


@pytest.mark.parametrize("name", SMALL)
def test_every_truncation(name):
    data = golden(name)
    for size in range(len(data)):
        with pytest.raises(DdzError):
            decode(data[:size])


@pytest.mark.parametrize("name", SMALL)
def test_bits_that_mean_nothing_yet(name):
    """With its checksum repaired, a file of a later minor version or with compatible flags is the same set."""
    expected = decode(golden(name)).content_hash()
    for field in ("minor", "compatible"):
        for bit in range(8):
            draft = parse(golden(name))
            setattr(draft, field, 1 << bit)
            assert decode(draft.build()).content_hash() == expected


def both(data):
    """Decode with both decoders; they agree on whether the file is valid, and on what it holds."""
    start = time.process_time()
    answer, rule, message = None, "none", ""
    try:
        answer = content_hash(read_container(data, LIMITS), LIMITS)
        verify(data, LIMITS)
        info(data, LIMITS)
    except DdzError as error:
        rule = getattr(error, "rule", None) or "limit"
        message = str(error)
        if rule in ("M1", "M4") and answer is not None:  # only `verify` compares the hash
            rule = "none"
    assert time.process_time() - start < SECONDS
    assert message.isprintable()
    expected, other = None, "none"
    try:
        expected = reference_decoder.decode(data)
    except reference_decoder.Invalid as error:
        other = error.rule
    assert (rule == "none") == (other == "none"), (rule, other, data.hex())
    if expected is not None:
        assert answer == expected["hash"], data.hex()
    return rule


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("name", "section"),
    [
        *((name, n) for name in ("transform-block-32.ddz", "priors-straight-3.ddz") for n in range(2)),
        *((MADE[1], n) for n in range(4)),
    ],
)
def test_every_bit_of_a_payload_behind_a_right_checksum(name, section):
    original = golden(name)
    for place in range(len(parse(original).payloads[section][2])):
        for bit in range(8):
            draft = parse(original)
            payload = bytearray(draft.payloads[section][2])
            payload[place] ^= 1 << bit
            draft.payloads[section][2] = bytes(payload)
            both(draft.build())


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_mutations_behind_right_checksums(chunk):
    rng = np.random.default_rng([7, chunk])
    rules = {both(mutated(rng)) for _ in range(MUTATIONS // CHUNKS)}
    assert len(rules) > 10  # the noise gets past the first check


def any_file(rng):
    """One of the files, each of those of pixels more often than another."""
    names = MADE if rng.random() < 0.25 else NAMES
    return golden(names[rng.integers(len(names))])


def mutated(rng):
    """One file with one to three changes; sizes and checksums are right again."""
    draft = parse(any_file(rng))
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(10)
        if kind == 0:
            change_header(rng, draft)
        elif kind == 1:
            donor = parse(any_file(rng)).payloads
            draft.payloads[rng.integers(len(draft.payloads))] = donor[rng.integers(len(donor))]
        else:
            section = draft.payloads[rng.integers(len(draft.payloads))]
            section[2] = changed_bytes(rng, section[2])
    return draft.build()


def change_header(rng, draft):
    values = [0, 1, 2, 3, 5, 17, 255, 4_096, 2**32 - 1, 2**64 - 1]
    value = values[rng.integers(len(values))]
    element = rng.integers(4)
    if type(draft.header[element]) is list:
        draft.header[element][rng.integers(len(draft.header[element]))] = value
    else:
        draft.header[element] = value


def changed_bytes(rng, data):
    data, kind = bytearray(data), rng.integers(6)
    place = int(rng.integers(min(len(data), 40) if rng.random() < 0.5 else len(data))) if data else 0
    if kind == 0:
        data[place:place] = rng.bytes(rng.integers(1, 4))
    elif kind == 1:
        del data[place : place + rng.integers(1, 4)]
    elif kind == 2:
        data = data[:place]
    elif data:
        data[place] = rng.integers(256) if kind < 5 else data[place] ^ (1 << rng.integers(8))
    return bytes(data)


def test_the_largest_header_is_read_quickly():
    draft = parse(golden("no-images.ddz"))
    draft.header[:2] = [10_000, [*[0] * 9_999, 1]]
    draft.header[3] = [n // 2 for n in range(10_000)]
    assert len(msgpack.packb(draft.header)) < 65_000
    both(draft.build())

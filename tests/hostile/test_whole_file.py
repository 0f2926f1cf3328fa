"""Whole files with damage that only the codecs, or the checks between sections, can notice."""

import hashlib

import numpy as np
import pytest

from ddcodec.errors import ChecksumError, DdzError, FormatError
from ddcodec.format.metadata import Metadata, pack_metadata
from ddcodec.limits import Limits
from ddcodec.pipeline import decode, encode_set, info, verify
from tests.hostile.mutate import parse
from tests.small_models import META, MODELS


def test_wrong_hash():
    draft = parse(encode_set(MODELS["pyramid"], with_hash=True))
    draft.payloads[2][2] = hashlib.sha256(b"other").digest()
    data = draft.build()
    decode(data)  # nobody asked
    with pytest.raises(ChecksumError) as caught:
        verify(data)
    assert (caught.value.rule, caught.value.offset) == ("M4", draft.payload_place(2))


def test_hash_of_another_size():
    draft = parse(encode_set(MODELS["pyramid"], with_hash=True))
    draft.payloads[2][2] += b"x"
    for act in (decode, verify, info):
        with pytest.raises(FormatError) as caught:
            act(draft.build())
        assert (caught.value.rule, caught.value.offset) == ("M1", draft.payload_place(2))


def test_metadata_and_labels_are_checked_in_a_whole_file():
    draft = parse(encode_set(MODELS["shared by some, shuffled"], META))
    draft.payloads[3][2] = pack_metadata(Metadata(classes=("a", "b")), 2, 1)
    with pytest.raises(FormatError) as caught:
        decode(draft.build())
    assert (caught.value.rule, caught.value.offset) == ("M3", draft.payload_place(3))
    draft = parse(encode_set(MODELS["one class"]))
    draft.payloads.append(["LABL", 1, b"x"])
    with pytest.raises(FormatError) as caught:
        decode(draft.build())
    assert (caught.value.rule, caught.value.offset) == ("L4", draft.payload_place(2))


def test_sizes_of_class_streams_must_fill_the_payload():
    draft = parse(encode_set(MODELS["pyramid"]))
    draft.payloads[1][2] += b"x"
    for act in (decode, info):
        with pytest.raises(FormatError) as caught:
            act(draft.build())
        assert (caught.value.rule, caught.value.offset) == ("L1", draft.payload_place(1))


def test_a_class_without_images_has_no_stream():
    draft = parse(encode_set(MODELS["pyramid"]))
    payload = bytearray(draft.payloads[1][2])
    first = 2 if payload[0] & 0x80 else 1
    assert payload[first] == 0  # size of class 1
    payload[first] = 1
    draft.payloads[1][2] = bytes(payload) + b"x"
    with pytest.raises(FormatError) as caught:
        decode(draft.build())
    assert caught.value.rule == "L2"


def test_groups_must_fill_the_payload():
    draft = parse(encode_set(MODELS["pyramid"]))
    end = draft.payload_place(1)
    draft.payloads[0][2] += b"x"
    with pytest.raises(FormatError) as caught:
        decode(draft.build())
    assert (caught.value.rule, caught.value.offset) == ("G1", end)


def test_every_truncation_and_flipped_bit_of_a_whole_file():
    data = encode_set(MODELS["one class"])
    for size in range(len(data)):
        with pytest.raises(FormatError):
            decode(data[:size])
    for place in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[place] ^= 1 << bit
            with pytest.raises(DdzError):
                decode(broken)


def test_payload_bytes_replaced_behind_right_checksums():
    """Only the checks of the codecs themselves stand between these files and the caller."""
    original = parse(encode_set(MODELS["shared by some, shuffled"], META, with_hash=True))
    rng = np.random.default_rng(11)
    limits = Limits(latents=2**16, weights=2**16)
    for _ in range(300):
        draft = parse(original.build())
        section = draft.payloads[int(rng.integers(len(draft.payloads)))]
        raw = bytearray(section[2])
        for _ in range(int(rng.integers(1, 3))):
            raw[int(rng.integers(len(raw)))] = int(rng.integers(256))
        section[2] = bytes(raw)
        try:
            decode(draft.build(), limits)
        except DdzError as error:
            message = str(error)
        else:
            message = "accepted"
        assert message.isprintable()

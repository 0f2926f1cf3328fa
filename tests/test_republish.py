"""Files that say something else about the same set."""

import dataclasses
import zlib

import pytest

from ddcodec.errors import ChecksumError, DdzError, EncodeError, InputError
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.pipeline import Metadata, decode, encode_set, verify
from ddcodec.republish import with_metadata, with_recipe
from tests.small_models import META, MODELS


def sections(data):
    container = read_container(data)
    return {
        section.kind: (section.codec, data[section.offset : section.offset + section.size])
        for section in container.header.sections
    }


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("with_hash", [True, False])
def test_only_the_metadata_changes(name, with_hash):
    classes = len(MODELS[name].counts)
    metadata = dataclasses.replace(META, classes=None)
    data = encode_set(MODELS[name], metadata, with_hash=with_hash)
    copy = with_recipe(data, {"accuracy": 0.5, "accuracy_repeats": 3, "epochs": 7})
    before, after = sections(data), sections(copy)
    assert list(before) == list(after)
    assert {kind for kind in before if before[kind] != after[kind]} == {"meta"}
    old, new = decode(data), decode(copy)
    assert new.recipe == {"epochs": 7, "accuracy": 0.5, "accuracy_repeats": 3}
    assert new.content_hash() == old.content_hash() == verify(copy).content_hash
    assert (new.mean, new.provenance, new.extra) == (old.mean, old.provenance, old.extra)
    assert new.class_count == classes


def test_nothing_new_gives_the_same_bytes():
    data = encode_set(MODELS["shared by some, shuffled"], META, with_hash=True)
    assert with_recipe(data, {}) == data
    assert with_metadata(data, META) == data


def test_metadata_comes_and_goes():
    bare = encode_set(MODELS["pyramid"], with_hash=True)
    copy = with_recipe(bare, {"epochs": 5})
    assert list(sections(copy)) == [*sections(bare), "meta"]
    assert decode(copy).recipe == {"epochs": 5}
    assert with_metadata(copy, Metadata()) == bare


def test_unknown_sections_are_kept():
    data = encode_set(MODELS["pyramid"], META)
    header = read_container(data).header
    payloads = [Payload(kind, *part) for kind, part in sections(data).items()]
    payloads.append(Payload("xtra", 9, b"something"))
    more = write_container(header.counts, header.shape, header.group_of_class, payloads)
    copy = with_recipe(more, {"epochs": 6})
    assert sections(copy)["xtra"] == (9, b"something")
    assert decode(copy).recipe == {"epochs": 6}


def test_what_is_refused():
    data = encode_set(MODELS["pyramid"], META)
    with pytest.raises(EncodeError):
        with_recipe(data, {"accuracy": "high"})
    damaged = bytearray(data)
    damaged[-1] ^= 1
    with pytest.raises(ChecksumError):
        with_recipe(bytes(damaged), {"epochs": 5})
    with pytest.raises(DdzError):
        with_recipe(data[:-1], {"epochs": 5})


@pytest.mark.parametrize("place", [9, 11])
def test_files_of_later_versions_are_not_rewritten(place):
    data = bytearray(encode_set(MODELS["pyramid"], META))
    data[place] = 99  # minor version, compatible flags
    size = int.from_bytes(data[12:16], "little")
    data[20:24] = zlib.crc32(bytes(data[8:20]) + bytes(data[24 : 24 + size])).to_bytes(4, "little")
    assert decode(bytes(data)).recipe == META.recipe
    with pytest.raises(InputError, match="later version"):
        with_recipe(bytes(data), {"epochs": 5})

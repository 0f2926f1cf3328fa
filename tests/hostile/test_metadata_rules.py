"""Rules M1 to M3 of the metadata, and C8 as it applies to them."""

import math

import msgpack
import pytest

from ddcodec.errors import FormatError, TruncatedError
from ddcodec.format.metadata import parse_metadata

KEY_TWICE = b"\x82\xa1x\x01\xa1x\x02"

CASES = [
    ("C8 array", msgpack.packb([1]), "C8", 100),
    ("C8 nil", msgpack.packb({"x-a": None}), "C8", 105),
    ("C8 bin", msgpack.packb({"x-a": b"a"}), "C8", 105),
    ("C8 extension", msgpack.packb({"x-a": msgpack.ExtType(1, b"")}), "C8", 105),
    ("C8 32-bit float", b"\x81\xa3x-a\xca\x00\x00\x00\x00", "C8", 105),
    ("C8 integer key", msgpack.packb({1: 1}), "C8", 100),
    ("C8 map as a key", b"\x81\x80\x01", "C8", 100),
    ("C8 array as a key", b"\x81\x90\x01", "C8", 100),
    ("C8 descending keys", b"\x82\xa1y\x01\xa1x\x02", "C8", 100),
    ("C8 descending keys inside", b"\x81\xa1a\x82\xa1y\x01\xa1x\x02", "C8", 100),
    ("C8 key twice", KEY_TWICE, "C8", 100),
    ("C8 long form", b"\x81\xa1x\xcc\x01", "C8", 103),
    ("C8 signed form of 1", b"\x81\xa1x\xd0\x01", "C8", 103),
    ("C8 five deep", msgpack.packb({"a": [[[[1]]]]}), "C8", 106),
    ("C8 not UTF-8", b"\x81\xa1\xff\x01", "C8", 100),
    ("C8 false claim", b"\xdf\xff\xff\xff\xff", "C8", 100),
    ("C8 bytes left", b"\x80\x80", "C8", 101),
    ("M2 long", msgpack.packb({"x-a": "a" * 65_536}), "M2", 100),
    ("M3 classes no array", msgpack.packb({"classes": "abc"}), "M3", 100),
    ("M3 classes too few", msgpack.packb({"classes": ["a", "b"]}), "M3", 100),
    ("M3 classes numbers", msgpack.packb({"classes": [1, 2, 3]}), "M3", 100),
    ("M3 mean integers", msgpack.packb({"mean": [0, 1]}), "M3", 100),
    ("M3 mean length", msgpack.packb({"mean": [0.5]}), "M3", 100),
    ("M3 mean NaN", msgpack.packb({"mean": [math.nan, 0.5]}), "M3", 100),
    ("M3 std zero", msgpack.packb({"std": [0.0, 0.5]}), "M3", 100),
    ("M3 std negative", msgpack.packb({"std": [0.5, -0.5]}), "M3", 100),
    ("M3 std infinite", msgpack.packb({"std": [0.5, math.inf]}), "M3", 100),
    ("M3 std text", msgpack.packb({"std": ["1.0", "1.0"]}), "M3", 100),
    ("M3 recipe array", msgpack.packb({"recipe": []}), "M3", 100),
    ("M3 recipe epochs", msgpack.packb({"recipe": {"epochs": 1.5}}), "M3", 100),
    ("M3 recipe epochs bool", msgpack.packb({"recipe": {"epochs": True}}), "M3", 100),
    ("M3 recipe rate", msgpack.packb({"recipe": {"learning_rate": 1}}), "M3", 100),
    ("M3 provenance seed", msgpack.packb({"provenance": {"seed": "7"}}), "M3", 100),
    ("M3 provenance no map", msgpack.packb({"provenance": "here"}), "M3", 100),
    ("M3 whitening no map", msgpack.packb({"whitening": "zca"}), "M3", 100),
    ("M3 whitening epsilon", msgpack.packb({"whitening": {"epsilon": 1}}), "M3", 100),
    ("M3 infinite elsewhere", msgpack.packb({"x-a": [math.inf]}), "M3", 100),
]


@pytest.mark.parametrize(("data", "rule", "offset"), [pytest.param(*case, id=name) for name, *case in CASES])
def test_rule(data, rule, offset):
    with pytest.raises(FormatError) as caught:
        parse_metadata(data, class_count=3, channels=2, offset=100)
    assert (caught.value.rule, caught.value.offset) == (rule, offset)


def test_cut_metadata():
    data = msgpack.packb({"x-a": "abc"})
    for size in range(len(data)):
        with pytest.raises(TruncatedError):
            parse_metadata(data[:size], class_count=3, channels=2)


def test_the_greatest_length_is_accepted():
    data = msgpack.packb({"x-a": "a" * (65_536 - 8)})
    assert len(data) == 65_536
    assert len(parse_metadata(data, 3, 2).extra["x-a"]) == 65_528

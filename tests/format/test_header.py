"""Header and container: round trips, canonical forms, overhead."""

import dataclasses
import mmap
import random
import zlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.errors import EncodeError, FormatError, LimitError, TruncatedError
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.format.header import header_end, parse_header
from ddcodec.format.records import Shape
from ddcodec.limits import Limits
from tests.hostile.mutate import full_draft, parse

SHAPE = Shape(1, 4, 4, 255)
PAYLOADS = [Payload("NETS", 1, b"nets"), Payload("LATN", 1, b"")]


@st.composite
def classes(draw):
    """Counts and groups of C classes, groups in order of first use."""
    counts = draw(st.lists(st.integers(0, 50), min_size=1, max_size=40) | st.just([7] * 9))
    groups = []
    for _ in counts:
        groups.append(draw(st.integers(0, max(groups, default=-1) + 1)))
    return counts, draw(st.sampled_from([groups, [0] * len(counts), list(range(len(counts)))]))


SHAPES = st.builds(Shape, st.integers(1, 4), st.integers(1, 4096), st.integers(1, 4096), st.integers(1, 32_767))


@given(classes(), SHAPES, st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_round_trip(both, shape, nets, latn, with_more):
    counts, groups = both
    payloads = [Payload("NETS", 1, nets), Payload("LATN", 1, latn)]
    if with_more:
        payloads += [Payload("LABL", 1, b"l"), Payload("meta", 1, b"m"), Payload("zzzz", 7, b"z")]
    limits = Limits(pixels=2**62)
    data = write_container(counts, shape, groups, payloads, limits)
    container = read_container(data, limits)
    header = container.header
    assert (header.counts, header.group_of_class, header.shape) == (tuple(counts), tuple(groups), shape)
    assert (header.class_count, header.image_count) == (len(counts), sum(counts))
    assert header.group_count == len(set(groups))
    assert header.file_bytes == len(data)
    assert [data[s.offset : s.offset + s.size] for s in header.sections] == [p.data for p in payloads]
    assert container.payload("LATN") == latn
    assert container.payload("zzzz") is None
    assert write_container(counts, shape, groups, payloads, limits) == data
    # The front alone is enough, with or without bytes behind it.
    end = header_end(data[:24])
    assert parse_header(data[:end], limits) == parse_header(data, limits) == header
    with pytest.raises(TruncatedError):
        parse_header(data[: end - 1], limits)


def test_bytes_are_frozen():
    data = write_container([2, 2, 2], SHAPE, [0, 0, 0], PAYLOADS)
    assert data[:8] == b"\x89DDZ\r\n\x1a\n"
    assert data[8:].hex() == (
        "01000000" "21000000" "3d000000" + f"{int.from_bytes(data[20:24], 'big'):08x}"
        "95" "03" "02" "94010404ccff" "00" "92"
        "94a44e455453" "01" "04" "ce" + f"{zlib.crc32(b'nets'):08x}"
        "94a44c41544e" "01" "00" "00" + b"nets".hex()
    )  # fmt: skip
    assert int.from_bytes(data[20:24], "little") == zlib.crc32(data[8:20] + data[24:57])


def header_values(counts, groups):
    data = write_container(counts, SHAPE, groups, PAYLOADS)
    return msgpack.unpackb(data[24 : header_end(data)])


def test_short_forms_are_used():
    assert header_values([3], [0])[1::2] == [3, 0]
    assert header_values([3, 3], [0, 1])[1::2] == [3, 1]
    assert header_values([3, 4, 3], [0, 1, 0])[1::2] == [[3, 4, 3], [0, 1, 0]]
    assert header_values([0, 0], [0, 0])[1::2] == [0, 0]


def test_overhead_of_ten_classes():
    big = random.Random(1).randbytes(5_000)
    payloads = [Payload("NETS", 1, big[:1_500]), Payload("LATN", 1, big)]
    data = write_container([10] * 10, Shape(3, 32, 32, 255), [0] * 10, payloads)
    overhead = len(data) - 6_500
    assert overhead == 65
    assert overhead == 24 + read_container(data).header.header_bytes


def test_sources_of_bytes(tmp_path):
    data = full_draft().build()
    path = tmp_path / "set.ddz"
    path.write_bytes(data)
    expected = read_container(data).header
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        container = read_container(mapped)
        assert container.header == expected
        del container
    for kind in (bytearray, memoryview):
        assert read_container(kind(data)).header == expected


def test_payloads_are_checked_when_used():
    draft = full_draft()
    broken = bytearray(draft.build())
    broken[draft.payload_place(1)] ^= 4
    with pytest.raises(FormatError):
        read_container(broken)
    container = read_container(broken, verify=False)
    assert container.payload("NETS") == b"networks"
    for _ in range(2):
        with pytest.raises(FormatError) as caught:
            container.payload("LATN")
        assert caught.value.rule == "H8"
    with pytest.raises(FormatError):
        container.verify()


def test_sections_by_kind():
    container = read_container(full_draft().build())
    assert [s.kind for s in container.header.sections] == ["NETS", "LATN", "LABL", "hash", "meta"]
    section = container.section("LABL")
    assert (section.critical, section.known, section.size) == (True, True, 6)
    assert container.section("zzzz") is container.payload("zzzz") is None
    draft = full_draft()
    draft.payloads[3][1] = 2  # an ancillary section in an unknown codec
    container = read_container(draft.build())
    assert container.section("hash") is None
    assert container.payload("hash") is None
    assert "hash" in [s.kind for s in container.header.sections]


def test_mutation_helper_reproduces_a_file():
    data = write_container([1, 2, 3], SHAPE, [0, 1, 0], [*PAYLOADS, Payload("meta", 1, b"m")])
    assert parse(data).build() == data


@pytest.mark.parametrize(
    ("counts", "groups", "payloads"),
    [
        ([], [], PAYLOADS),
        ([1, -1], [0, 0], PAYLOADS),
        ([1, 1], [0], PAYLOADS),
        ([1, 2], [0], PAYLOADS),
        ([1, 2], [1, 0], PAYLOADS),
        ([1, 2], [0, 2], PAYLOADS),
        ([1, 1.5], [0, 0], PAYLOADS),
        ([1, 2**70], [0, 0], PAYLOADS),
        ([True, 2], [0, 0], PAYLOADS),
        ([1] * 10_001, [0] * 10_001, PAYLOADS),
        ([1], [0], PAYLOADS[:1]),
        ([1], [0], PAYLOADS[::-1]),
        ([1], [0], [*PAYLOADS, Payload("meta", 1, b""), Payload("meta", 1, b"")]),
        ([1], [0], [*PAYLOADS, Payload("XYZW", 1, b"")]),
        ([1], [0], [*PAYLOADS, Payload("LABL", -1, b"")]),
    ],
)
def test_what_no_reader_accepts_is_not_written(counts, groups, payloads):
    with pytest.raises(EncodeError):
        write_container(counts, SHAPE, groups, payloads)


def test_writer_keeps_the_limits():
    with pytest.raises(LimitError):
        write_container([100], SHAPE, [0], PAYLOADS, dataclasses.replace(Limits(), images=99))


def test_the_greatest_number_of_classes():
    counts = [n % 300 for n in range(10_000)]
    data = write_container(counts, SHAPE, list(range(10_000)), PAYLOADS)
    assert read_container(data).header.counts == tuple(counts)
    groups = [0, *range(9_999)]  # no short form
    assert read_container(write_container(counts, SHAPE, groups, PAYLOADS)).header.group_count == 9_999

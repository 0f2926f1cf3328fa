"""The table of sizes, and what is read of a section."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.codecs.streams import StreamTable, pack_streams, table_span
from ddcodec.errors import FormatError, TruncatedError
from ddcodec.format.source import BytesSource, SectionReader
from ddcodec.format.wire import pack_varint

OFFSET = 1_000


class Noting(BytesSource):
    """Writes down what is read."""

    def __init__(self, data):
        super().__init__(data, OFFSET)
        self.spans, self.announced = [], []

    def read(self, start, stop):
        self.spans.append((start, stop))
        return super().read(start, stop)

    def prefetch(self, spans):
        self.announced += spans


def section(payload):
    source = Noting(payload)
    return source, SectionReader(source, OFFSET, len(payload))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=9), st.binary(max_size=20))
def test_round_trip(streams, before):
    payload = before + pack_streams(streams)
    _, reader = section(payload)
    table = StreamTable.read(reader, len(streams), start=len(before))
    assert table.sizes == tuple(map(len, streams))
    for number, stream in enumerate(streams):
        found, place = table.stream(number)
        assert found == stream
        assert payload[place - OFFSET : place - OFFSET + len(stream)] == stream


def test_only_the_wanted_streams_are_read():
    source, reader = section(pack_streams([bytes(100), bytes(200), bytes(300)]))
    table = StreamTable.read(reader, 3)
    assert source.spans == [(OFFSET, OFFSET + 9)]
    assert table_span(reader, 3) == (0, 9)
    table.prefetch({2, 0})
    start = OFFSET + 5  # the sizes take 1, 2 and 2 bytes
    assert source.announced == [(start, start + 100), (start + 300, start + 600)]
    assert table.stream(2) == (bytes(300), start + 300)
    assert source.spans[1:] == [(start + 300, start + 600)]


def test_sizes_longer_than_guessed():
    big = bytes(1 << 21)  # a varint of 4 bytes
    source, reader = section(pack_streams([big, b"x", b"y"]))
    assert StreamTable.read(reader, 3).sizes == (1 << 21, 1, 1)
    assert source.spans == [(OFFSET, OFFSET + 9)]
    source, reader = section(pack_streams([big, big, big]))
    assert StreamTable.read(reader, 3).sizes == (1 << 21,) * 3
    assert source.spans == [(OFFSET, OFFSET + 9), (OFFSET, OFFSET + 15)]


@pytest.mark.parametrize(
    ("payload", "rule", "place"),
    [
        (b"\x01\x01xyz", "L1", 0),
        (b"\x01\x01x", "L1", 0),
        (b"\x01", "W2", 1),
        (b"", "W2", 0),
        (b"\x01\x80", "W2", 1),
        (b"\x01\x80\x00", "W1", 1),
        (b"\x01\xff\xff\xff\xff\xff\xff", "W1", 1),
    ],
)
def test_tables_that_break_a_rule(payload, rule, place):
    with pytest.raises(FormatError) as caught:
        StreamTable.read(section(payload)[1], 2)
    assert (caught.value.rule, caught.value.offset) == (rule, OFFSET + place)
    assert isinstance(caught.value, TruncatedError) == (rule == "W2")


def test_rules_of_another_section():
    reader = section(pack_varint(1) + b"ab")[1]
    with pytest.raises(FormatError) as caught:
        StreamTable.read(reader, 1, rule="X1")
    assert caught.value.rule == "X1"
    table = StreamTable.read(section(pack_streams([b"", b"ab"]))[1], 2)
    table.require_empty(0)
    with pytest.raises(FormatError, match="class 1, which has no pixels") as caught:
        table.require_empty(1, "pixels", "X2")
    assert (caught.value.rule, caught.value.offset) == ("X2", OFFSET + 2)


def test_nothing_is_read_outside_the_section():
    reader = section(b"abc")[1]
    assert reader.read(1, 3) == b"bc"
    for span in ((-1, 2), (0, 4), (2, 1)):
        with pytest.raises(ValueError, match="not inside"):
            reader.read(*span)

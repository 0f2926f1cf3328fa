"""Ranges are fetched once, neighbours together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.errors import InputError
from ddcodec.storage.cached import SMALL_GAP_BYTES, CachedSource, joined

DATA = bytes(range(256)) * 8


class Place:
    """A far place that writes down what it is asked for."""

    def __init__(self, more=0):
        self.asked, self.more = [], more

    def fetch(self, start, stop):
        self.asked.append((start, stop))
        first = max(start - self.more, 0)
        return first, DATA[first : stop + self.more]

    def source(self, front=0):
        return CachedSource("far", len(DATA), self.fetch, DATA[:front])


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([(5, 5)], []),
        ([(9, 12), (0, 4)], [(0, 4), (9, 12)]),
        ([(0, 4), (4, 9)], [(0, 9)]),
        ([(0, 9), (2, 4)], [(0, 9)]),
        ([(0, 4), (6, 9)], [(0, 9)]),
        ([(0, 4), (7, 9)], [(0, 4), (7, 9)]),
    ],
)
def test_joined(spans, expected):
    assert joined(spans, gap=2) == expected


def test_one_request_for_neighbours_and_none_for_what_is_there():
    place = Place()
    source = place.source(front=100)
    source.prefetch([(0, 80)])
    assert place.asked == []
    source.prefetch([(90, 300), (300 + SMALL_GAP_BYTES, 500), (1_000, 1_100)])
    assert place.asked == [(100, 500), (1_000, 1_100)]
    assert bytes(source.read(90, 500)) == DATA[90:500]
    assert bytes(source.read(20, 30)) == DATA[20:30]
    assert place.asked == [(100, 500), (1_000, 1_100)]
    assert bytes(source.read(400, 1_050)) == DATA[400:1_050]
    assert place.asked[2:] == [(500, 1_000)]


def test_more_than_was_asked_for_is_kept():
    place = Place(more=50)
    source = place.source(front=10)
    source.prefetch([(100, 110)])
    assert bytes(source.read(55, 155)) == DATA[55:155]
    assert len(place.asked) == 1


def test_an_answer_that_lacks_bytes():
    source = CachedSource("far", 100, lambda start, stop: (start, b"abc"), b"")
    with pytest.raises(InputError, match=r"^cannot read far: bytes 0\.\.9 did not come$"):
        source.read(0, 10)


def test_a_whole_file():
    source = CachedSource.whole("near", DATA)
    assert source.size == len(DATA)
    assert bytes(source.read(0, len(DATA))) == DATA
    with pytest.raises(InputError):
        source.read(0, len(DATA) + 1)


SPANS = st.lists(
    st.tuples(st.integers(0, 2_048), st.integers(0, 2_048)).map(lambda pair: (min(pair), max(pair))), max_size=6
)


@given(SPANS, SPANS, st.integers(0, 300), st.integers(0, 40))
def test_any_ranges_in_any_order(announced, read, front, more):
    place = Place(more)
    source = place.source(front)
    source.prefetch(announced)
    for start, stop in read:
        assert bytes(source.read(start, stop)) == DATA[start:stop]
    count = len(place.asked)
    for start, stop in (*announced, *read):
        assert bytes(source.read(start, stop)) == DATA[start:stop]
    assert len(place.asked) == count

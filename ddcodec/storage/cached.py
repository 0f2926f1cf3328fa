"""A file far away, with every part that has been fetched kept at hand."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Self

from ddcodec.errors import InputError

FRONT_BYTES = 256
"""Fetched before anything is known: enough for most headers, little beside one class of a file of 10 kB."""
SMALL_GAP_BYTES = 64
"""Unwanted bytes between two ranges that cost less than a request of their own."""

Span = tuple[int, int]
Fetch = Callable[[int, int], tuple[int, bytes]]
"""Given start and stop, bytes with the place where they begin: the range, or more around it."""


def joined(spans: Sequence[Span], gap: int = SMALL_GAP_BYTES) -> list[Span]:
    """Ranges in ascending order, neighbours made one where at most `gap` bytes lie between; empty ones left out."""
    result: list[Span] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if result and start - result[-1][1] <= gap:
            result[-1] = result[-1][0], max(stop, result[-1][1])
        else:
            result.append((start, stop))
    return result


class CachedSource:
    """Ranges of a file, each fetched once.

    Args:
        name: what the user called the file.
        size: its bytes.
        fetch: brings a range.
        front: the bytes that are known from the start.
    """

    def __init__(self, name: str, size: int, fetch: Fetch, front: bytes) -> None:
        self.name = name
        self.size = size
        self._fetch = fetch
        self._pieces: list[tuple[int, bytes]] = []  # in ascending order, without overlap
        self._add(0, front)

    @classmethod
    def whole(cls, name: str, data: bytes) -> Self:
        """A file that had to be read as a whole."""

        def nothing_left(start: int, stop: int) -> tuple[int, bytes]:
            raise InputError(f"cannot read {name}: bytes {start}..{stop - 1} of {len(data)} were asked for")

        return cls(name, len(data), nothing_left, data)

    def _first(self, start: int) -> int:
        """Index of the first piece that may reach beyond a place."""
        return max(bisect_right(self._pieces, start, key=lambda piece: piece[0]) - 1, 0)

    def _add(self, start: int, data: bytes) -> None:
        """Keep what is new in a piece."""
        for first, last in self._missing(start, start + len(data)):
            self._pieces.append((first, data[first - start : last - start]))
        self._pieces.sort(key=lambda piece: piece[0])

    def _missing(self, start: int, stop: int) -> list[Span]:
        gaps = []
        for place, data in self._pieces[self._first(start) :]:
            if place + len(data) <= start:
                continue
            if place >= stop:
                break
            if place > start:
                gaps.append((start, place))
            start = place + len(data)
        if start < stop:
            gaps.append((start, stop))
        return gaps

    def prefetch(self, spans: Sequence[Span]) -> None:
        """Fetch what is missing of these ranges, one request for those that lie side by side.

        Raises: InputError.
        """
        missing = [gap for span in spans for gap in self._missing(*span)]
        for start, stop in joined(missing):
            if self._missing(start, stop):  # an answer may have brought more than was asked for
                place, data = self._fetch(start, stop)
                self._add(place, data)
            if self._missing(start, stop):
                raise InputError(f"cannot read {self.name}: bytes {start}..{stop - 1} did not come")

    def read(self, start: int, stop: int) -> memoryview:
        """The bytes start .. stop - 1; not copied where one answer brought them all.

        Raises: InputError.
        """
        self.prefetch([(start, stop)])
        parts = []
        for place, data in self._pieces[self._first(start) :]:
            if place >= stop:
                break
            parts.append(memoryview(data)[max(start - place, 0) : stop - place])
        if len(parts) == 1:
            return parts[0]
        return memoryview(b"".join(parts))

    def close(self) -> None:
        """Nothing is open between two requests."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

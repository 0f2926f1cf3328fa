"""What the reader asks of a place that holds a file, and bytes in memory as such a place."""

from collections.abc import Sequence
from mmap import mmap
from typing import Protocol

Bytes = bytes | bytearray | memoryview | mmap
Span = tuple[int, int]
"""First byte and the one after the last."""


class ByteSource(Protocol):
    """A file somewhere, of which any range of bytes can be read."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        ...

    def read(self, start: int, stop: int) -> bytes | memoryview:
        """Exactly the bytes start .. stop - 1, a range inside the file.

        Raises: TruncatedError or InputError when the place does not deliver them.
        """
        ...

    def prefetch(self, spans: Sequence[Span]) -> None:
        """Say what will be read next, so that it can be brought in few requests; may do nothing.

        Raises: as `read`.
        """
        ...


class BytesSource:
    """Bytes in memory as a source.

    Args:
        data: kept, not copied.
        origin: place in the file of its first byte.
    """

    def __init__(self, data: Bytes, origin: int = 0) -> None:
        self._data = memoryview(data).cast("B")
        self._origin = origin

    @property
    def size(self) -> int:
        """Place in the file after the last byte."""
        return self._origin + len(self._data)

    def read(self, start: int, stop: int) -> memoryview:
        """The bytes start .. stop - 1 of the file, as a view."""
        return self._data[start - self._origin : stop - self._origin]

    def prefetch(self, spans: Sequence[Span]) -> None:
        """Nothing to do: all is here."""


class SectionReader:
    """One section of a file, read in parts, without a look at the section's own checksum.

    Who reads a whole section takes `Container.payload` instead, which holds it against rule H8.

    Args:
        source: the file.
        offset: place of the section's first byte in the file.
        size: bytes of the section.
    """

    def __init__(self, source: ByteSource, offset: int, size: int) -> None:
        self._source = source
        self.offset = offset
        self.size = size

    def _span(self, start: int, stop: int) -> Span:
        if not 0 <= start <= stop <= self.size:
            raise ValueError(f"bytes {start}..{stop} are not inside a section of {self.size}")
        return self.offset + start, self.offset + stop

    def read(self, start: int, stop: int) -> bytes:
        """Bytes start .. stop - 1 of the section."""
        return bytes(self._source.read(*self._span(start, stop)))

    def prefetch(self, spans: Sequence[Span]) -> None:
        """Announce which parts of the section will be read next."""
        self._source.prefetch([self._span(*span) for span in spans])

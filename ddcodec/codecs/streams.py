"""A section of one stream per class: the table of their sizes, and the streams that are wanted (spec section 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ddcodec.errors import FormatError, TruncatedError
from ddcodec.format.source import SectionReader, Span
from ddcodec.format.wire import Cursor, pack_varint

GUESSED_VARINT_BYTES = 3
"""Of the size of a stream: streams of up to 2 MiB."""
MAX_VARINT_BYTES = 5


def pack_streams(streams: Sequence[bytes]) -> bytes:
    """Sizes as varints, then the streams."""
    return b"".join(pack_varint(len(stream)) for stream in streams) + b"".join(streams)


def table_span(section: SectionReader, class_count: int, start: int = 0) -> Span:
    """Where the table of sizes most likely lies, counted from the start of the section: what to prefetch."""
    return start, min(start + GUESSED_VARINT_BYTES * class_count, section.size)


@dataclass(frozen=True)
class StreamTable:
    """Where the stream of each class lies in a section.

    Fields: section, of which only the table has been read so far; spans, a range for each class, counted from
    the start of the section.
    """

    section: SectionReader
    spans: tuple[Span, ...]

    @classmethod
    def read(cls, section: SectionReader, class_count: int, *, start: int = 0, rule: str = "L1") -> StreamTable:
        """Read the table, `class_count` varints; the streams follow it and end with the section.

        Args:
            section: fetched as far as the table reaches (and a little further, since its length is not known).
            class_count: C.
            start: place of the table in the section.
            rule: broken where the sizes do not use up the section.
        Raises: FormatError W1 and `rule`; TruncatedError W2; what the source raises.
        """
        guess = table_span(section, class_count, start)[1]
        furthest = min(start + MAX_VARINT_BYTES * class_count, section.size)
        try:
            sizes, end = cls._sizes(section, class_count, start, guess)
        except TruncatedError:
            if guess == furthest:
                raise
            sizes, end = cls._sizes(section, class_count, start, furthest)
        if end + sum(sizes) != section.size:
            raise FormatError(
                "sizes of the class streams",
                offset=section.offset + start,
                expected=f"{section.size - end} bytes in all",
                found=sum(sizes),
                rule=rule,
            )
        spans = []
        for size in sizes:
            spans.append((end, end + size))
            end += size
        return cls(section, tuple(spans))

    @staticmethod
    def _sizes(section: SectionReader, class_count: int, start: int, stop: int) -> tuple[list[int], int]:
        cursor = Cursor(section.read(start, stop), section.offset + start)
        sizes = [cursor.varint("size of a class stream") for _ in range(class_count)]
        return sizes, cursor.offset - section.offset

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each class's stream."""
        return tuple(stop - start for start, stop in self.spans)

    def place(self, class_number: int) -> int:
        """Place in the file of a class's stream."""
        return self.section.offset + self.spans[class_number][0]

    def require_empty(self, class_number: int, what: str = "latents", rule: str = "L2") -> None:
        """Insist that a class without content has no stream.

        Raises: FormatError with `rule`.
        """
        start, stop = self.spans[class_number]
        if start != stop:
            raise FormatError(
                f"stream of class {class_number}, which has no {what}",
                offset=self.place(class_number),
                expected="0 bytes",
                found=stop - start,
                rule=rule,
            )

    def prefetch(self, classes: Collection[int]) -> None:
        """Announce that the streams of these classes will be read."""
        self.section.prefetch([self.spans[number] for number in sorted(classes)])

    def stream(self, class_number: int) -> tuple[bytes, int]:
        """A class's stream, and its place in the file: what decoders take."""
        return self.section.read(*self.spans[class_number]), self.place(class_number)

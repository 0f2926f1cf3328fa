"""Bounds-checked reading of a field, and varints (spec section 1)."""

from ddcodec.errors import EncodeError, FormatError, TruncatedError

_VARINT_BYTES = 5
_VARINT_LIMIT = 1 << 32


class Cursor:
    """Reads a field from front to back and knows at which byte of the file it stands.

    Args:
        data: the field.
        offset: place of the field's first byte in the file.
    """

    def __init__(self, data: bytes | bytearray | memoryview, offset: int = 0) -> None:
        self._data = bytes(data)
        self._start = offset
        self._place = 0

    @property
    def offset(self) -> int:
        """Place in the file of the next byte."""
        return self._start + self._place

    @property
    def remaining(self) -> int:
        """Bytes left in the field."""
        return len(self._data) - self._place

    def take(self, count: int, what: str = "field", rule: str | None = None) -> bytes:
        """Read `count` bytes.

        Raises: TruncatedError with `rule` when the field holds fewer.
        """
        if not 0 <= count <= self.remaining:
            raise TruncatedError(
                f"{what} runs past its enclosing field",
                offset=self.offset,
                expected=f"{count} bytes",
                found=f"{self.remaining} bytes",
                rule=rule,
            )
        taken = self._data[self._place : self._place + count]
        self._place += count
        return taken

    def byte(self, what: str = "byte", rule: str | None = None) -> int:
        """Read one byte as an integer, 0..255.

        Raises: TruncatedError with `rule` at the end of the field.
        """
        return self.take(1, what, rule)[0]

    def rest(self) -> bytes:
        """Read all that is left, possibly nothing."""
        return self.take(self.remaining)

    def varint(self, what: str = "varint") -> int:
        """Read one varint, 0 .. 2^32 - 1; errors point at its first byte.

        Raises: FormatError W1 (not the shortest form, more than 5 bytes, 2^32 or greater),
            TruncatedError W2 (the field ends first).
        """
        start, value = self.offset, 0
        for index in range(_VARINT_BYTES):
            if not self.remaining:
                raise TruncatedError(f"{what} does not end inside its field", offset=start, rule="W2")
            group = self.byte()
            value |= (group & 0x7F) << (7 * index)
            if group < 0x80:
                if index and not group:
                    raise FormatError(f"{what} is not in its shortest form", offset=start, rule="W1")
                if value >= _VARINT_LIMIT:
                    break
                return value
        raise FormatError(f"{what} is not below 2^32", offset=start, rule="W1")

    def varint_in(self, what: str, low: int, high: int, rule: str) -> int:
        """Read one varint that must lie in low..high; errors point at its first byte.

        Raises: FormatError with `rule`, and as `varint`.
        """
        start = self.offset
        value = self.varint(what)
        if not low <= value <= high:
            raise FormatError(what, offset=start, expected=f"{low}..{high}", found=value, rule=rule)
        return value

    def close(self, what: str = "field", rule: str | None = None) -> None:
        """Insist that nothing is left.

        Raises: FormatError with `rule` when bytes remain.
        """
        if self.remaining:
            raise FormatError(
                f"{what} has bytes left over",
                offset=self.offset,
                expected="its end",
                found=f"{self.remaining} more bytes",
                rule=rule,
            )


def pack_varint(value: int) -> bytes:
    """Write one varint in its shortest form.

    Raises: EncodeError outside 0 .. 2^32 - 1.
    """
    if not 0 <= value < _VARINT_LIMIT:
        raise EncodeError(f"{value} does not fit a varint (0 .. 2^32 - 1)")
    packed = bytearray()
    while value >= 0x80:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)

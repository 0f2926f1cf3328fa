"""A walk over packed MessagePack that builds nothing, before a library is let loose on it (rule C8).

The library allocates what an array header claims and nests up to 512 deep; after this walk the claims are
known to be true and the nesting to be small. It also finds the place of a fault in the file.
"""

from dataclasses import dataclass

from ddcodec.errors import FormatError, TruncatedError
from ddcodec.format.wire import Cursor

# lead byte: kind, bytes of a length that follows, bytes of the value itself
_LEADS = {
    0xC2: ("bool", 0, 0),
    0xC3: ("bool", 0, 0),
    0xCB: ("float", 0, 8),
    0xCC: ("uint", 0, 1),
    0xCD: ("uint", 0, 2),
    0xCE: ("uint", 0, 4),
    0xCF: ("uint", 0, 8),
    0xD0: ("int", 0, 1),
    0xD1: ("int", 0, 2),
    0xD2: ("int", 0, 4),
    0xD3: ("int", 0, 8),
    0xD9: ("str", 1, 0),
    0xDA: ("str", 2, 0),
    0xDB: ("str", 4, 0),
    0xDC: ("array", 2, 0),
    0xDD: ("array", 4, 0),
    0xDE: ("map", 2, 0),
    0xDF: ("map", 4, 0),
}
_NEVER = ("value of a forbidden type", 0, 0)  # nil, bin, extensions, 32-bit floats


@dataclass(frozen=True)
class Dialect:
    """What a packed value may hold.

    Fields: name, for messages; kinds, of "array", "map", "str", "uint", "int" (signed forms), "float" and
    "bool"; depth, how many arrays and maps may enclose one another; rule, its number.
    """

    name: str
    kinds: frozenset[str]
    depth: int
    rule: str


def _classify(lead: int) -> tuple[str, int, int]:
    if lead < 0x80:
        return "uint", 0, 0
    if lead < 0x90:
        return "map", 0, lead & 0x0F
    if lead < 0xA0:
        return "array", 0, lead & 0x0F
    if lead < 0xC0:
        return "str", 0, lead & 0x1F
    if lead >= 0xE0:
        return "int", 0, 0
    return _LEADS.get(lead, _NEVER)


def scan(data: bytes, dialect: Dialect, offset: int) -> None:
    """Check that `data` is one value of the dialect, whole, without bytes after it.

    Args:
        data: packed bytes, of a length already held against its limit.
        dialect: allowed kinds and depth.
        offset: place of `data` in the file.
    Raises: FormatError, or TruncatedError, with the dialect's rule.
    """
    cursor = Cursor(data, offset)
    open_values = [1]  # values still to come, for each enclosing array or map
    while open_values:
        if not open_values[-1]:
            open_values.pop()
            continue
        open_values[-1] -= 1
        place = cursor.offset
        kind, width, size = _classify(cursor.byte(dialect.name, dialect.rule))
        if kind not in dialect.kinds:
            raise FormatError(f"{dialect.name} holds a forbidden type", offset=place, found=kind, rule=dialect.rule)
        size += int.from_bytes(cursor.take(width, dialect.name, dialect.rule), "big")
        if kind not in ("array", "map"):
            cursor.take(size, dialect.name, dialect.rule)
            continue
        if len(open_values) > dialect.depth:
            raise FormatError(
                f"{dialect.name} is nested too deep",
                offset=place,
                expected=f"at most {dialect.depth}",
                rule=dialect.rule,
            )
        values = size * (2 if kind == "map" else 1)
        if values > cursor.remaining:  # a value takes a byte at least
            raise TruncatedError(
                f"{dialect.name} claims more elements than it has bytes",
                offset=place,
                expected=f"at most {cursor.remaining}",
                found=values,
                rule=dialect.rule,
            )
        open_values.append(values)
    cursor.close(dialect.name, dialect.rule)

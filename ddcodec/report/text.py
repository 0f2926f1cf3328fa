"""How numbers and foreign texts read on a page."""

from collections.abc import Mapping
from typing import Any

CLIP = 400


def plain(value: object, length: int = CLIP) -> str:
    """A text from a file: control and direction characters spelled out, cut to `length` characters."""
    text = "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in str(value)[: length + 1])
    return text if len(text) <= length else f"{text[: length - 1]}…"


def number(value: float, digits: int = 0) -> str:
    """With commas between thousands."""
    return f"{value:,.{digits}f}"


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction as a percentage."""
    return f"{100 * fraction:.{digits}f} %"


def value(found: object) -> str:
    """One value of the metadata."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, float):
        return f"{found:.6g}"
    if isinstance(found, list | tuple):
        return plain(", ".join(value(part) for part in found[:CLIP]))
    return plain(found)


def rows(found: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Name and value of everything in a map, maps inside it as `outer.inner`."""
    listed: list[tuple[str, str]] = []
    for name, part in found.items():
        if isinstance(part, Mapping):
            listed += rows(part, f"{above}{name}.")
        else:
            listed.append((plain(f"{above}{name}", 80), value(part)))
    return listed

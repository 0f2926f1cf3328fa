"""Metadata as plain maps: what several files say alike, and what one says beside that."""

from collections.abc import Mapping, Sequence
from typing import Any

from ddcodec.format.canonical import pack
from ddcodec.format.metadata import KNOWN_KEYS, Metadata
from ddcodec.merging.notes import BLOCK, BLOCKS, Block

_MISSING = object()


def as_map(metadata: Metadata) -> dict[str, Any]:
    """Metadata as the plain map that a file holds."""
    known = {key: getattr(metadata, key) for key in KNOWN_KEYS}
    present = {key: value for key, value in known.items() if value is not None and len(value)}
    plain = {key: list(value) if isinstance(value, tuple) else dict(value) for key, value in present.items()}
    return plain | dict(metadata.extra)


def as_metadata(values: Mapping[str, Any]) -> Metadata:
    """The reverse of `as_map`; what the values are is for `pack_metadata` to judge."""
    known = {key: values[key] for key in KNOWN_KEYS if key in values}
    return Metadata(**known, extra={key: value for key, value in values.items() if key not in known})


def same(a: object, b: object) -> bool:
    """Whether two plain values are the same bytes in a file; 1 and 1.0 are not."""
    if a is _MISSING or b is _MISSING:
        return a is b
    return pack(a) == pack(b)


def agreed(maps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all maps say alike."""
    first, *others = maps
    return {
        key: value
        for key, value in first.items()
        if all(same(value, other.get(key, _MISSING)) for other in others)
    }  # fmt: skip


def difference(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What `with_difference` needs to make `own` of `common`: other values, None for keys to leave out."""
    found: dict[str, Any] = {}
    for key in sorted(common.keys() | own.keys()):
        a, b = common.get(key, _MISSING), own.get(key, _MISSING)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            inner = difference(a, b)
            if inner:
                found[key] = inner
        elif not same(a, b):
            found[key] = None if b is _MISSING else b
    return found


def with_difference(common: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Apply what `difference` found."""
    own = dict(common)
    for key, value in found.items():
        if value is None:
            own.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(own.get(key), Mapping):
            own[key] = with_difference(own[key], value)
        else:
            own[key] = value
    return own


def shared_words(common: Mapping[str, Any], places: Sequence[int], block: Block | None) -> dict[str, Any]:
    """What a block's metadata would be if it said nothing of its own.

    Args: common: plain metadata of the merged file; places: the block's classes in it; block: its note, if it has one.
    """
    values = {key: value for key, value in common.items() if key not in ("classes", "provenance")}
    if "classes" in common:
        values["classes"] = [common["classes"][place] for place in places]
    provenance = {key: value for key, value in common.get("provenance", {}).items() if key not in (BLOCK, BLOCKS)}
    if block is not None:
        provenance[BLOCK] = block.note()
    return values | ({"provenance": provenance} if provenance else {})

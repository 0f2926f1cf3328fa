"""Section `meta`: names, normalisation, recipe, provenance (spec section 9)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ddcodec.errors import EncodeError, FormatError
from ddcodec.format import constants as c
from ddcodec.format.canonical import pack, unpack
from ddcodec.format.scan import Dialect

_KINDS = frozenset({"array", "map", "str", "uint", "int", "float", "bool"})
_DIALECT = Dialect("metadata", _KINDS, c.METADATA_DEPTH, rule="C8")
_RECIPE_TYPES: dict[str, type] = {
    "network": str,
    "width": int,
    "depth": int,
    "epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "momentum": float,
    "weight_decay": float,
    "augmentation": str,
    "accuracy": float,
}
_PROVENANCE_TYPES: dict[str, type] = {"config_sha256": str, "version": str, "dataset": str, "seed": int}
_WHITENING_TYPES: dict[str, type] = {"kind": str, "epsilon": float, "fitted_on": str}
_MAP_TYPES = {"recipe": _RECIPE_TYPES, "provenance": _PROVENANCE_TYPES, "whitening": _WHITENING_TYPES}
KNOWN_KEYS = ("classes", "mean", "std", "recipe", "provenance", "whitening")


@dataclass(frozen=True)
class Metadata:
    """What a file says about its set; every part may be missing.

    Fields: classes, C names; mean and std, a float per channel, 1.0 standing for peak; recipe, how to train;
    provenance, where the set comes from; whitening, what was done to its images; extra, all other keys (x-... are
    the user's).
    """

    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    whitening: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


def find_fault(values: Mapping[str, Any], class_count: int, channels: int) -> str | None:
    """Hold the plain values of a metadata map against rule M3; the first fault in words, or None."""
    if not _finite(values):
        return "a number is not finite"
    if "classes" in values and not _is_array(values["classes"], str, class_count):
        return f"classes is not an array of {class_count} strings"
    for key in ("mean", "std"):
        if key in values and not _is_array(values[key], float, channels):
            return f"{key} is not an array of {channels} floats"
    if any(value <= 0 for value in values.get("std", ())):
        return "std is not greater than 0"
    for key, types in _MAP_TYPES.items():
        if key in values:
            if not isinstance(values[key], dict):
                return f"{key} is not a map"
            for name, value in values[key].items():
                if name in types and type(value) is not types[name]:  # bool would pass for int
                    return f"{key}.{name} is not of type {types[name].__name__}"
    return None


def _is_array(value: object, kind: type, length: int) -> bool:
    return isinstance(value, list) and len(value) == length and all(type(item) is kind for item in value)


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(_finite(child) for child in value.values())
    return not isinstance(value, list) or all(_finite(child) for child in value)


def parse_metadata(data: bytes, class_count: int, channels: int, offset: int = 0) -> Metadata:
    """Read the payload of section `meta`.

    Args:
        data: the payload; class_count, channels: as in the header; offset: place of the payload in the file.
    Raises: FormatError with rule C8 (not canonical), M2 (too long) or M3 (a known key of the wrong type).
    """
    if len(data) > c.MAX_METADATA_BYTES:
        expected = f"at most {c.MAX_METADATA_BYTES} bytes"
        raise FormatError("metadata", offset=offset, expected=expected, found=len(data), rule="M2")
    values = unpack(data, _DIALECT, offset)
    if not isinstance(values, dict):
        raise FormatError("metadata", offset=offset, expected="a map", found=values, rule="C8")
    fault = find_fault(values, class_count, channels)
    if fault is not None:
        raise FormatError(f"metadata: {fault}", offset=offset, rule="M3")
    known: dict[str, Any] = {key: values[key] for key in KNOWN_KEYS if key in values}
    known |= {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
    return Metadata(**known, extra={key: value for key, value in values.items() if key not in known})


def pack_metadata(metadata: Metadata, class_count: int, channels: int) -> bytes:
    """Write the payload of section `meta`; empty where there is nothing to say.

    Numpy scalars and tuples become plain values; integers become floats where the format has floats.

    Raises: EncodeError for values the format cannot hold.
    """
    clash = sorted(set(metadata.extra) & set(KNOWN_KEYS))
    if clash:
        raise EncodeError(f"metadata: extra must not contain {clash[0]!r}")
    known = {key: getattr(metadata, key) for key in KNOWN_KEYS}
    present = {key: value for key, value in known.items() if value is not None and len(value)}
    plain: dict[str, Any] = _plain(present | dict(metadata.extra))
    for key in ("mean", "std"):
        if key in plain:
            plain[key] = [_as_float(value) for value in plain[key]]
    for key, types in _MAP_TYPES.items():
        for name, value in plain.get(key, {}).items():
            if types.get(name) is float:
                plain[key][name] = _as_float(value)
    if not plain:
        return b""
    fault = find_fault(plain, class_count, channels)
    if fault is not None:
        raise EncodeError(f"metadata: {fault}")
    try:
        data = pack(plain)
        parse_metadata(data, class_count, channels)  # what no reader would accept is not written
    except (FormatError, TypeError, ValueError, OverflowError) as error:
        raise EncodeError(f"metadata cannot be written: {error}") from error
    return data


def _as_float(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _plain(value: Any) -> Any:
    """Plain Python values, maps in ascending order of keys."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise EncodeError("metadata: keys must be strings")
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    if value is None:
        raise EncodeError("metadata: None has no counterpart in the format; leave the key out")
    return value

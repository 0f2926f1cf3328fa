"""Tables of options as frozen dataclasses: one line per option, read strictly from plain values.

A section declares its fields with `option`, which keeps default, range and choices in one place; a dataclass
without such declarations (the evaluation recipe) works too and checks itself.
"""

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ddcodec.errors import EncodeError, InputError

Section = TypeVar("Section")


def option(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    key: str | None = None,
    many: bool = False,
    quiet: bool = False,
    rule: Callable[[str, str], None] | None = None,
) -> Any:
    """Declare one field of a section.

    Args:
        default: decides the type too: bool, int, float, str, or a tuple of ints.
        low, high: smallest and largest value (of a tuple: of each element); choices: what a str may be.
        key: name in TOML where it differs from the field's. many: a tuple must not be empty.
        quiet: left out of TOML at its default, so that runs of before it existed keep their hashes.
        rule: called with (name, text); raises InputError.
    """
    rules = {"low": low, "high": high, "choices": choices, "key": key, "many": many, "quiet": quiet, "rule": rule}
    return dataclasses.field(default=default, metadata=rules)


def key_of(field: "dataclasses.Field[Any]") -> str:
    """Name of a field in TOML."""
    return field.metadata.get("key") or field.name


def keys_of(kind: type) -> dict[str, "dataclasses.Field[Any]"]:
    """Fields of a section by their TOML names."""
    return {key_of(field): field for field in dataclasses.fields(kind)}


def unknown(name: str, known: Iterable[str]) -> InputError:
    """The error for a key that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown option {name}; {hint}")


def _typed(name: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if kind is tuple:
        if isinstance(value, list | tuple) and all(type(item) is int for item in value):
            return tuple(value)
        raise InputError(f"{name}: expected a list of integers, found {value!r}")
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        words = {int: "an integer", float: "a number", str: "a text in quotes", bool: "true or false"}
        raise InputError(f"{name}: expected {words[kind]}, found {value!r}")
    if kind is float and not math.isfinite(value):
        raise InputError(f"{name}: {value} is not a finite number")
    return value


def check(name: str, value: Any, field: "dataclasses.Field[Any]") -> Any:
    """A plain value as the field's type, within its range.

    Args: name: for the message, "section.key".
    Raises: InputError naming it, with what was expected and found.
    """
    value, rules = _typed(name, value, field.default), field.metadata
    low, high, choices = rules.get("low"), rules.get("high"), rules.get("choices")
    if rules.get("many") and not value:
        raise InputError(f"{name}: expected at least one number")
    for number in value if isinstance(value, tuple) else (value,):
        if (low is not None and number < low) or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"{low}..{high}"
            raise InputError(f"{name}: expected {bounds}, found {number}")
    if choices and value not in choices:
        raise InputError(f"{name}: expected {' or '.join(map(repr, choices))}, found {value!r}")
    if rules.get("rule"):
        rules["rule"](name, value)
    return value


def read_section(name: str, kind: type[Section], values: Mapping[str, Any], base: Section) -> Section:
    """`base` with some fields replaced.

    Args: name: of the section; values: plain ones by TOML key.
    Raises: InputError naming an unknown key (with the nearest known) or a value that does not fit.
    """
    fields = keys_of(kind)
    changed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            raise unknown(f"{name}.{key}", (f"{name}.{known}" for known in fields))
        changed[fields[key].name] = check(f"{name}.{key}", value, fields[key])
    try:
        made: Section = dataclasses.replace(base, **changed)  # type: ignore[type-var]
    except EncodeError as error:  # a section that checks itself
        raise InputError(f"[{name}] {error}") from error
    return made


def _is_silent(field: "dataclasses.Field[Any]", value: Any) -> bool:
    return bool(field.metadata.get("quiet")) and value == field.default


def plain_section(section: Any) -> dict[str, Any]:
    """Fields by TOML key, tuples as lists; quiet ones only where they differ from their defaults."""
    fields = keys_of(type(section)).items()
    values = {key: (getattr(section, field.name), field) for key, field in fields}
    found = {key: value for key, (value, field) in values.items() if not _is_silent(field, value)}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

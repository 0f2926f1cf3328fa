"""What our own exports say beside their pictures, as JSON."""

import json
from typing import Any

from ddcodec.sources.layouts.arrays import as_map, as_numbers

_PARTS = ("mean", "std", "recipe")


def parse_notes(text: str | bytes) -> dict[str, Any]:
    """A JSON object; {} for what is none, since the file may be anybody's."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def parts_of(notes: dict[str, Any]) -> dict[str, Any]:
    """mean, std and recipe, as far as they are there, as arguments of `Parts`.

    Raises: InputError for one of the wrong form.
    """
    read = {"mean": as_numbers, "std": as_numbers, "recipe": as_map}
    return {name: read[name](notes, name) for name in _PARTS if name in notes}

"""What a set says about itself, as plain values that go into JSON."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet


def plain(value: Any) -> Any:
    """A value as JSON would give it back: dicts, lists, texts, numbers; numpy's numbers and arrays become these."""
    return json.loads(as_json(value))


def as_json(value: Any) -> str:
    """JSON text with sorted keys, so that equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_from_numpy)


def _from_numpy(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return dict(value)  # a mapping of another kind


def notes_of(dataset: "DistilledSet") -> dict[str, Any]:
    """Those of mean, std, recipe, whitening and provenance that the set has, and the kind of its soft labels."""
    names = ("mean", "std", "recipe", "whitening", "provenance")
    found = {name: getattr(dataset, name) for name in names if getattr(dataset, name)}
    if dataset.soft is not None:
        found["soft_kind"] = dataset.soft.kind
    notes: dict[str, Any] = plain(found)
    return notes

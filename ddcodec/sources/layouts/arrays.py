"""Named arrays (.npz, safetensors, a dict of tensors): images and labels, as `ddcodec decode --to` writes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.trees import as_images, as_number, describe

LAYOUTS = ("arrays",)
_MAX_CHANNELS = 4


def matches(tree: Any) -> bool:
    """Whether it is a dict with images and labels."""
    return isinstance(tree, dict) and "images" in tree and "labels" in tree


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """Images and labels; where present soft and soft_kind, lr or learning_rate, mean, std, classes, layout, recipe.

    A file that states mean and std holds pixels, and says how training normalises them. Soft labels without a
    soft_kind stand for the labels.

    Raises: InputError naming the array that is wrong.
    """
    if not matches(tree):
        raise InputError(f"expected arrays images and labels, found {describe(tree)}")
    images = as_images(tree["images"])
    order = tree.get("layout")
    if order is not None:
        order = str(order)
        if order not in ("NCHW", "NHWC"):
            raise InputError(f"layout: expected NCHW or NHWC, found {order!r}")
    elif images.shape[1] > _MAX_CHANNELS and images.shape[3] <= _MAX_CHANNELS:
        order = "NHWC"
    if order == "NHWC":
        images = images.transpose(0, 3, 1, 2)
    rate = tree.get("lr", tree.get("learning_rate"))
    kind = None if "soft_kind" not in tree else str(tree["soft_kind"])
    return Parts(
        layout,
        images,
        tree["labels"] if kind is not None else tree.get("soft", tree["labels"]),
        soft=None if kind is None else tree.get("soft"),
        soft_kind=kind,
        learning_rate=None if rate is None else as_number(rate, "lr"),
        mean=as_numbers(tree, "mean"),
        std=as_numbers(tree, "std"),
        classes=_names(tree.get("classes")),
        recipe=as_map(tree, "recipe"),
        whitening=as_map(tree, "whitening"),
        notes=("channels are last; they were moved to the front",) if order == "NHWC" else (),
    )


def as_numbers(tree: dict[str, Any], name: str) -> tuple[float, ...] | None:
    """A row of numbers under a name, None without it; raises InputError."""
    if name not in tree:
        return None
    try:
        values = np.asarray(tree[name], dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}: expected numbers, found {describe(tree[name])}") from error
    if values.ndim != 1:
        raise InputError(f"{name}: expected a row of numbers, found {describe(tree[name])}")
    # As the user would write them: the shortest number with the same float32.
    return tuple(float(str(np.float32(value))) for value in values)


def as_map(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """A map under a name, {} without it; it may stand as JSON in a text; raises InputError."""
    found = tree.get(name, {})
    if not isinstance(found, dict):
        try:
            found = json.loads(str(found))
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, dict):
        raise InputError(f"{name}: expected a map, or one as JSON, found {describe(tree[name])}")
    return found


def _names(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, np.ndarray) and names.ndim == 1 and names.dtype.kind == "U":
        names = names.tolist()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(f"classes: expected a list of texts, found {describe(names)}")
    return tuple(names)

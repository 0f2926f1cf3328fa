"""Dataset Distillation (Wang et al. 2018): a list of steps, each with images, labels and a learning rate."""

from pathlib import Path
from typing import Any

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.layouts.vico import pick
from ddcodec.sources.trees import as_number, describe

LAYOUTS = ("dd",)


def matches(tree: Any) -> bool:
    """Whether it is a list of lists or tuples."""
    return (
        isinstance(tree, list | tuple)
        and bool(tree)
        and all(isinstance(step, list | tuple) and len(step) >= 2 for step in tree)
    )


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """Take one step, the last by default.

    Raises: InputError when there is no such step, or its learning rate is no number.
    """
    step = pick(list(tree), options.experiment)
    if isinstance(step[0], list | tuple):
        raise InputError(f"step {options.experiment}: expected images and labels, found {describe(step)}")
    rate, notes = None, []
    if len(step) > 2 and options.learning_rate is None:
        try:
            rate = as_number(step[2], "learning rate")
        except InputError:
            notes.append("the step's learning rate is no single number and was left out")
    if len(tree) > 1:
        taken = options.experiment % len(tree)
        notes.append(f"step {taken} of {len(tree)} was taken (--exp); the others have images of their own")
    return Parts(layout, step[0], step[1], learning_rate=rate, notes=tuple(notes))

"""DD-Ranking's input: images sorted by class, as many of each; without labels their order tells the class."""

from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.layouts import mtt
from ddcodec.sources.layouts.siblings import find_sibling

LAYOUTS = ("dd-ranking",)


def matches(tree: Any) -> bool:
    """Whether it is a tensor of images; that there may be no labels, the user must say."""
    return mtt.matches(tree)


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """As MTT's where there are labels; else one class after the other, as DD-Ranking counts them.

    Raises: InputError without labels and class names, or when the images do not divide among the classes.
    """
    if options.labels_file is not None or find_sibling(path, "labels", guess=True) is not None:
        return mtt.read(tree, path, options, layout)
    if options.classes is None:
        raise InputError("has no labels; give --classes, so that it is known how many classes there are")
    count = len(options.classes)
    if len(tree) % count:
        raise InputError(f"{len(tree)} images do not divide among {count} classes")
    rate, files, notes = mtt.find_rate(path, options)
    labels = np.repeat(np.arange(count), len(tree) // count)
    assumed = f"no labels: {len(tree) // count} images of each class in order were assumed"
    return Parts(layout, tree, labels, learning_rate=rate, notes=(assumed, *notes), files=files)

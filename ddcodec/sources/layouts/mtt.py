"""MTT and its family (FTD, DATM, DC-BENCH's sets): images as a bare tensor, labels and learning rate beside it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.layouts.siblings import find_sibling
from ddcodec.sources.trees import as_images, as_labels, as_number, load_tree

LAYOUTS = ("mtt", "datm")


def matches(tree: Any) -> bool:
    """Whether it is a tensor of images."""
    return isinstance(tree, np.ndarray) and tree.ndim == 4


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """Add labels and learning rate from files beside the tensor, or from those the user names.

    Raises: InputError without labels, and for what is wrong with those files.
    """
    labels_file = options.labels_file or find_sibling(path, "labels", guess=True)
    if labels_file is None:
        raise InputError(
            "has no labels: expected a file such as labels_best.pt beside it, or its name after this one; "
            "bases of HaBa have none, and their project must render them; images that are sorted by class, as many "
            "of each, can be read with --as dd-ranking and --classes"
        )
    labels = as_labels(load_tree(labels_file))
    rate, rate_files, notes = find_rate(path, options)
    if layout == "mtt" and options.layout is None and labels.ndim == 2 and labels.dtype.kind == "f":
        layout = "datm"
    if options.labels_file is None:
        notes = (f"labels are from {labels_file.name}", *notes)
    kind = "logits" if layout == "datm" else None  # DATM softmaxes them in its loss
    files = (labels_file, *rate_files)
    return Parts(layout, tree, labels, label_kind=kind, learning_rate=rate, notes=notes, files=files)


def read_parts(paths: list[Path], options: Options) -> Parts:
    """Put together a set that lies in several files, images_best_0.pt, images_best_1.pt, ...

    Raises: InputError for a part without labels or of another shape.
    """
    whole = find_sibling(paths[0], "labels", guess=False) is None
    images, labels = [], []
    for path in paths:
        images.append(as_images(load_tree(path)))
        if not whole:
            beside = find_sibling(path, "labels", guess=False)
            if beside is None:
                raise InputError(f"{path}: has no labels beside it")
            labels.append(as_labels(load_tree(beside)))
    if len({part.shape[1:] for part in images}) > 1 or len({part.shape[1:] for part in labels}) > 1:
        raise InputError(f"the parts {paths[0].name} .. {paths[-1].name} differ in shape")
    together = np.concatenate(images)
    note = f"{len(paths)} files make up the set"
    if whole:
        found = read(together, paths[0].with_name(paths[0].name.rpartition("_")[0]), options, "mtt")
        return replace(found, notes=(note, *found.notes))
    rate, rate_files, notes = find_rate(paths[0], options)
    joined = np.concatenate(labels)
    return Parts("mtt", together, joined, learning_rate=rate, notes=(note, *notes), files=rate_files)


def find_rate(path: Path, options: Options) -> tuple[float | None, tuple[Path, ...], tuple[str, ...]]:
    """The learned learning rate, as far as a file tells it, that file, and a note where it was found."""
    rate_file = options.lr_file
    if rate_file is not None:
        return _rate(rate_file), (rate_file,), ()
    if options.learning_rate is not None:
        return None, (), ()
    rate_file = find_sibling(path, "lr", guess=True)
    if rate_file is None:
        return None, (), ()
    return _rate(rate_file), (rate_file,), (f"the learning rate is from {rate_file.name}",)


def _rate(path: Path) -> float:
    return as_number(load_tree(path), f"{path.name}: learning rate")

"""Evaluate a decoded set with its own recipe."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from ddcodec.dataset import DistilledSet
from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.config import Config
from ddcodec.train.evaluate import EvalResult, Recipe, evaluate


def recipe_of(fields: Mapping[str, Any], settings: Iterable[str] = ()) -> Recipe:
    """The recipe a file states, its unknown fields left out, with "recipe.x=..." settings applied.

    Raises: InputError for a setting that means nothing, or a field of the file that does.
    """
    names = {field.name for field in dataclasses.fields(Recipe)}
    texts = list(settings)
    for text in texts:
        if not text.strip().startswith("recipe."):
            raise InputError(f"--set {text}: only recipe.* has a meaning here")
    known = {name: value for name, value in fields.items() if name in names}
    return Config().updated({"recipe": known}).with_settings(texts).recipe


def judge(
    dataset: DistilledSet,
    test: LabelledImages,
    recipe: Recipe,
    repeats: int,
    device: torch.device,
    progress: Callable[[int, int, float], None] | None = None,
) -> EvalResult:
    """Train `repeats` networks (seeds 0, 1, ...) on a set and test each on real images.

    A set that does not state its normalisation is normalised by its own mean and deviation.

    Raises: InputError when the test images do not fit the set, or when it is empty.
    """
    if repeats < 1:
        raise InputError(f"repeats: expected at least 1, found {repeats}")
    if not len(dataset):
        raise InputError("the set has no images to train on")
    shape = dataset.pixels.shape[1:]
    if test.images.shape[1:] != shape:
        raise InputError(f"{test.name}: expected images of shape {shape}, found {test.images.shape[1:]}")
    if int(test.labels.max()) >= dataset.class_count:
        raise InputError(f"{test.name}: expected labels below {dataset.class_count}, found {test.labels.max()}")
    images, labels = dataset.torch()
    mean, std = dataset.mean, dataset.std
    if mean is None:
        mean = tuple(images.mean(dim=(0, 2, 3)).tolist())
    if std is None:
        std = tuple(max(value, 1e-3) for value in images.std(dim=(0, 2, 3)).tolist())
    try:
        return evaluate(
            images,
            labels,
            torch.from_numpy(test.images),
            torch.from_numpy(test.labels),
            recipe,
            range(repeats),
            device,
            mean,
            std,
            progress,
        )
    except EncodeError as error:
        raise InputError(str(error)) from error

"""A teacher for a distilled set: stopped early, trained on real images of all its classes, numbered as the set does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet
from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.data import from_source
from ddcodec.train.early_teacher import EarlyTeacher, Progress, train_early
from ddcodec.train.judging import check_labels, check_shape, in_order_of_set
from ddcodec.train.recipe import Recipe

_LEAST = 1e-3


def check_teachable(dataset: DistilledSet) -> None:
    """See that a teacher of pictures can label the images of a set, one label each; raises InputError."""
    if not len(dataset):
        raise InputError("the set has no images to label")
    if dataset.whitening or dataset.recipe.get("zca"):
        raise InputError("the set's images are whitened, or training whitens them: no teacher of pictures labels them")
    if dataset.recipe.get("factor", 1) != 1:
        raise InputError("the set's images are mosaics (recipe.factor): no single label holds for one")


def real_of_set(dataset: DistilledSet, source: LabelledImages, notes: list[str]) -> LabelledImages:
    """Real images with their labels as numbers of the set's classes.

    Args: notes: get a line where classes were matched in a way that is worth telling.
    Raises: InputError for images of another shape, or of more classes.
    """
    check_shape(dataset, source)
    check_labels(dataset, source)
    return dataclasses.replace(source, labels=in_order_of_set(dataset, source, notes), classes=dataset.names)


def train_for_set(
    dataset: DistilledSet,
    real: LabelledImages,
    recipe: Recipe,
    epochs: int,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> EarlyTeacher:
    """`train_early` on images by `real_of_set`, normalised as the set says, or else by their own mean and deviation.

    Raises: as `train_early`; InputError where a class of the set has no images, or training would whiten or cut them.
    """
    if recipe.zca or recipe.factor != 1:
        raise InputError("recipe.zca, recipe.factor: a teacher is trained on whole pictures; expected 0 and 1")
    data = from_source(real)
    mean, std = dataset.normalize or real_scales(data.images)
    try:
        return train_early(
            data, recipe, epochs, mean, std, seed=seed, device=device, folder=folder, progress=progress
        )  # fmt: skip
    except EncodeError as error:
        raise InputError(f"the teacher: {error}") from error


def real_scales(images: NDArray[np.float32]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel of images (N, channels, height, width)."""
    channels = [images[:, channel] for channel in range(images.shape[1])]  # one after the other: no copy of all
    means = tuple(float(channel.mean(dtype=np.float64)) for channel in channels)
    return means, tuple(max(_LEAST, float(channel.std(dtype=np.float64))) for channel in channels)

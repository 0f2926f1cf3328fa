"""Random real images, coded into a given number of bytes by this codec or another: what the distilled set must beat."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet, make_set
from ddcodec.errors import EncodeError, InputError
from ddcodec.pipeline import Metadata, decode, encode_set
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.provenance import provenance_of
from ddcodec.train.rival_codecs import Choice, Images, avif_at_budget, webp_at_budget
from ddcodec.train.seams import DistillerFactory, ResultLike

HELD_SHARE, HELD_MOST, KEPT_MOST = 5, 100, 1000
"""A fifth of each class is held out to choose by, at most so many of its images; at most so many others are kept."""
FIT_STEPS = 10
Mosaic = Callable[[Images, int], Choice]
MOSAICS: dict[str, Mosaic] = {
    "avif": lambda images, size: avif_at_budget(images, size, speed=6),
    "webp": webp_at_budget,
}


@dataclass(frozen=True, eq=False)
class Coded:
    """A set and the bytes it took; images_per_class: of the largest class; note: what else tells it from others."""

    images_per_class: int
    file_bytes: int
    dataset: DistilledSet
    note: str = ""


def hold_out(data: TrainingData, seed: int) -> tuple[TrainingData, LabelledImages]:
    """Split off images to choose by, at random but the same for the same seed; the test set is not touched for that.

    Returns: what is left to take images from, and what was held out, each sorted by class.
    Raises: InputError where no class has an image to spare.
    """
    draw = np.random.default_rng([seed, 11])
    kept, held = [], []
    for label in range(data.class_count):
        places = draw.permutation(np.flatnonzero(data.labels == label))
        count = min(HELD_MOST, len(places) // HELD_SHARE)
        held.append(np.sort(places[:count]))
        kept.append(places[count : count + KEPT_MOST])  # their order is random: the first so many are a random part
    if not sum(map(len, held)):
        raise InputError(f"{data.name}: no class has {HELD_SHARE} images, so that one could be held out to choose by")
    first, second = np.concatenate(kept), np.concatenate(held)
    name = f"{data.name} (held out)"
    left = TrainingData(data.images[first], data.labels[first], data.classes, data.name)
    return left, LabelledImages(data.images[second], data.labels[second], data.classes, name)


def first_of_each(data: TrainingData, count: int) -> TrainingData:
    """The first `count` images of each class, or as many as it has, sorted by class."""
    places = np.concatenate([np.flatnonzero(data.labels == c)[:count] for c in range(data.class_count)])
    return TrainingData(data.images[places], data.labels[places], data.classes, data.name)


def largest_class(data: TrainingData) -> int:
    """Images of the class that has most."""
    return int(np.bincount(data.labels).max())


def whole_file(result: ResultLike, config: Config, data: TrainingData) -> bytes:
    """The file that `encode` writes of a finished run by default."""
    metadata = Metadata(
        classes=None if result.classes is None else tuple(result.classes),
        mean=None if result.mean is None else tuple(result.mean),
        std=None if result.std is None else tuple(result.std),
        recipe=result.recipe,
        provenance=provenance_of(config, data.name),
        whitening=getattr(result, "whitening", {}),
    )
    return encode_set(result.model, metadata, with_hash=True)


def by_this_codec(
    config: Config, data: TrainingData, count: int, device: torch.device, factory: DistillerFactory
) -> Coded:
    """The first `count` images of each class in a file of the budget that the options state: a run that only fits.

    Raises: EncodeError for a budget that is too small.
    """
    part = first_of_each(data, count)
    fit = {"images_per_class": count, "joint_steps": 0, "fit_steps": min(FIT_STEPS, config.train.fit_steps)}
    config = config.updated({"train": {**fit, "tune_steps": 0}})
    distiller = factory(config, part, device)
    while distiller.steps_done < distiller.steps_total:
        distiller.step()
    blob = whole_file(distiller.result(), config, data)
    return Coded(count, len(blob), decode(blob))


def by_mosaic(kind: str, data: TrainingData, count: int, most_bytes: int) -> Coded:
    """The first `count` images of each class as one AVIF or WebP file of at most so many bytes.

    Raises: EncodeError where they do not fit, or are neither grey nor RGB.
    """
    part = first_of_each(data, count)
    if part.images.shape[1] not in (1, 3):
        raise EncodeError(f"{kind}: expected 1 or 3 channels, found {part.images.shape[1]}")
    pixels = np.rint(part.images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    try:
        choice = MOSAICS[kind](pixels, most_bytes)
    except (ValueError, OSError) as error:  # OSError: more pixels than the format can hold
        raise EncodeError(f"{kind}: {error}") from error
    return Coded(count, len(choice.blob), as_set(choice.images.transpose(0, 3, 1, 2).astype(np.int16), part, data))


def as_set(pixels: NDArray[np.int16], part: TrainingData, data: TrainingData, peak: int = 255) -> DistilledSet:
    """Pixels (N, C, H, W) in 0..peak of the images in `part`, normalised by all real images."""
    mean = data.images.mean(axis=(0, 2, 3), dtype=np.float64)
    std = np.maximum(data.images.std(axis=(0, 2, 3), dtype=np.float64), 1e-3)
    counts = np.bincount(part.labels, minlength=part.class_count).tolist()
    return make_set(pixels, peak, counts, classes=data.classes, mean=mean.tolist(), std=std.tolist())


def in_bytes(config: Config, file_bytes: float, classes: int) -> Config:
    """The same options with a budget for the whole file."""
    train = dataclasses.replace(config.train, bytes_per_class=file_bytes / classes, budget_counts="file")
    return dataclasses.replace(config, train=train)

"""Which images a page shows, and with what beneath them."""

from dataclasses import dataclass

import numpy as np

from ddcodec.dataset import DistilledSet, SoftLabels
from ddcodec.report.facts import FileFacts
from ddcodec.report.pictures import Tile, data_uri, tile_of
from ddcodec.report.text import percent, plain

PER_CLASS, MAX_CLASSES = 50, 200
_FEW = 12  # several files share the 50, yet each has as many
PAGE_VALUES = 4_000_000
"""Pixels x channels of all images on a page: what keeps it below about 6 MB."""
_SOFT_IMAGES, _SOFT_TOP = 8, 3


@dataclass(frozen=True)
class ClassRow:
    """One class: its name, the images shown (data URIs), and how many are not."""

    name: str
    count: int
    images: tuple[str, ...]

    @property
    def more(self) -> int:
        """Images that are not shown."""
        return self.count - len(self.images)


@dataclass(frozen=True)
class SoftImage:
    """An image, its class, and the largest of its soft labels as (class, value) texts."""

    image: str
    name: str
    top: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Gallery:
    """rows: classes in order; more_classes: how many are not shown; notes: what a viewer should know."""

    tile: Tile
    rows: tuple[ClassRow, ...]
    more_classes: int
    notes: tuple[str, ...]
    soft: tuple[SoftImage, ...]


def class_name(dataset: DistilledSet, number: int, length: int = 80) -> str:
    """Name of a class, its number where it has none."""
    return str(number) if dataset.classes is None else plain(dataset.classes[number], length)


def quota(dataset: DistilledSet, files: int) -> tuple[int, int]:
    """How many classes and how many images of each a page of so many files has room for."""
    tile = tile_of(*dataset.pixels.shape[2:])
    each = max(1, dataset.pixels[0].size // tile.shrunk**2) if len(dataset) else 1
    images = max(1, PAGE_VALUES // (each * files))
    classes = min(dataset.class_count, MAX_CLASSES, images)
    return classes, min(max(PER_CLASS // files, _FEW), images // classes)


def make_gallery(facts: FileFacts, files: int = 1) -> Gallery:
    """Choose and draw the images of one file.

    Args: files: how many share the page.
    """
    dataset = facts.dataset
    classes, per_class = quota(dataset, files)
    tile = tile_of(*dataset.pixels.shape[2:])
    starts = np.cumsum([0, *dataset.class_counts])
    rows = []
    for number in range(classes):
        count = dataset.class_counts[number]
        chosen = dataset.pixels[starts[number] : starts[number] + min(count, per_class)]
        images = tuple(data_uri(image, facts.shown, tile.shrunk) for image in chosen)
        rows.append(ClassRow(class_name(dataset, number), count, images))
    return Gallery(tile, tuple(rows), dataset.class_count - classes, tuple(_notes(facts, tile)), _soft(facts, tile))


def _notes(facts: FileFacts, tile: Tile) -> list[str]:
    notes, recipe = [], facts.dataset.recipe
    if facts.dataset.whitening:
        notes.append("These images are whitened: their colours are not those of photographs.")
    if facts.stretched:
        notes.append("Each channel is stretched to the middle 99 % of its values.")
    if tile.shrunk > 1:
        notes.append(f"Shown at 1/{tile.shrunk} of their size.")
    factor = recipe.get("factor")
    if type(factor) is int and factor > 1:
        notes.append(
            f"Each image is a mosaic: training cuts it into {factor} x {factor} tiles and enlarges them to full size."
        )
    return notes


def soft_texts(soft: SoftLabels, sample: int, dataset: DistilledSet) -> tuple[tuple[str, str], ...]:
    """The largest soft labels of one sample; logits as the percentages that softmax makes of them."""
    values = soft.floats[sample].astype(np.float64)
    if soft.kind == "logits":
        values = np.exp(values - values.max())
        values /= values.sum()
    best = np.argsort(-values, kind="stable")[:_SOFT_TOP].tolist()
    texts = [f"{v:.3f}" if soft.kind == "scores" else percent(v, 0) for v in values[best].tolist()]
    return tuple((class_name(dataset, number, 24), text) for number, text in zip(best, texts, strict=True))


def _soft(facts: FileFacts, tile: Tile) -> tuple[SoftImage, ...]:
    """The first image of the first classes that have one."""
    dataset = facts.dataset
    if dataset.soft is None:
        return ()
    starts = np.cumsum([0, *dataset.class_counts])
    # place in the original order of each image as they are sorted by class
    samples = np.argsort(dataset.labels, kind="stable")
    filled = [number for number, count in enumerate(dataset.class_counts) if count][:_SOFT_IMAGES]
    return tuple(
        SoftImage(
            data_uri(dataset.pixels[starts[number]], facts.shown, tile.shrunk),
            class_name(dataset, number, 24),
            soft_texts(dataset.soft, int(samples[starts[number]]), dataset),
        )
        for number in filled
    )

"""Real images as training material beside a distilled set: all of them, or a random choice of equal count."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.dataset import DistilledSet
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.judging import check_labels, check_shape, in_order_of_set
from ddcodec.train.whitening import recipe_whitening


@dataclass(frozen=True, eq=False)
class RealImages:
    """Real images in the form of a set's own.

    images: (N, channels, height, width) float32, whitened where those are that networks see; labels: (N,) int64,
    numbers of the set's classes; name: where they are from; notes: what the reader of a result should know, a line
    each.
    """

    images: Tensor
    labels: Tensor
    name: str
    notes: tuple[str, ...]

    def choice(self, counts: Sequence[int], seed: int) -> tuple[Tensor, Tensor]:
        """A random choice.

        Args: counts: images of each class; seed: decides which, for each class by itself.
        Returns: (sum of counts, channels, height, width) float32, sorted by class, and int64 labels.
        Raises: InputError when a class has fewer images.
        """
        rows = torch.from_numpy(chosen_rows(self.labels.numpy(), counts, seed, self.name))
        return self.images[rows], self.labels[rows]


def chosen_rows(labels: NDArray[np.int64], counts: Sequence[int], seed: int, name: str) -> NDArray[np.int64]:
    """Places of a random choice without repetition, sorted by class.

    Args: labels: (N,) int64; counts: images of each class; seed: not negative; name: of the source, for messages.
    Raises: InputError when a class has fewer images.
    """
    chosen = []
    for number, count in enumerate(counts):
        rows = np.flatnonzero(labels == number)
        if len(rows) < count:
            raise InputError(f"{name}: expected at least {count} images of class {number}, found {len(rows)}")
        chosen.append(np.random.default_rng([seed, number]).choice(rows, count, replace=False))
    return np.concatenate(chosen).astype(np.int64)


def real_images(dataset: DistilledSet, source: LabelledImages, zca: float = 0.0) -> RealImages:
    """Bring real images into the form of a set's own: classes in its order, whitened by themselves where those are.

    Args: zca: of the recipe in use.
    Raises: InputError when their shape or labels do not fit the set.
    """
    check_shape(dataset, source)
    check_labels(dataset, source)
    notes: list[str] = []
    labels = in_order_of_set(dataset, source, notes)
    images = source.images
    if dataset.whitening:
        images = np.asarray(dataset.eval_transform(train_images=images)(images))
        notes.append("real images whitened as the set is, by a matrix fitted on them")
    elif zca:
        images = np.asarray(recipe_whitening(images.shape[1:], source, zca)(images))
    told = tuple(note.replace("the test set", "the training set") for note in notes)
    return RealImages(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels), source.name, told)

"""What a distiller learns from."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.merging.notes import Block
from ddcodec.sources.labelled import LabelledImages
from ddcodec.sources.spec import load_spec


@dataclass(frozen=True)
class Whole:
    """What the data of a block know of the whole set, so that blocks go together.

    block: which classes of it they are; mean, std: of the whole set, a float per channel; seed, config_sha256: of the
    distillation of the whole set, from which those of the block follow.
    """

    block: Block
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed: int
    config_sha256: str


@dataclass(frozen=True, eq=False)
class TrainingData:
    """N real images of C classes, none of them empty.

    images: (N, channels, height, width) float32 in [0, 1]; labels: (N,) int64 in 0..C-1; classes: C names,
    or None; name: the text behind `--data`; whole: where they are a block of a greater set.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] | None
    name: str
    whole: Whole | None = None

    @property
    def class_count(self) -> int:
        """C."""
        return len(self.classes) if self.classes is not None else int(self.labels.max()) + 1

    def sha256(self) -> str:
        """Hash, in hex, of images, labels and names (the same wherever the file lies), and of the whole set's words."""
        digest = hashlib.sha256(repr((self.images.shape, self.classes)).encode())
        if self.whole is not None:
            digest.update(repr(self.whole).encode())
        digest.update(np.ascontiguousarray(self.images, dtype="<f4").data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return digest.hexdigest()


def from_source(source: LabelledImages) -> TrainingData:
    """Check that each class has something to learn from, and each image numbers.

    Raises: InputError naming the first class without images, or the first image with a NaN.
    """
    counts = np.bincount(source.labels, minlength=source.class_count)
    if not counts.all():
        number = int(np.argmin(counts))
        word = "" if source.classes is None else f" ({source.classes[number]})"
        raise InputError(f"{source.name}: class {number}{word} has no images")
    with np.errstate(invalid="ignore", over="ignore"):
        sums = source.images.sum(axis=(1, 2, 3), dtype=np.float64)  # a NaN or an infinity spreads to its image's sum
    if not np.isfinite(sums).all():
        raise InputError(f"{source.name}: image {int(np.argmin(np.isfinite(sums)))} holds a value that is no number")
    return TrainingData(source.images, source.labels, source.classes, source.name)


def load_training_data(text: str) -> TrainingData:
    """`load_spec`, then `from_source`; raises what they raise."""
    return from_source(load_spec(text))

"""Another project's distilled set: what was asked, what a file holds, and the form that all layouts end in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.sources.normalisations import Normalisation

DOMAINS = ("pixels", "normalised", "whitened")
LABEL_WORDS = {"logits": "logits", "probs": "probabilities", "scores": "scores"}
"""Words of `--labels` beside `hard`, and what they are called in a set."""


@dataclass(frozen=True)
class Options:
    """What the user says about a file, since released files do not say it.

    Fields:
        layout: id of a layout to force, or None to go by structure.
        labels_file, lr_file: files that belong to a bare tensor of images; None looks beside it.
        experiment: which entry of a file that holds several, counted as Python does.
        learning_rate: the learned one; it wins over a file's.
        normalisation: what the tensors were normalised with, or None.
        in_pixels: the tensors are in units of 0..1 already.
        whitened: what the whitening was fitted on, in words, or None.
        factor, decode_type: of mosaics (IDC, NCFM), or None.
        labels: "hard", "logits", "probs" or "scores"; None goes by layout and values.
        classes: names, or None.
        recipe: further keys of the recipe.
        unsorted: accept soft labels whose greatest entries are not sorted by class.
    """

    layout: str | None = None
    labels_file: Path | None = None
    lr_file: Path | None = None
    experiment: int = -1
    learning_rate: float | None = None
    normalisation: Normalisation | None = None
    in_pixels: bool = False
    whitened: str | None = None
    factor: int | None = None
    decode_type: str | None = None
    labels: str | None = None
    classes: tuple[str, ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    unsorted: bool = False


@dataclass(frozen=True, eq=False)
class Parts:
    """What a layout's reader finds, unchecked.

    Fields:
        layout: id of the layout.
        images: (N, C, H, W) of any type; labels: (N,) integers or (N, K) floats.
        pixels: the layout stores pixels by definition, whatever their values.
        label_kind: what (N, K) labels are in this layout, a word of `LABEL_WORDS`, or None.
        soft, soft_kind: (N, K) floats beside hard labels, and what they are (as in a set), or None.
        learning_rate, mean, std, classes, recipe, whitening: as the file states them.
        notes: what was assumed or left out, in words.
        files: what was read beside the file itself.
    """

    layout: str
    images: NDArray[Any]
    labels: NDArray[Any]
    pixels: bool = False
    label_kind: str | None = None
    soft: NDArray[Any] | None = None
    soft_kind: str | None = None
    learning_rate: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    whitening: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class ForeignSet:
    """N images of C classes as their project stores them.

    Fields:
        layout: id of the layout.
        images: (N, channels, height, width), uint8 (255 stands for 1.0) or float32, in the units of `domain`.
        labels: (N,) int64, hard classes in 0..C-1.
        class_count: C.
        soft: (N, C) float32 as stored, or None; soft_kind: "logits", "probabilities" or "scores", or None.
        domain: "pixels" (1.0 is white), "normalised" ((pixels - mean) / std) or "whitened".
        mean, std: a float per channel; with "pixels" only what training shall normalise with, or None.
        whitening: how whitened images were made, {} for the others.
        classes: C names, or None.
        recipe: how to train, as far as known (spec section 9).
        notes: what was assumed, and what the source does not say; a line each.
        files: what was read beside the file itself.
    """

    layout: str
    images: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    class_count: int
    soft: NDArray[np.float32] | None = None
    soft_kind: str | None = None
    domain: str = "pixels"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    whitening: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

"""KIP (through DC-BENCH) and RFAD: .npz with images and centred one-hot labels; both whitened."""

from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.foreign import Options, Parts
from ddcodec.sources.trees import as_images

LAYOUTS = ("kip", "rfad")
_MAX_CHANNELS = 4


def matches(tree: Any) -> bool:
    """Whether it has images, and labels of more than one number per image."""
    return (
        isinstance(tree, dict)
        and all(isinstance(tree.get(name), np.ndarray) for name in ("images", "labels"))
        and tree["labels"].ndim == 2
        and tree["labels"].shape[1] > 1
        and not {"soft", "mean", "std", "layout", "whitening"} & set(tree)
    )


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """KIP has the channels last, RFAD first; the axis of 1..4 channels tells.

    Raises: InputError when the channels are on neither axis.
    """
    images = as_images(tree["images"])
    first, last = (1 <= images.shape[axis] <= _MAX_CHANNELS for axis in (1, 3))
    if options.layout is not None:
        first, last = options.layout == "rfad", options.layout == "kip"
    if not first and not last:
        raise InputError(f"images: no axis of 1..{_MAX_CHANNELS} channels in shape {images.shape}")
    if first and last:
        raise InputError(f"images: channels may be first or last in shape {images.shape}; give --as kip or --as rfad")
    if last:
        return Parts("kip", images.transpose(0, 3, 1, 2), tree["labels"], label_kind="scores")
    return Parts("rfad", images, tree["labels"], label_kind="scores")

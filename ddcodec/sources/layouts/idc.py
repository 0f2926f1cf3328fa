"""IDC and NCFM: a list of images and targets; pixels, each image a mosaic that training cuts up."""

from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.sources.foreign import Options, Parts

LAYOUTS = ("idc", "ncfm")


def matches(tree: Any) -> bool:
    """Whether it is a list or tuple of two tensors."""
    return (
        isinstance(tree, list | tuple)
        and len(tree) == 2
        and all(isinstance(part, np.ndarray) and part.ndim > 0 for part in tree)
    )


def read(tree: Any, path: Path, options: Options, layout: str) -> Parts:
    """The two tensors; their values are pixels by definition and may exceed 0..1."""
    return Parts(layout, tree[0], tree[1], pixels=True)

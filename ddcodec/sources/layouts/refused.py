"""Files that hold no images but what a project makes images of: each refused with what to do."""

from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.trees import Opaque, describe

_ADVICE = "let its project render them and save images and labels as tensors, then import those"


def refuse_tree(tree: Any) -> None:
    """Raise InputError for layouts that need the code of their project."""
    if isinstance(tree, dict):
        if "nf" in tree:
            raise InputError(f"holds DDiF's neural fields, one network per image; {_ADVICE}")
        if "compressor" in tree:
            raise InputError(f"holds bases and coefficients of Remember the Past; {_ADVICE}")
        if "saet" in tree or any(key.startswith("saet") for key in tree):
            raise InputError(f"holds SPEED's atoms; {_ADVICE}")
        if tree and all(isinstance(value, np.ndarray) for value in tree.values()) and "images" not in tree:
            raise InputError(
                "holds the weights of a network, such as HaBa's styles, SPEED's FReeNet or Remember the Past's "
                f"compressor, and no images; {_ADVICE}"
            )
    if isinstance(tree, Opaque) and tree.text.startswith("sparse"):
        raise InputError(f"holds a {tree.text}, such as SPEED's coefficients, and no images; {_ADVICE}")
    if isinstance(tree, list | tuple) and tree and all(isinstance(part, dict) for part in tree):
        raise InputError(f"holds a list of networks' weights, such as DDiF's or HaBa's, and no images; {_ADVICE}")
    if isinstance(tree, np.ndarray) and tree.ndim != 4:
        raise InputError(
            f"images: expected a tensor (N, channels, height, width), found {describe(tree)}; if these are SPEED's "
            f"atoms, {_ADVICE}"
        )


def refuse_folder(folder: Path) -> None:
    """Raise InputError for folders that need the code of their project."""
    if (folder / "header.bin").is_file() and any(folder.glob("latent_l*.bin")):
        raise InputError(f"is a folder of DD-RUO's codec, without labels or class names; {_ADVICE}")
    if any(folder.glob("epoch_*/batch_*.tar")):
        raise InputError(
            "holds soft labels of SRe2L or FKD, which fit only its sampler and augmentation; import the images' folder"
        )

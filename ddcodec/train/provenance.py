"""Where a set comes from, in the words of its file; known before the first step, so that its bytes can be counted."""

from pathlib import Path
from typing import Any

import ddcodec
from ddcodec.merging.notes import BLOCK
from ddcodec.train.config import Config
from ddcodec.train.data import Whole

_HASH_DIGITS = 16  # enough to tell runs apart; every byte of a file counts


def provenance_of(config: Config, data_name: str, whole: Whole | None = None) -> dict[str, Any]:
    """Hash of the options, seed, version, data, and the numbers of images that were tried if the run chose one.

    Args:
        data_name: the text behind `--data`.
        whole: of the data of a block: options and seed are then those of the whole set, as all its blocks say alike.
    """
    sha256, seed = (config.sha256(), config.train.seed) if whole is None else (whole.config_sha256, whole.seed)
    found: dict[str, Any] = {"config_sha256": sha256[:_HASH_DIGITS], "seed": seed}
    if whole is not None:
        found[BLOCK] = whole.block.note()
    found |= {"version": ddcodec.__version__, "dataset": _public_name(data_name)}
    if config.train.images_tried:
        found["images_per_class_tried"] = list(config.train.images_tried)
    return found


def _public_name(name: str) -> str:
    """npz:/home/me/train.npz as npz:train.npz: a file that is passed on need not tell folders."""
    kind, colon, rest = name.partition(":")
    return f"{kind}{colon}{Path(rest).name}"

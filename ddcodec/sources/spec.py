"""From the text behind `--data` or `--test` to images."""

import os
from typing import NamedTuple

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.digits import load_digits
from ddcodec.sources.labelled import LabelledImages

_SPLITS = {
    "npz": (),
    "digits": ("train", "test"),
    "cifar10": ("train", "test"),
    "cifar100": ("train", "test"),
    "imagefolder": ("train", "test", "val"),
    "hf": ("train", "test", "validation", "val", "valid"),
}
FORMS = (
    "npz:FILE, digits[:train|:test], cifar10:PATH[:train|:test], cifar100:PATH[:train|:test], "
    "imagefolder:DIR[:train|:test|:val], hf:NAME[:train|:test|:validation]"
)


class Spec(NamedTuple):
    """A parsed text: kind, path ("" for what ships with the package), split where one is named."""

    kind: str
    path: str
    split: str | None


def parse_spec(text: str) -> Spec:
    """Take a text apart; a last part that is no split belongs to the path.

    Raises: InputError when it means nothing.
    """
    kind, _, rest = text.partition(":")
    if kind not in _SPLITS:
        raise InputError(f"{text}: no known kind of data; expected one of {FORMS}")
    path, _, last = rest.rpartition(":")
    spec = Spec(kind, path, last) if last in _SPLITS[kind] else Spec(kind, rest, None)
    if bool(spec.path) == (kind == "digits"):
        raise InputError(f"{text}: no known kind of data; expected one of {FORMS}")
    return spec


def subject_of(text: str) -> str:
    """What a message about this source begins with: its path, or the text where it has none."""
    try:
        return parse_spec(text).path or text
    except InputError:
        return text


def label_of(text: str, split: str = "train") -> str:
    """A short name that tells nothing of the machine: "cifar10:test"; for npz the base name of the file.

    Args: split: the one that is meant where the text names none.
    Raises: InputError when the text means nothing.
    """
    spec = parse_spec(text)
    if spec.kind == "npz":
        return "npz:" + spec.path.replace("\\", "/").rpartition("/")[2]
    if spec.kind == "hf":
        return f"hf:{_hub_name(spec.path)}:{spec.split or split}"
    return f"{spec.kind}:{spec.split or split}"


def _hub_name(path: str) -> str:
    """A name on the hub as it is; of a file or folder here, the last part."""
    if path.startswith((".", "~", "/")) or "\\" in path or os.path.exists(path):
        return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return path


def load_spec(text: str, split: str = "train") -> LabelledImages:
    """Load the images that a text names.

    Args:
        text: one of `FORMS`.
        split: "train" or "test", the one that is taken where the text names none (an npz file has no splits).
    Raises: InputError when the text means nothing, or for what is wrong with the files.
    """
    spec = parse_spec(text)
    chosen = spec.split or split
    if spec.kind == "npz":
        from ddcodec.sources.npz import load_npz

        return load_npz(spec.path, text)
    if spec.kind == "imagefolder":
        from ddcodec.sources.image_tree import load_image_tree

        return load_image_tree(spec.path, spec.split, split, text)
    if spec.kind == "hf":
        from ddcodec.sources.hub import load_hub

        return load_hub(spec.path, chosen, text)
    if spec.kind != "digits":
        from ddcodec.sources.cifar import load_cifar

        return load_cifar(spec.kind, spec.path, chosen, text)
    train_images, train_labels, test_images, test_labels, names = load_digits()
    pixels, labels = (test_images, test_labels) if chosen == "test" else (train_images, train_labels)
    return LabelledImages(pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64), names, text)

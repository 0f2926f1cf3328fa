"""From the text behind `--data` or `--test` to images."""

import numpy as np

from ddcodec.errors import InputError
from ddcodec.sources.digits import load_digits
from ddcodec.sources.labelled import LabelledImages
from ddcodec.sources.npz import load_npz

FORMS = "npz:FILE, digits, digits:test"


def load_spec(text: str) -> LabelledImages:
    """Load the images that a text names.

    Args: text: "npz:FILE", or "digits" / "digits:train" / "digits:test" for the bundled ones.
    Raises: InputError when the text means nothing, or for what is wrong with the file.
    """
    kind, _, rest = text.partition(":")
    if kind == "npz" and rest:
        return load_npz(rest, text)
    if kind == "digits" and rest in ("", "train", "test"):
        train_images, train_labels, test_images, test_labels, names = load_digits()
        pixels, labels = (test_images, test_labels) if rest == "test" else (train_images, train_labels)
        return LabelledImages(pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64), names, text)
    raise InputError(f"{text}: no known kind of data; expected one of {FORMS}")

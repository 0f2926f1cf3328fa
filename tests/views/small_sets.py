"""Sets of a few images, with and without everything that a set can have."""

import numpy as np

from ddcodec.dataset import SoftLabels, make_set

ORDER = [2, 0, 2, 0, 2]
COUNTS = (2, 0, 3)
NAMES = ("ant", "bee", "cat")
RECIPE = {"epochs": 5, "learning_rate": 0.25, "augmentation": "flip"}


def pixels(channels=3, height=4, width=6, low=-30, high=290):
    return np.random.default_rng(channels).integers(low, high, (5, channels, height, width)).astype(np.int16)


def soft(kind="logits", unit=100):
    values = np.random.default_rng(9).integers(0 if kind == "probabilities" else -300, 300, (5, 3))
    return SoftLabels(values.astype(np.int16), unit, kind)


def small_set(channels=3, height=4, width=6, **parts):
    """Five images of three classes, shuffled, some values outside 0..1."""
    parts = {"order": ORDER, "classes": NAMES} | parts
    return make_set(pixels(channels, height, width), 255, COUNTS, **parts)


def full_set(kind="logits", **parts):
    """With normalisation, recipe and soft labels."""
    normalize = {"mean": (0.5, 0.4, 0.25), "std": (0.5, 0.25, 2.0)}
    return small_set(**(normalize | {"recipe": RECIPE, "soft": soft(kind)} | parts))

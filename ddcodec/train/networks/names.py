"""Which networks there are, and how each is trained where a recipe was made for another one. Needs no torch."""

import difflib
from collections.abc import Mapping
from typing import Any

from ddcodec.errors import InputError

USUAL_WIDTH = {"convnet": 128, "resnet18": 64, "vgg11": 64, "alexnet": 128, "vit": 192}
"""Networks that can be trained, with the width that is meant where none is stated."""

_CONVOLUTIONAL = {"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
USUAL_TRAINING: Mapping[str, Mapping[str, Any]] = dict.fromkeys(USUAL_WIDTH, _CONVOLUTIONAL) | {
    "vit": {
        "optimizer": "adamw",
        "learning_rate": 5e-4,
        "momentum": 0.9,
        "weight_decay": 0.05,
        "schedule": "cosine",
    }
}
"""What replaces a recipe's fields where it was made for another network: a learned or tuned rate says nothing about
them. Convolutional networks take the optimiser by which distilled sets are customarily judged, the transformer one
under which it learns at all. Epochs, batch size, augmentation, loss and labels stay the recipe's."""


def parse_networks(text: str) -> tuple[str, ...]:
    """Names out of a comma-separated list, each once, in order.

    Raises: InputError for an unknown name, with the nearest one, or without any.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise InputError(f"--nets: expected some of {', '.join(USUAL_WIDTH)}, found nothing")
    for name in names:
        if name not in USUAL_WIDTH:
            raise InputError(
                f"--nets: unknown network {name!r}; the nearest is {nearest(name)}, known: {', '.join(USUAL_WIDTH)}"
            )
    return names


def nearest(name: str) -> str:
    """The known network whose name is most like this one."""
    return max(USUAL_WIDTH, key=lambda known: difflib.SequenceMatcher(None, name.lower(), known).ratio())

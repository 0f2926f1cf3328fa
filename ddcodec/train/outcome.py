"""What a finished run hands over; needs no torch, as a set may come from elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ddcodec.pipeline import EncodedModel


@dataclass(frozen=True)
class Result:
    """model: the integers of the file; mean, std: per channel, or None; estimate: bits by the training's own count.

    classes: names, or None; recipe: how to train; whitening: how the images were whitened, {} where they were not.
    """

    model: EncodedModel
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    classes: tuple[str, ...] | None
    recipe: Mapping[str, Any]
    estimate: Mapping[str, Any]
    whitening: Mapping[str, Any] = field(default_factory=dict)

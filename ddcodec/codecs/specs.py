"""What the tensors of a group blob look like (spec section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """Of the decoded images: `peak` is the pixel integer that stands for 1.0."""

    channels: int
    height: int
    width: int
    peak: int


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the blob: its shape, and what it is coded against (None: zeros, with a shift of its own)."""

    name: str
    shape: tuple[int, ...]
    base: Tensor | None = None
    base_shift: int = 0


def layer_specs(name: str, weight_shape: tuple[int, ...]) -> list[TensorSpec]:
    """W and b of a layer without a base."""
    return [TensorSpec(f"{name}.weight", weight_shape), TensorSpec(f"{name}.bias", (weight_shape[0],))]

"""Fixed-point layers and the bound that makes floats carry them exactly (spec section 4, rules N1-N4)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import EncodeError

ACTIVATION_MAX = 32_767
WEIGHT_MIN, WEIGHT_MAX = -32_768, 32_767
SHIFT_MAX = 15


@dataclass(frozen=True)
class Layer:
    """`y = (W x + bias * 2^bias_shift + 2^(shift-1)) >> shift`.

    weight: (out, in) or (out, in, 3, 3) int64; bias: (out,) int64; both within -32,768..32,767.
    """

    weight: NDArray[np.int64]
    shift: int
    bias: NDArray[np.int64]
    bias_shift: int

    @property
    def size(self) -> int:
        """Number of weights and biases."""
        return self.weight.size + self.bias.size

    def check(self, input_max: int) -> None:
        """Raise EncodeError (naming the rule) where N1, N2 or N4 is broken."""
        if not (0 <= self.shift <= SHIFT_MAX and 0 <= self.bias_shift <= SHIFT_MAX):
            raise EncodeError(f"rule N1: layer shifts {self.shift}, {self.bias_shift} are not in 0..{SHIFT_MAX}")
        for tensor in (self.weight, self.bias):
            if tensor.size and not WEIGHT_MIN <= int(tensor.min()) <= int(tensor.max()) <= WEIGHT_MAX:
                raise EncodeError("rule N2: a weight or bias is outside -32768..32767")
        if row_bound(self, input_max) >= 2**53:
            raise EncodeError("rule N4: the sums of a layer can exceed 2^53")


def row_bound(layer: Layer, input_max: int) -> int:
    """Largest magnitude any partial sum of the layer can reach, exactly."""
    if not len(layer.weight):
        return 1 << layer.shift
    fan_in = prod(layer.weight.shape[1:])
    rows = np.abs(layer.weight.reshape(len(layer.weight), fan_in)).sum(axis=1)
    bias = np.abs(layer.bias) << layer.bias_shift
    if int(rows.max()) * input_max + int(bias.max()) >= 2**63:  # then numpy's integers are too short
        rows, bias = rows.astype(object), bias.astype(object)
    return int((rows * input_max + bias).max()) + (1 << layer.shift)


def exact_dtype(layer: Layer, input_max: int) -> type:
    """float32 where every sum stays below 2^24, else float64."""
    return np.float32 if row_bound(layer, input_max) < 2**24 else np.float64

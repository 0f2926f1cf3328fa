"""Soft labels: a vector of numbers for each sample of a set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOFT_KINDS = ("logits", "probabilities", "scores")
"""Meaning of soft labels; the place in this tuple is the number in a file (spec section 8)."""


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """A vector of C numbers for each sample.

    Fields:
        values: (N, C) int16, in the original order of the samples; `unit` stands for 1.0 (1..32,767).
        kind: "logits" (softmax them), "probabilities", or "scores" (targets of a regression, such as centred
            one-hot vectors).
    """

    values: NDArray[np.int16]
    unit: int
    kind: str

    @property
    def floats(self) -> NDArray[np.float32]:
        """(N, C) float32, values / unit, rounded correctly."""
        floats: NDArray[np.float32] = np.divide(self.values, np.float32(self.unit), dtype=np.float32)
        return floats

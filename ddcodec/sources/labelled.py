"""Real images with labels, the one form that every source delivers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """N images of C classes.

    images: (N, channels, height, width) float32 in [0, 1]; labels: (N,) int64 in 0..C-1; classes: C names,
    or None; name: the text it was asked for with.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] | None
    name: str

    @property
    def class_count(self) -> int:
        """C: the number of names, or else one more than the greatest label."""
        return len(self.classes) if self.classes is not None else int(self.labels.max()) + 1

"""Soft labels of a run's own images, from the networks that its loss trained on real images anyway."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.dataset import SoftLabels

LABEL_BITS_GUESS = 10.0
"""What the soft label of an image of ten classes took where it was measured; corrected once there are labels."""
_SECTION_BYTES = 10


@runtime_checkable
class Teaches(Protocol):
    """A matcher that has networks trained on real images."""

    def teach(self, images: Tensor) -> Tensor:
        """Logits (networks, N, classes) of images (N, C, H, W) in [0, 1] units; on the images' device, no graph."""
        ...


def soft_labels(logits: Tensor, labels: Tensor, share: float, unit: int) -> SoftLabels:
    """The teachers' mean probabilities, mixed with the hard label, on a grid.

    Args:
        logits: (networks, N, classes); labels: (N,) int64.
        share: of the teachers, 0 to 1; what is left goes to the hard label.
        unit: steps of the grid from 0 to 1.
    Returns: (N, classes) probabilities. Rounding leaves the sum of a row near 1, not always at it.
    """
    taught = torch.softmax(logits.double(), 2).mean(0)
    hard = functional.one_hot(labels, logits.shape[2]).double()
    mixed = share * taught + (1 - share) * hard
    return SoftLabels(torch.round(mixed * unit).to(torch.int16).cpu().numpy(), unit, "probabilities")


def soft_label_file_bits(soft: SoftLabels, labels: Tensor) -> float:
    """Bits that they add to a file."""
    return 8.0 * (_SECTION_BYTES + len(encode_soft_labels(soft, labels.cpu().numpy().astype(np.int64))))

"""Soft labels of a run's own images, from the networks that its loss trained on real images anyway."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError
from ddcodec.train.config import Config
from ddcodec.train.losses.seam import Matcher

LABEL_BITS_GUESS = 10.0
"""What the soft label of an image of ten classes took where it was measured; corrected once there are labels."""
_SECTION_BYTES = 10


@runtime_checkable
class Teaches(Protocol):
    """A matcher that has networks trained on real images."""

    def teach(self, images: Tensor) -> Tensor:
        """Logits (networks, N, classes) of images (N, C, H, W) in [0, 1] units; on the images' device, no graph."""
        ...


@runtime_checkable
class LearnsLabels(Teaches, Protocol):
    """A teacher whose loss says, too, where the labels of the images should go."""

    def joint_gradients(
        self, images: Tensor, labels: Tensor, targets: Tensor, step: int
    ) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Gradients of the loss with respect to pixels and soft labels; `Matcher.pixel_gradient` otherwise.

        Args: targets: (N, classes) float32, the soft labels; labels: (N,), to which class an image belongs.
        Returns: (N, C, H, W), (N, classes), and metrics.
        """
        ...


def find_teacher(config: Config, matcher: Matcher) -> Teaches | None:
    """Who issues soft labels, None where they shall be hard.

    Raises: InputError for a loss that cannot.
    """
    kind, loss = config.train.labels, config.train.loss
    if kind == "hard":
        return None
    if kind == "learned" and not isinstance(matcher, LearnsLabels):
        raise InputError(
            f"train.labels is learned: train.loss {loss} has no gradient for labels;"
            " expected tm, or dm with matching.source pool"
        )
    if not isinstance(matcher, Teaches):
        raise InputError(
            f"train.labels is {kind}: train.loss {loss} has no networks trained on real images;"
            " expected tm, ncfm, mmd, d3, or dm with matching.source pool"
        )
    return matcher


def mixed_labels(logits: Tensor, labels: Tensor, share: float) -> Tensor:
    """The teachers' mean probabilities, mixed with the hard label: (N, classes) float64, each row of sum 1.

    Args:
        logits: (networks, N, classes); labels: (N,) int64.
        share: of the teachers, 0 to 1; what is left goes to the hard label.
    """
    taught = torch.softmax(logits.double(), 2).mean(0)
    hard = functional.one_hot(labels, logits.shape[2]).double()
    return share * taught + (1 - share) * hard


def soft_labels(logits: Tensor, labels: Tensor, share: float, unit: int) -> SoftLabels:
    """`mixed_labels` on a grid.

    Args: unit: steps of the grid from 0 to 1; the others as there.
    Returns: (N, classes) probabilities. Rounding leaves the sum of a row near 1, not always at it.
    """
    mixed = mixed_labels(logits, labels, share)
    return SoftLabels(torch.round(mixed * unit).to(torch.int16).cpu().numpy(), unit, "probabilities")


def soft_label_file_bits(soft: SoftLabels, labels: Tensor) -> float:
    """Bits that they add to a file."""
    return 8.0 * (_SECTION_BYTES + len(encode_soft_labels(soft, labels.cpu().numpy().astype(np.int64))))

"""One soft label for each sample: what a teacher says of the image itself, on a grid whose rows add up exactly.

The label of a prior is that of its decoded mean; it holds for every image that is drawn from the prior, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError

UNITS = (2, 32_767)
"""Least and greatest number of steps of the grid from 0 to 1."""
_BATCH = 256


def issue(
    images: NDArray[np.float32] | Tensor,
    teacher: nn.Module,
    *,
    unit: int,
    temperature: float = 1.0,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> SoftLabels:
    """The teacher's probabilities of each image.

    Args:
        images: (N, C, H, W) float32 in [0, 1] units, in the original order of the samples.
        teacher: takes them and gives logits (n, classes); it is moved to the device, and put into eval mode.
        unit: steps of the grid from 0 to 1. temperature: logits are divided by it before the softmax.
        progress: called after each batch with (labels issued, labels in all).
    Returns: (N, classes) probabilities in the order of the images; each row adds up to `unit`.
    Raises: InputError for a unit or temperature that means nothing, no images, or logits that are not finite.
    """
    pixels = torch.as_tensor(images)
    if not UNITS[0] <= unit <= UNITS[1]:
        raise InputError(f"unit of soft labels: expected {UNITS[0]}..{UNITS[1]}, found {unit}")
    if not 0 < temperature < float("inf"):
        raise InputError(f"temperature of soft labels: expected a positive number, found {temperature:g}")
    if pixels.ndim != 4 or not len(pixels):
        raise InputError(f"no images to label: expected (N, C, H, W), found {tuple(pixels.shape)}")
    teacher.to(device).eval()
    rows: list[NDArray[np.int16]] = []
    done = 0
    for some in torch.split(pixels, _BATCH):
        with torch.inference_mode():
            logits = teacher(some.to(device, torch.float32)).cpu().double()
        if not bool(logits.isfinite().all()):
            place = done + int((~logits.isfinite().all(1)).nonzero()[0])
            raise InputError(f"the teacher gave logits that are not finite for sample {place}")
        rows.append(on_grid(torch.softmax(logits / temperature, 1).numpy(), unit))
        done += len(some)
        if progress is not None:
            progress(done, len(pixels))
    return SoftLabels(np.concatenate(rows), unit, "probabilities")


def on_grid(shares: NDArray[np.float64], unit: int) -> NDArray[np.int16]:
    """Whole parts of `unit`, by the largest remainder; of equal ones the lower class comes first.

    Args: shares: (N, classes), each row of sum 1.
    Returns: (N, classes), each row of sum `unit`, no number further than 1 from its share.
    """
    exact = shares * (unit / shares.sum(axis=1, keepdims=True))
    whole = np.floor(exact)
    order = np.argsort(whole - exact, axis=1, kind="stable")  # largest remainder first
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(shares.shape[1])[None], axis=1)
    missing = unit - whole.sum(axis=1, keepdims=True)
    numbers: NDArray[np.int16] = (whole + (rank < missing)).astype(np.int16)
    return numbers

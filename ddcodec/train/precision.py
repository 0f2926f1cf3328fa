"""Narrow numbers inside networks: half the bytes of a convolution's operands, float32 outside."""

from contextlib import AbstractContextManager, nullcontext

import torch

CHOICES = ("float32", "bfloat16")


def within(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A block whose convolutions and matrix products, and the passes back through them, have a precision.

    Weights, and what enters and leaves the block for a loss, stay float32. Tensors keep the usual layout: on a CPU
    channels_last was measured to be slower.

    Args: precision: of `CHOICES`; device: of the images.
    """
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()

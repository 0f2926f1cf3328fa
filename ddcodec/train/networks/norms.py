"""Normalisation inside convolutional networks."""

from torch import nn

from ddcodec.errors import EncodeError


def norm_layer(norm: str, channels: int) -> nn.Module:
    """Normalisation with a learned scale and shift per channel.

    Args: norm: "instance" (over one channel of one image), "batch" (one channel of all images), "layer" (all
        channels of one image).
    Raises: EncodeError for another word.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm not in ("instance", "layer"):
        raise EncodeError(f"norm: expected instance, batch or layer, found {norm!r}")
    return nn.GroupNorm(channels if norm == "instance" else 1, channels, affine=True)


def check_counts(network: str, channels: int, size_hw: tuple[int, int], classes: int, width: int, side: int) -> None:
    """What every network must be given; side: pixels below which it makes no sense.

    Raises: EncodeError.
    """
    if min(channels, classes, width) < 1:
        raise EncodeError(f"no network for C={channels}, {classes} classes, {width=}")
    if min(size_hw) < side:
        raise EncodeError(f"{network} needs {side}x{side} pixels, found {size_hw[0]}x{size_hw[1]}")

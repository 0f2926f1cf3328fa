"""Differentiable augmentation: random transforms through which a gradient reaches the images.

A policy is a string of operation names joined by underscores (or "none"). `SIMPLE` policies apply all their
operations to every batch; every other policy follows Zhao and Bilen (2021), where each batch gets one
operation drawn at random ("S") or, on request, all of them ("M"). Parameters are drawn per image, or once per
batch when `siamese` is set, so that a real and a synthetic batch can be given the same transform by giving
both a generator in the same state.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ddcodec.errors import EncodeError

DSA = "color_crop_cutout_flip_scale_rotate"
SIMPLE = ("none", "flip", "crop", "flip_crop")

Mode = Literal["auto", "S", "M"]


@dataclass(frozen=True)
class Strengths:
    """How far each operation may go; the defaults are those of Zhao and Bilen (2021)."""

    flip_probability: float = 0.5
    scale_ratio: float = 1.2  # each axis by a factor in 1/ratio .. ratio
    rotate_degrees: float = 15.0
    crop_pad: float = 0.125  # shift in parts of the side: 4 pixels of 32
    cutout_side: float = 0.5  # side of the blanked square in parts of the image's
    brightness: float = 1.0
    saturation: float = 2.0
    contrast: float = 0.5


DEFAULT_STRENGTHS = Strengths()


class _Draw:
    """Random parameters for one batch: (N, 1, 1, 1), or (1, 1, 1, 1) when all images share them."""

    def __init__(self, images: Tensor, generator: torch.Generator, siamese: bool) -> None:
        self.count = 1 if siamese else images.shape[0]
        self.device, self.dtype, self.generator = images.device, images.dtype, generator

    def uniform(self) -> Tensor:
        """Float in [0, 1), drawn where the generator lives, so that a CPU seed serves every device."""
        drawn = torch.rand(self.count, 1, 1, 1, generator=self.generator, device=self.generator.device)
        return drawn.to(self.device, self.dtype)

    def integer(self, low: int, high: int) -> Tensor:
        """Integer in low..high, both included."""
        shape, place = (self.count, 1, 1, 1), self.generator.device
        return torch.randint(low, high + 1, shape, generator=self.generator, device=place).to(self.device)


_Operation = Callable[[Tensor, _Draw, Strengths], Tensor]


def _brightness(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    return images + (draw.uniform() - 0.5) * by.brightness


def _saturation(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    grey = images.mean(dim=1, keepdim=True)
    return torch.lerp(grey.expand_as(images), images, draw.uniform() * by.saturation)


def _contrast(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(level.expand_as(images), images, draw.uniform() + by.contrast)


def _color(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    images = _brightness(images, draw, by)
    if images.shape[1] == 3:  # saturation means nothing for grey images
        images = _saturation(images, draw, by)
    return _contrast(images, draw, by)


def _flip(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    return torch.where(draw.uniform() < by.flip_probability, images.flip(3), images)


def _crop(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    """Shift by whole pixels; what enters from outside is zero, the mean colour of normalised images."""
    count, _, height, width = images.shape
    pad_y, pad_x = int(height * by.crop_pad + 0.5), int(width * by.crop_pad + 0.5)
    down, right = draw.integer(0, 2 * pad_y), draw.integer(0, 2 * pad_x)
    padded = functional.pad(images, (pad_x, pad_x, pad_y, pad_y))
    rows = torch.arange(height, device=images.device).view(1, -1, 1) + down.view(-1, 1, 1)
    columns = torch.arange(width, device=images.device).view(1, 1, -1) + right.view(-1, 1, 1)
    place = torch.arange(count, device=images.device).view(-1, 1, 1)
    # Indexing around the channel axis puts it last; permuting back costs nothing.
    return padded[place, :, rows, columns].permute(0, 3, 1, 2)


def _cutout(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    height, width = images.shape[2:]
    side_y, side_x = int(height * by.cutout_side + 0.5), int(width * by.cutout_side + 0.5)
    # The centre may lie anywhere, so part of the square may fall outside.
    top = draw.integer(0, height - side_y % 2) - side_y // 2
    left = draw.integer(0, width - side_x % 2) - side_x // 2
    rows = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    inside = (rows >= top) & (rows < top + side_y) & (columns >= left) & (columns < left + side_x)
    return images.masked_fill(inside, 0.0)


def _warp(images: Tensor, xx: Tensor, xy: Tensor, yx: Tensor, yy: Tensor) -> Tensor:
    """Sample bilinearly at the linear map [[xx, xy], [yx, yy]] of the centred unit square; zero outside."""
    zero = torch.zeros_like(xx)
    theta = torch.cat([xx, xy, zero, yx, yy, zero], dim=1).view(-1, 2, 3).expand(images.shape[0], 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=True)
    return functional.grid_sample(images, grid, align_corners=True)


def _scale(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    smallest = 1 / by.scale_ratio
    across = draw.uniform() * (by.scale_ratio - smallest) + smallest
    down = draw.uniform() * (by.scale_ratio - smallest) + smallest
    zero = torch.zeros_like(across)
    return _warp(images, across, zero, zero, down)


def _rotate(images: Tensor, draw: _Draw, by: Strengths) -> Tensor:
    angle = (draw.uniform() - 0.5) * (2 * by.rotate_degrees * math.pi / 180)
    # The unit square is stretched over the image, so its sides must be weighed to turn without shearing.
    height, width = images.shape[2:]
    aspect = height / width
    return _warp(images, angle.cos(), -angle.sin() * aspect, angle.sin() / aspect, angle.cos())


_OPERATIONS: dict[str, _Operation] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}


def check_policy(policy: str) -> tuple[str, ...]:
    """Split a policy into the names of its operations.

    Args:
        policy: "none", or names joined by underscores.
    Returns: the names, in order; empty for "none".
    Raises: EncodeError for an unknown name.
    """
    names = () if policy == "none" else tuple(policy.split("_"))
    unknown = sorted(set(names) - set(_OPERATIONS))
    if unknown:
        known = ", ".join(_OPERATIONS)
        raise EncodeError(f"augmentation {policy!r} names {unknown!r}; known: none, {known}")
    return names


def augment(
    images: Tensor,
    policy: str,
    generator: torch.Generator,
    *,
    mode: Mode = "auto",
    siamese: bool = False,
    strengths: Strengths = DEFAULT_STRENGTHS,
) -> Tensor:
    """Transform a batch at random; differentiable in `images`.

    Args:
        images: (N, C, H, W) float, normalised (0 is what fills gaps).
        policy: operation names joined by underscores, e.g. `DSA` or "flip_crop", or "none".
        generator: the only source of randomness; may live on the CPU whatever the images' device.
        mode: "S" draws one operation for the batch, "M" applies all in order; "auto" is "M" for the
            policies in `SIMPLE` and "S" for all others.
        siamese: one set of parameters for the whole batch instead of one per image.
        strengths: how far each operation may go.
    Returns: (N, C, H, W), same dtype and device; `images` itself for "none".
    Raises: EncodeError for an unknown operation.
    Source: Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation" (2021), section 3.
    """
    names = check_policy(policy)
    if mode == "S" or (mode == "auto" and policy not in SIMPLE):
        chosen = torch.randint(len(names), (), generator=generator, device=generator.device) if names else 0
        names = names[int(chosen) : int(chosen) + 1]
    draw = _Draw(images, generator, siamese)
    for name in names:
        images = _OPERATIONS[name](images, draw, strengths)
    return images

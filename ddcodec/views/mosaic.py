"""Images that are mosaics: cut into tiles, each enlarged to the full size."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError

_FILLING = np.float32(0.5)  # what the methods that use mosaics put beyond an edge that the factor does not divide


def factor_of(recipe: Mapping[str, Any], height: int, width: int) -> int:
    """Tiles along a side of each image, 1 where the recipe says nothing.

    Raises: InputError when `recipe.factor` is no integer from 1 up to the shorter side.
    """
    factor = recipe.get("factor", 1)
    most = min(height, width)
    if type(factor) is not int or not 1 <= factor <= most:  # bool would pass for int
        raise InputError(f"recipe.factor: expected an integer in 1..{most}, found {str(factor)[:40]!r}")
    return factor


def cut_and_enlarge(images: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """The tiles of (N, channels, height, width) float32 at full size, (N * factor**2, channels, height, width).

    Tiles come image by image, in rows from the top left. Enlarging is bilinear between the centres of pixels
    (what torch calls align_corners=False). Where the factor does not divide a side, 0.5 fills the last tiles.
    """
    if factor == 1:
        return images
    count, channels, height, width = images.shape
    high, wide = -(-height // factor), -(-width // factor)
    rest = ((0, 0), (0, 0), (0, high * factor - height), (0, wide * factor - width))
    grid = np.pad(images, rest, constant_values=_FILLING).reshape(count, channels, factor, high, factor, wide)
    tiles = grid.transpose(0, 2, 4, 1, 3, 5).reshape(count * factor**2, channels, high, wide)
    return _stretch(_stretch(tiles, width, 3), height, 2)


def _stretch(images: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    """Interpolate linearly along one axis."""
    old = images.shape[axis]
    scale = np.float32(old) / np.float32(size)
    places = np.maximum(scale * (np.arange(size, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    before = np.minimum(places.astype(np.int64), old - 1)
    after = np.minimum(before + 1, old - 1)
    share = (places - before).astype(np.float32).reshape(-1, *(1,) * (3 - axis))
    stretched: NDArray[np.float32] = images.take(before, axis) * (1 - share) + images.take(after, axis) * share
    return stretched

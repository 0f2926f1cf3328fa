"""Images as data URIs, drawn from pixel integers."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddcodec.views.pixels import as_picture, png_bytes

MAX_SIDE = 128
"""Pixels; larger images are shrunk, since a page is no archive."""
_TILE_SIDE = 64  # small images are enlarged to about this side


@dataclass(frozen=True)
class Tile:
    """Size on the page in pixels, and by what the image was shrunk first (1: not at all)."""

    width: int
    height: int
    shrunk: int


def tile_of(height: int, width: int) -> Tile:
    """How images of one shape are shown: whole factors only, so that pixels stay squares."""
    side = max(height, width)
    shrunk = -(-side // MAX_SIDE)
    zoom = max(1, _TILE_SIDE // side)
    return Tile(max(1, width // shrunk) * zoom, max(1, height // shrunk) * zoom, shrunk)


def as_bytes(pixels: NDArray[np.int16], shown: Sequence[tuple[float, float]]) -> NDArray[np.uint8]:
    """Pixels (channels, height, width) int16 as uint8; shown: what becomes 0 and 255, for each channel."""
    low, high = np.array(shown, dtype=np.float64).T[:, :, None, None]
    shares = np.clip((pixels - low) / (high - low), 0, 1)
    return np.asarray(np.floor(shares * 255 + 0.5), dtype=np.uint8)


def data_uri(pixels: NDArray[np.int16], shown: Sequence[tuple[float, float]], shrunk: int = 1) -> str:
    """One image (1..4 channels, height, width) int16 as a PNG; channels become L, LA, RGB or RGBA."""
    picture = as_picture(as_bytes(pixels, shown))
    if shrunk > 1:
        size = max(1, picture.width // shrunk), max(1, picture.height // shrunk)
        picture = picture.resize(size, Image.Resampling.BOX)
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode("ascii")

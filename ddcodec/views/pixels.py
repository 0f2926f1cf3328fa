"""From pixels as they were decoded to 8 bits, and on to pictures."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet


def to_bytes(pixels: NDArray[np.int16], peak: int) -> NDArray[np.uint8]:
    """Clamp to 0..peak and round to 8 bits, halves up; any shape int16 in, uint8 out, in integers alone."""
    clamped = np.clip(pixels.astype(np.int64), 0, peak)
    return ((clamped * 510 + peak) // (2 * peak)).astype(np.uint8)


def floats_to_bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Clamp floats to [0, 1] and round to 8 bits; any shape float32 in, uint8 out.

    Raises: InputError for a NaN.
    """
    if np.isnan(images).any():
        raise InputError("images: a value is NaN")
    return np.floor(np.clip(images, 0, 1).astype(np.float64) * 255 + 0.5).astype(np.uint8)


def as_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """One image (channels, height, width) uint8 as a picture: L, LA, RGB or RGBA by its 1..4 channels.

    Raises: InputError for another number of channels.
    """
    channels = len(pixels)
    if not 1 <= channels <= 4:
        raise InputError(
            f"a PNG has 1..4 channels, these images {channels}; keep them as arrays (--to npz, pt or safetensors)"
        )
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0) if channels > 1 else pixels[0]))


def png_bytes(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def png_files(dataset: "DistilledSet") -> list[bytes]:
    """Every image as a PNG file that others will train on, in the original order of the samples.

    Values are clamped to 0..1 and rounded to 8 bits.

    Raises: InputError for whitened images, whose values 0..1 would cut off; as `as_picture`.
    """
    if dataset.whitening:
        raise InputError("whitened images do not fit into PNG files; keep them as arrays (--to npz, pt or safetensors)")
    pixels = to_bytes(dataset.pixels, dataset.peak)
    files = [png_bytes(as_picture(image)) for image in pixels]
    places = np.argsort(np.argsort(dataset.labels, kind="stable"))  # where sample i lies among the sorted
    return [files[place] for place in places]

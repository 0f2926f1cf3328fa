"""Encoded pictures (PNG, JPEG, WebP) as arrays, with a guard against ones that unfold without bound."""

import io
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ddcodec.errors import InputError
from ddcodec.limits import Limits

FORMATS = ("PNG", "JPEG", "WEBP")
_BYTE_MODES = {"L": "L", "RGB": "RGB", "P": "RGB", "1": "L", "CMYK": "RGB"}


class Pictures(NamedTuple):
    """images (N, channels, height, width) uint8; notes, what was converted or lost."""

    images: NDArray[np.uint8]
    notes: tuple[str, ...]


def read_pictures(named: Iterable[tuple[str, bytes]], count: int) -> Pictures:
    """Decode pictures of one size.

    Grey ones have one channel, unless colour ones are among them. JPEG and WebP lose nothing more here.

    Args: named: a name for messages and the encoded bytes of each; count: how many there will be.
    Raises: InputError for what is no picture, has transparency or 16 bits, or another size than the first;
        LimitError.
    """
    Limits().check("images", count)
    size, first = None, ""
    found, modes, lossy = [], set(), False
    for name, data in named:
        image, kind = _decode(name, data)
        if size is None:
            size, first = image.shape[:2], name
            Limits().check("pixels", count * size[0] * size[1] * 3)
        if image.shape[:2] != size:
            raise InputError(
                f"{name}: has {image.shape[1]}x{image.shape[0]} pixels, but {first} has {size[1]}x{size[0]}; "
                "all images of a set must have one size"
            )
        found.append(image)
        modes.add(image.ndim)
        lossy = lossy or kind != "PNG"
    if not found:
        raise InputError("images: there are none")
    notes = ["JPEG and WebP files were decoded; what they lost stays lost"] if lossy else []
    if modes == {2, 3}:
        notes.append("grey images among coloured ones became coloured")
        found = [image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2) for image in found]
    stacked = np.stack(found)
    stacked = stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
    return Pictures(np.ascontiguousarray(stacked), tuple(notes))


def _decode(name: str, data: bytes) -> tuple[NDArray[np.uint8], str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                Limits().check("pixels", picture.width * picture.height)
                if picture.mode not in _BYTE_MODES or "transparency" in picture.info:
                    raise InputError(
                        f"{name}: mode {picture.mode} has transparency or more than 8 bits; convert to RGB or L first"
                    )
                if getattr(picture, "n_frames", 1) > 1:
                    raise InputError(f"{name}: is an animation; expected one image")
                return np.asarray(picture.convert(_BYTE_MODES[picture.mode])), str(picture.format)
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: is no PNG, JPEG or WebP image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name}: unfolds to too many pixels: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{name}: a damaged image: {error}") from error

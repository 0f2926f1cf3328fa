"""What ordinary image codecs need for the same pictures: beside the mosaics of ddcodec.train, JPEG and file by file.

Images are uint8 (N, H, W, C) with C = 1 or 3. A mosaic is one picture with `columns` images a row, filled in
order; the last image is repeated where the last row is not full. Sizes are `len(file)`, headers included.
`rivals_table.py` makes the table of lossless CIFAR-10 images.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.train.rival_codecs import SUBSAMPLINGS as SUBSAMPLINGS
from ddcodec.train.rival_codecs import Choice as Choice
from ddcodec.train.rival_codecs import Images as Images
from ddcodec.train.rival_codecs import avif_at_budget as avif_at_budget
from ddcodec.train.rival_codecs import avif_mosaic as avif_mosaic
from ddcodec.train.rival_codecs import decode_mosaic as decode_mosaic
from ddcodec.train.rival_codecs import layouts as layouts
from ddcodec.train.rival_codecs import make_mosaic as make_mosaic
from ddcodec.train.rival_codecs import psnr as psnr
from ddcodec.train.rival_codecs import save_mosaic
from ddcodec.train.rival_codecs import split_mosaic as split_mosaic
from ddcodec.train.rival_codecs import webp_mosaic as webp_mosaic

Encoder = Callable[[Images], bytes]


def jpeg_mosaic(images: Images, quality: int, subsampling: str = "4:2:0", *, columns: int | None = None) -> bytes:
    """One progressive JPEG file with optimised Huffman tables; arguments as `avif_mosaic`."""
    options: dict[str, Any] = {"subsampling": subsampling} if images.shape[3] == 3 else {}
    return save_mosaic(images, columns, "JPEG", quality=quality, optimize=True, progressive=True, **options)


def encode_per_file(images: Images, encode: Encoder) -> list[bytes]:
    """One file an image; `encode` takes (1, H, W, C)."""
    return [encode(images[i : i + 1]) for i in range(len(images))]


def decode_per_file(blobs: Sequence[bytes], size_hw: tuple[int, int], channels: int = 3) -> Images:
    """The reverse of `encode_per_file`."""
    return np.concatenate([decode_mosaic(blob, 1, size_hw, channels) for blob in blobs])


def encode_per_class(images: Images, labels: NDArray[Any], encode: Encoder) -> list[bytes]:
    """One mosaic a class, in ascending order of class; `encode` takes that class's images."""
    return [encode(images[labels == label]) for label in np.unique(labels)]


def decode_per_class(
    blobs: Sequence[bytes], labels: NDArray[Any], size_hw: tuple[int, int], channels: int = 3
) -> Images:
    """The reverse of `encode_per_class`, in the order of `labels`."""
    out = np.empty((len(labels), *size_hw, channels), np.uint8)
    for blob, label in zip(blobs, np.unique(labels), strict=True):
        members = labels == label
        out[members] = decode_mosaic(blob, int(members.sum()), size_hw, channels)
    return out


def total_bytes(blobs: Iterable[bytes]) -> int:
    """Sum of file sizes in bytes."""
    return sum(len(blob) for blob in blobs)

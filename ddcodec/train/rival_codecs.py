"""What ordinary image codecs need for the same pictures: AVIF and WebP through Pillow, as mosaics of a whole set.

Images are uint8 (N, H, W, C) with C = 1 or 3. A mosaic is one picture with `columns` images a row, filled in
order; the last image is repeated where the last row is not full. Sizes are `len(file)`, headers included.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

Images = NDArray[np.uint8]

SUBSAMPLINGS = ("4:2:0", "4:4:4")


def psnr(first: Images, second: Images) -> float:
    """Peak signal-to-noise ratio in dB, from the mean squared error over all pixels of all images.

    Args:
        first, second: uint8 of one shape.
    Returns: dB; infinity for equal images.
    Raises: ValueError when the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"shapes differ: {first.shape} and {second.shape}")
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def layouts(count: int) -> tuple[int, ...]:
    """Up to three numbers of columns for `count` images: the squarest rectangle, a tall one and a wide one.

    For 100 images 10, 5 and 25. Exact rectangles where the count has them, else one ragged square.
    """
    side = count**0.5
    exact = [c for c in range(1, count + 1) if count % c == 0 and 1 / 3 <= c / side <= 3]
    if not exact:
        return (int(np.ceil(side)),)
    square = min(exact, key=lambda c: (abs(np.log(c / side)), c))
    taller, wider = [c for c in exact if c < square], [c for c in exact if c > square]
    return (square, *taller[-1:], *wider[-1:])


def make_mosaic(images: Images, columns: int) -> Images:
    """(N, H, W, C) to one (rows * H, columns * W, C) picture, filled row by row."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    filler = np.repeat(images[-1:], rows * columns - count, axis=0)
    grid = np.concatenate([images, filler]).reshape(rows, columns, height, width, channels)
    return np.ascontiguousarray(grid.swapaxes(1, 2).reshape(rows * height, columns * width, channels))


def split_mosaic(picture: Images, count: int, size_hw: tuple[int, int]) -> Images:
    """The reverse of `make_mosaic`: the first `count` tiles as (N, H, W, C)."""
    height, width = size_hw
    rows, columns = picture.shape[0] // height, picture.shape[1] // width
    grid = picture.reshape(rows, height, columns, width, picture.shape[2]).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(rows * columns, height, width, -1)[:count])


def save_mosaic(images: Images, columns: int | None, kind: str, **options: Any) -> bytes:
    """One file in one of Pillow's formats.

    Args: columns: images a row; None takes the squarest layout. options: of Pillow's writer.
    """
    picture = make_mosaic(images, layouts(len(images))[0] if columns is None else columns)
    buffer = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def avif_mosaic(
    images: Images,
    quality: int,
    subsampling: str = "4:2:0",
    speed: int = 0,
    *,
    columns: int | None = None,
    tune: str | None = "psnr",
) -> bytes:
    """One AVIF file with all images.

    Args:
        images: uint8 (N, H, W, C).
        quality: 0..100, larger is finer.
        subsampling: "4:2:0", "4:2:2" or "4:4:4".
        speed: 0 (slowest, smallest) .. 10.
        columns: images a row; None takes the squarest layout.
        tune: what the AV1 encoder optimises, e.g. "psnr"; None leaves its default.
    Returns: the file.
    """
    advanced = {} if tune is None else {"advanced": {"tune": tune}}
    # One thread: a file's bytes should not depend on the machine.
    options = {"subsampling": subsampling, "speed": speed, "max_threads": 1, **advanced}
    return save_mosaic(images, columns, "AVIF", quality=quality, **options)


def webp_mosaic(images: Images, quality: int, *, columns: int | None = None) -> bytes:
    """One lossy WebP file (4:2:0, slowest method) with all images; arguments as `avif_mosaic`."""
    return save_mosaic(images, columns, "WEBP", quality=quality, method=6)


def decode_mosaic(blob: bytes, count: int, size_hw: tuple[int, int], channels: int = 3) -> Images:
    """Images of a mosaic in any of the formats, uint8 (count, H, W, channels)."""
    with Image.open(io.BytesIO(blob)) as image:
        picture = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    return split_mosaic(picture.reshape(*picture.shape[:2], channels), count, size_hw)


def can_write(kind: str) -> bool:
    """Whether this Pillow was built with a codec, "avif" or "webp"."""
    Image.init()
    return kind.upper() in Image.SAVE and (kind not in features.modules or bool(features.check(kind)))


@dataclass(frozen=True)
class Choice:
    """A mosaic that fits a budget: the file, what it decodes to (uint8 NHWC), and how it was made.

    subsampling: "" where the format leaves no choice.
    """

    blob: bytes
    images: Images
    quality: int
    columns: int
    subsampling: str
    psnr_db: float


def avif_at_budget(images: Images, budget_bytes: int, *, speed: int = 0) -> Choice:
    """The best one-file AVIF mosaic of at most `budget_bytes`.

    For every layout and subsampling the finest fitting quality is sought by bisection; the highest PSNR wins.

    Args:
        images: uint8 (N, H, W, C).
        budget_bytes: largest file size.
        speed: see `avif_mosaic`.
    Returns: the winner.
    Raises: ValueError when not even quality 0 fits.
    """

    def write(quality: int, columns: int, subsampling: str) -> bytes:
        return avif_mosaic(images, quality, subsampling, speed, columns=columns)

    subsamplings = SUBSAMPLINGS if images.shape[3] == 3 else SUBSAMPLINGS[:1]
    return _at_budget("AVIF", images, budget_bytes, subsamplings, write)


def webp_at_budget(images: Images, budget_bytes: int) -> Choice:
    """The best one-file WebP mosaic of at most `budget_bytes`; otherwise as `avif_at_budget`."""

    def write(quality: int, columns: int, subsampling: str) -> bytes:
        return webp_mosaic(images, quality, columns=columns)

    return _at_budget("WebP", images, budget_bytes, ("",), write)


def _at_budget(
    kind: str,
    images: Images,
    budget_bytes: int,
    subsamplings: Sequence[str],
    write: Callable[[int, int, str], bytes],
) -> Choice:
    size_hw, best = (images.shape[1], images.shape[2]), None
    for subsampling in subsamplings:
        for columns in layouts(len(images)):
            low, high, fitting = 0, 100, None  # every quality below `low` fits, none above `high` does
            while low <= high:
                middle = (low + high) // 2
                blob = write(middle, columns, subsampling)
                if len(blob) <= budget_bytes:
                    low, fitting = middle + 1, (blob, middle)
                else:
                    high = middle - 1
            if fitting is None:
                continue
            decoded = decode_mosaic(fitting[0], len(images), size_hw, images.shape[3])
            score = psnr(images, decoded)
            if best is None or score > best.psnr_db:
                best = Choice(fitting[0], decoded, fitting[1], columns, subsampling, score)
    if best is None:
        raise ValueError(f"no {kind} mosaic of {len(images)} images fits {budget_bytes} bytes")
    return best

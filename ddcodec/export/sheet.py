"""A contact sheet: a row per class, its name in front."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ddcodec.dataset import DistilledSet, make_set
from ddcodec.views.pixels import floats_to_bytes
from ddcodec.views.pixels import png_bytes as png_bytes

GAP, MARGIN, MAX_ROWS, MAX_COLUMNS, NAME_LENGTH = 2, 4, 100, 50, 24
_TILE_PIXELS = 48  # small images are enlarged to about this side
_PAPER, _INK = (255, 255, 255), (0, 0, 0)


def _as_rgb(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, height, width, 3): grey thrice; of 2 and 4 channels the last is opacity on white."""
    pixels = floats_to_bytes(images).astype(np.int64)
    if pixels.shape[1] in (2, 4):
        opacity = pixels[:, -1:]
        pixels = (pixels[:, :-1] * opacity + 255 * (255 - opacity) + 127) // 255
    if pixels.shape[1] == 1:
        pixels = np.repeat(pixels, 3, axis=1)
    return pixels.astype(np.uint8).transpose(0, 2, 3, 1)


def with_draws(dataset: DistilledSet, draws: int) -> DistilledSet:
    """The same set with some draws of each prior, under seed 0, behind the image of its mean; no labels but classes."""
    if dataset.priors is None or not draws:
        return dataset
    each = [dataset.pixels, *(dataset.priors.draw(number) for number in range(draws))]
    counts = [(draws + 1) * count for count in dataset.class_counts]
    mixed = np.stack(each, axis=1).reshape(-1, *dataset.pixels.shape[1:])
    return make_set(mixed, dataset.peak, counts, whitening=dataset.whitening)


def contact_sheet(
    images: NDArray[np.float32],
    class_counts: Sequence[int],
    classes: Sequence[str] | None = None,
    zoom: int | None = None,
) -> Image.Image:
    """Draw up to 100 classes with up to 50 images each.

    Args:
        images: (N, channels, height, width) float32, 1.0 = white, sorted by class; values are clamped.
        class_counts: images of each class; classes: names, None for numbers.
        zoom: factor of enlargement; None enlarges to about 48 pixels.
    Returns: an RGB picture; pixels are enlarged by a whole factor, without smoothing.
    Raises: InputError for a NaN.
    """
    height, width = images.shape[2:]
    zoom = max(1, _TILE_PIXELS // max(height, width)) if zoom is None else zoom
    high, wide = height * zoom, width * zoom
    rows = min(len(class_counts), MAX_ROWS)
    columns = max(1, min(max(class_counts, default=0), MAX_COLUMNS))
    names = [str(number) if classes is None else classes[number] for number in range(rows)]
    names = [name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}." for name in names]
    font = ImageFont.load_default(12)
    label_width = max(int(font.getlength(name)) for name in names) + 2 * MARGIN
    step_y, step_x = max(high, 14) + GAP, wide + GAP
    sheet = Image.new("RGB", (label_width + columns * step_x, rows * step_y + GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    starts = np.cumsum([0, *class_counts])
    for row, name in enumerate(names):
        top = GAP + row * step_y
        draw.text((MARGIN, top + (step_y - GAP) // 2), name, fill=_INK, font=font, anchor="lm")
        stop = min(starts[row + 1], starts[row] + MAX_COLUMNS)
        for column, pixels in enumerate(_as_rgb(images[starts[row] : stop])):
            tile = Image.fromarray(pixels).resize((wide, high), Image.Resampling.NEAREST)
            sheet.paste(tile, (label_width + column * step_x, top))
    return sheet

"""The rate-utility curve as a PNG: series of points over bytes per class, drawn with Pillow alone."""

import io
import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from ddcodec.report.charts import linear_ticks, log_ticks

WIDTH, HEIGHT = 1200, 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 100, 260, 60, 80
_INK, _FAINT = "#222222", "#dddddd"
COLOURS = ("#0b63c5", "#d1495b", "#2e8b57", "#b8860b", "#7b4ea3", "#008b8b", "#a0522d", "#5a5a5a")
Point = tuple[float, float, float]
"""Bytes per class, accuracy in percent, its deviation in percent."""


def curve_png(title: str, series: Mapping[str, Sequence[Point]]) -> bytes:
    """Draw the series in their order, the first one with a thicker line.

    Args: series: points by name; one without points is left out.
    Raises: ValueError without any point.
    """
    series = {name: sorted(points) for name, points in series.items() if points}
    points = [point for part in series.values() for point in part]
    if not points:
        raise ValueError("a curve needs at least one point")
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    rates = [math.log10(rate) for rate, _, _ in points]
    left, right = _domain(min(rates), max(rates), 0.3)
    low, high = _domain(min(a - s for _, a, s in points), max(a + s for _, a, s in points), 4)

    def place(rate: float, accuracy: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (math.log10(rate) - left) / (right - left)
        y = HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (accuracy - low) / (high - low)
        return x, y

    font, small = _font(26), _font(20)
    draw.text((_LEFT, 14), title, fill=_INK, font=font)
    for tick in log_ticks(10**left, 10**right):
        x, _ = place(tick, low)
        draw.line([(x, _TOP), (x, HEIGHT - _BOTTOM)], fill=_FAINT)
        draw.text((x, HEIGHT - _BOTTOM + 10), f"{tick:g}", fill=_INK, font=small, anchor="ma")
    for tick in linear_ticks(low, high):
        _, y = place(10**left, tick)
        draw.line([(_LEFT, y), (WIDTH - _RIGHT, y)], fill=_FAINT)
        draw.text((_LEFT - 10, y), f"{tick:g} %", fill=_INK, font=small, anchor="rm")
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    draw.text((middle, HEIGHT - 30), "file bytes per class", fill=_INK, font=small, anchor="mm")
    for number, (name, part) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        _draw_series(draw, [(place(r, a), place(r, a - s), place(r, a + s)) for r, a, s in part], colour, number == 0)
        y = _TOP + 34 * number + 12
        draw.ellipse([WIDTH - _RIGHT + 22, y - 7, WIDTH - _RIGHT + 36, y + 7], fill=colour)
        draw.text((WIDTH - _RIGHT + 48, y), name, fill=_INK, font=small, anchor="lm")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, in its one size where Pillow is old or was built without FreeType."""
    try:
        return ImageFont.load_default(size)
    except (TypeError, ImportError):
        return ImageFont.load_default()


def _domain(low: float, high: float, least: float) -> tuple[float, float]:
    """Range with some air, at least `least` wide."""
    air = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - air, high + air


Place = tuple[float, float]


def _draw_series(
    draw: ImageDraw.ImageDraw, places: Sequence[tuple[Place, Place, Place]], colour: str, first: bool
) -> None:
    """Points with the bars of their deviations, and lines between neighbours."""
    draw.line([place for place, _, _ in places], fill=colour, width=5 if first else 2)
    for (x, y), lower, upper in places:
        draw.line([lower, upper], fill=colour, width=2)
        size = 8 if first else 6
        draw.ellipse([x - size, y - size, x + size, y + size], fill=colour)

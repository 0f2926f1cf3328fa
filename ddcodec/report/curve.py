"""The rate-utility chart: bytes per class against stated accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ddcodec.report.charts import linear_ticks, log_ticks
from ddcodec.report.facts import FileFacts
from ddcodec.report.text import number, percent

HEIGHT = 300
_TOP, _BOTTOM = 24, 40  # pixels above and below the plot
_LEFT, _RIGHT = 14.0, 95.0  # percent
SERIES = 4
"""How many colours there are."""


@dataclass(frozen=True)
class Point:
    """number: of the file; across in percent, down in pixels; series: number of its colour."""

    number: int
    across: float
    down: float
    series: int
    label: str


@dataclass(frozen=True)
class Line:
    """Between two points of a series."""

    start: Point
    end: Point


@dataclass(frozen=True)
class Curve:
    """Points with the lines between those of the same kind of set; ticks are (place, text); height in pixels."""

    title: str
    description: str
    points: tuple[Point, ...]
    lines: tuple[Line, ...]
    across: tuple[tuple[float, str], ...]
    down: tuple[tuple[float, str], ...]
    unstated: tuple[str, ...]
    height: int = HEIGHT
    floor: int = HEIGHT - _BOTTOM


def _domain(values: Sequence[float], least: float) -> tuple[float, float]:
    """Range with some air, at least `least` wide."""
    low, high = min(values), max(values)
    air = max(0.12 * (high - low), (least - (high - low)) / 2)
    return low - air, high + air


def _kind(facts: FileFacts) -> tuple[object, ...]:
    """What two files must share for a line between them to mean something."""
    dataset = facts.dataset
    return dataset.class_count, dataset.pixels.shape[1:], str(dataset.provenance.get("dataset"))


def make_curve(files: Sequence[FileFacts]) -> Curve | None:
    """The chart of several files; None where none states an accuracy."""
    unstated = tuple(facts.name for facts in files if facts.accuracy is None)
    found = [(place + 1, facts, facts.accuracy) for place, facts in enumerate(files) if facts.accuracy is not None]
    if not found:
        return None
    left, right = _domain([math.log10(facts.bytes_per_class) for _, facts, _ in found], 0.3)
    low, high = _domain([100 * accuracy for _, _, accuracy in found], 4)

    def across(rate: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (math.log10(rate) - left) / (right - left), 3)

    def down(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low), 2)

    kinds = list(dict.fromkeys(_kind(facts) for _, facts, _ in found))
    points = [
        Point(
            place,
            across(facts.bytes_per_class),
            down(100 * accuracy),
            kinds.index(_kind(facts)) % SERIES,
            f"{place}: {facts.name}, {number(facts.bytes_per_class, 1)} bytes per class, {percent(accuracy)}",
        )
        for place, facts, accuracy in found
    ]
    lines = []
    for kind in kinds:
        members = [point for point, (_, facts, _) in zip(points, found, strict=True) if _kind(facts) == kind]
        members.sort(key=lambda point: (point.across, -point.down))
        lines += [Line(start, end) for start, end in zip(members, members[1:], strict=False)]
    return Curve(
        "Accuracy against bytes per class",
        "; ".join(point.label for point in points) + ".",
        tuple(points),
        tuple(lines),
        tuple((across(tick), number(tick, 0 if tick >= 10 else 2)) for tick in log_ticks(10**left, 10**right)),
        tuple((down(tick), f"{tick:g} %") for tick in linear_ticks(low, high)),
        unstated,
    )

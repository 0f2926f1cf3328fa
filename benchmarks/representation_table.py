"""Bytes per class at equal PSNR: this codec's rows against the rivals' rows, by log-linear interpolation."""

from __future__ import annotations

import math
from collections import defaultdict

from benchmarks.rows import RESULTS, read

LEVELS_DB = (23, 24, 26, 28, 30, 32, 34)

Curve = list[tuple[float, float]]


def at_psnr(curves: list[Curve], level_db: float) -> float | None:
    """Least bytes over the curves, each (psnr, bytes) interpolated between neighbouring points; None outside."""
    found = []
    for curve in curves:
        points = sorted(curve)
        for (low, small), (high, large) in zip(points, points[1:], strict=False):
            if low <= level_db <= high and high > low:
                share = (level_db - low) / (high - low)
                found.append(math.exp((1 - share) * math.log(small) + share * math.log(large)))
    return min(found, default=None)


def curves() -> dict[str, list[Curve]]:
    """Curves (psnr, bytes per class) by the name they have in the table."""
    named: dict[str, dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    for row in read(RESULTS / "representation.tsv"):
        name = row["method"]
        group = "ours" if name.startswith("ours") else name
        point = (float(row["psnr_db"]), float(row["counted_bytes_per_class"]))
        named[group][name].append(point)
    for row in read(RESULTS / "rivals_representation.tsv"):
        point = (float(row["psnr_db"]), float(row["bytes_per_class"]))
        named[row["method"]][row["layout"]].append(point)
    return {name: list(parts.values()) for name, parts in named.items()}


def print_table() -> None:
    """Markdown: one line for each PSNR, one column for each method that reaches it."""
    table = curves()
    names = sorted(table, key=lambda name: (name != "ours", name != "own networks", name))
    print("| PSNR dB | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for level in LEVELS_DB:
        cells = [at_psnr(table[name], level) for name in names]
        print(f"| {level} | " + " | ".join("" if c is None else f"{c:.0f}" for c in cells) + " |")

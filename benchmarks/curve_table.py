"""The rate-utility curve from its rows: a table and a plot.

python -m benchmarks.curve_table      writes docs/curve.png
"""

from __future__ import annotations

import statistics
from collections import defaultdict

from benchmarks.rows import RESULTS, ROOT, read
from ddcodec.format.atomic import write_atomic
from ddcodec.report.plot import Point, curve_png

TABLE = RESULTS / "curve.tsv"
NAMES = {
    "distilled": "**distilled**",
    "real": "random real images, this codec",
    "avif": "random real images, AVIF mosaic",
    "webp": "random real images, WebP mosaic",
    "pixels8": "random real images, 8-bit pixels",
}
Rows = list[dict[str, str]]


def measured() -> dict[tuple[str, float], Rows]:
    """Judged rows by method and budget, methods in the order of `NAMES`."""
    found: dict[tuple[str, float], Rows] = defaultdict(list)
    for row in read(TABLE):
        if row["accuracy_percent"]:
            found[row["method"], float(row["kib_per_class"])].append(row)
    return dict(sorted(found.items(), key=lambda item: (list(NAMES).index(item[0][0]), item[0][1])))


def scores(rows: Rows) -> tuple[float, float]:
    """Mean and sample deviation in percent, 0.0 for one network."""
    values = [float(row["accuracy_percent"]) for row in rows]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def lines() -> list[str]:
    """A line for each method, a column for each budget."""
    found = measured()
    if not found:
        return []
    budgets = sorted({kib for _, kib in found})
    table = []
    for method in dict.fromkeys(method for method, _ in found):
        cells = []
        for kib in budgets:
            rows = found.get((method, kib), [])
            if not rows:
                cells.append("")
                continue
            mean, spread = scores(rows)
            text = f"{mean:.1f} ± {spread:.1f}" if len(rows) > 1 else f"{mean:.1f}"
            what = rows[0]["note"] or f"{rows[0]['images_per_class']} a class"
            cells.append(f"{text} ({int(rows[0]['file_bytes']):,} B, {what})")
        table.append([NAMES[method], *cells])
    counts = sorted({len(rows) for rows in found.values()})
    return [
        "**Distilled**: accuracy in percent on all 10,000 test images of CIFAR-10 (JPEG copies throughout) of",
        "ConvNet-3, width 128, 80 epochs, one recipe for all; in brackets bytes of the whole file, and what is in it.",
        f"The number of rival images is what did best (see `benchmarks/curve.py`). Networks judged for a cell:"
        f" {'-'.join(map(str, counts))}.",
        "",
        "| at most | " + " | ".join(f"{kib:g} KiB a class" for kib in budgets) + " |",
        "|---" * (len(budgets) + 1) + "|",
        *("| " + " | ".join(cells) + " |" for cells in table),
    ]


def narrow() -> list[str]:
    """Accuracy at equal file bytes, in networks of width 64: the rows of `benchmarks.joint`."""
    groups: dict[tuple[float, int, str, int], list[dict[str, str]]] = defaultdict(list)
    for row in read(RESULTS / "joint.tsv"):
        if row.get("accuracy_percent"):
            key = (float(row["kib_per_class"]), int(row["epochs"]), row["method"], int(row["images_per_class"]))
            groups[key].append(row)
    if not groups:
        return []
    lines = [
        "**Distilled**: CIFAR-10 (JPEG copies), ConvNet-3 of width 64, all 10,000 test images; mean and standard",
        "deviation over seeds of the evaluation.",
        "",
        "| KiB per class | set | images per class | file bytes | epochs | accuracy % | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for (kib, epochs, method, count), rows in sorted(groups.items()):
        values = [float(row["accuracy_percent"]) for row in rows]
        spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        size = int(rows[0]["file_bytes"])
        cells = (f"{kib:g}", method, count, f"{size:,}", epochs, f"{statistics.mean(values):.1f}{spread}", len(values))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def main() -> None:
    """Draw the curve."""
    series: dict[str, list[Point]] = defaultdict(list)
    for (method, _), rows in measured().items():
        series[method].append((int(rows[0]["file_bytes"]) / 10, *scores(rows)))
    write_atomic(ROOT / "docs" / "curve.png", curve_png("CIFAR-10, ConvNet of width 128", series))


if __name__ == "__main__":
    main()

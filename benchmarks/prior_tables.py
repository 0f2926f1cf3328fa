"""Three numbers of each set from the rows of priors: accuracy, bytes, and what it cost; tables and a plot.

python -m benchmarks.prior_tables      writes docs/priors.png, prints the tables of docs/priors.md
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker

from benchmarks.rows import RESULTS, ROOT, read

TABLE = RESULTS / "priors.tsv"
MADE_BY = {"fp32": "float", "fp16 + xz": "float", "rounded": "float"}
COLOURS = {"fp32": "grey", "fp16 + xz": "black", "rounded": "tab:orange", "rated": "tab:red"}
COLOURS |= {"latent": "tab:blue", "real": "tab:green"}


@dataclass(frozen=True)
class Point:
    """One stored set: file_bytes of the whole file, percent correct of each network, seconds of making and training."""

    method: str
    file_bytes: int
    percent: tuple[float, ...]
    distil_seconds: float
    train_seconds: float
    images: int

    @property
    def kind(self) -> str:
        """First words of the method."""
        return next(name for name in COLOURS if self.method.startswith(name))


def points(name: str) -> list[Point]:
    """Stored sets of one workload, in the order they were measured."""
    rows = [row for row in read(TABLE) if row["set"] == name]
    made = {row["method"]: float(row["seconds"]) for row in rows if row["step"] == "distil"}
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["step"] == "judge":
            groups[row["method"], row["file_bytes"]].append(row)
    found = []
    for (method, size), part in groups.items():
        source = next((maker for word, maker in MADE_BY.items() if method.startswith(word)), method)
        percent = tuple(float(row["accuracy_percent"]) for row in part)
        seconds = statistics.fmean(float(row["seconds"]) for row in part)
        found.append(Point(method, int(size), percent, made.get(source, 0.0), seconds, int(part[0]["images"])))
    return found


def lines(name: str) -> list[str]:
    """The table of a workload, widest first."""
    found = points(name)
    whole = next((point.file_bytes for point in found if point.method == "fp32"), 0)
    head = [
        "stored as",
        "file bytes",
        "times smaller",
        "accuracy %",
        "seconds to distil",
        "seconds to train",
        "images an epoch",
    ]
    rows = [head, ["---"] * len(head)]
    for point in sorted(found, key=lambda one: (list(COLOURS).index(one.kind), -one.file_bytes)):
        spread = statistics.stdev(point.percent) if len(point.percent) > 1 else 0.0
        times = f"{whole / point.file_bytes:.1f}" if point.kind in ("fp32", "fp16 + xz", "rounded", "rated") else ""
        accuracy = f"{statistics.fmean(point.percent):.1f} ± {spread:.1f}"
        cost = f"{point.distil_seconds:.0f}" if point.distil_seconds else ""
        rows.append(
            [
                point.method,
                f"{point.file_bytes:,}",
                times,
                accuracy,
                cost,
                f"{point.train_seconds:.0f}",
                f"{point.images:,}",
            ]
        )
    return [f"| {' | '.join(row)} |" for row in rows]


def plot() -> None:
    """Accuracy over bytes; a disc is as large as the seconds of training."""
    names = [name for name in ("cifar10", "flowers") if points(name)]
    figure, axes = pyplot.subplots(1, len(names), figsize=(5.2 * len(names), 4), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        for point in points(name):
            mean = statistics.fmean(point.percent)
            axis.scatter(point.file_bytes, mean, s=8 + 2 * point.train_seconds, color=COLOURS[point.kind], alpha=0.6)
            axis.annotate(point.method, (point.file_bytes, mean), fontsize=6, xytext=(4, 4), textcoords="offset points")
        axis.set(xscale="log", xlabel="bytes of the file, thousands", ylabel="accuracy %", title=name)
        axis.xaxis.set_major_locator(ticker.FixedLocator([20e3, 40e3, 100e3, 200e3, 500e3]))
        axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda size, _: f"{size / 1e3:g}"))
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "priors.png", dpi=130)


def main() -> None:
    """Print the tables, write the plot."""
    for name in ("cifar10", "flowers"):
        print(f"\n{name}\n")
        print(*lines(name), sep="\n")
    plot()


if __name__ == "__main__":
    main()

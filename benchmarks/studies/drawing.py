"""Plots of the studies, in the look of the package's own rate-utility curve."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes

from benchmarks.rows import ROOT
from ddcodec.format.atomic import write_atomic
from ddcodec.report.charts import log_ticks
from ddcodec.report.plot import COLOURS

matplotlib.use("Agg")
PLOTS = Path(os.environ.get("DDCODEC_PLOTS", str(ROOT / "docs" / "studies")))
"""Folder of the plots; DDCODEC_PLOTS names another one for trials."""
_INK, _FAINT = "#222222", "#dddddd"
_STYLE = {
    "figure.dpi": 100,
    "font.size": 11,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "legend.frameon": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
}


@contextmanager
def plot(name: str, title: str, panels: int = 1) -> Iterator[Sequence[Axes]]:
    """Panels side by side; on leaving, they are written to docs/studies/NAME.png.

    Args: name: of the study; title: above all panels.
    """
    with pyplot.rc_context(_STYLE):
        figure, axes = pyplot.subplots(1, panels, figsize=(5 + 5 * panels, 5.2), squeeze=False)
        yield list(axes[0])
        for panel in axes[0]:
            panel.grid(color=_FAINT, linewidth=0.8)
        figure.suptitle(title, x=0.02, ha="left", fontsize=14)
        figure.tight_layout()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        pyplot.close(figure)
    PLOTS.mkdir(parents=True, exist_ok=True)
    write_atomic(PLOTS / f"{name}.png", buffer.getvalue())
    print(f"docs/studies/{name}.png", flush=True)


def bytes_axis(panel: Axes, label: str) -> None:
    """A logarithmic axis of plain numbers."""
    panel.set_xscale("log")
    panel.set_xticks([], minor=True)
    panel.set_xticks(log_ticks(*panel.get_xlim()))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.set_xlabel(label)

"""How results and progress look. Results go to stdout, progress to stderr."""

import sys
import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 120
_REPORT_SECONDS = 10.0


def printable(text: object) -> str:
    """A text from a file, with control characters spelled out."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in str(text))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, text_columns: int = 1) -> None:
    """Print a table to stdout; all but the first `text_columns` columns are set to the right."""
    shape = Table(title=title or None, title_justify="left")
    for number, name in enumerate(columns):
        shape.add_column(name, justify="left" if number < text_columns else "right", overflow="fold")
    for row in rows:
        shape.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    console.print(shape)


class StepReporter:
    """Progress of a run on stderr: a line that is overwritten on a terminal, else one every ten seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._last = float("-inf")
        self._phase = ""

    def __call__(self, done: int, total: int, phase: str, metrics: Mapping[str, float]) -> None:
        """Note one step."""
        now, live = time.monotonic(), self._console.is_terminal
        waited = now - self._last
        if done < total and phase == self._phase and waited < (0.2 if live else _REPORT_SECONDS):
            return
        self._last, self._phase = now, phase
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        line = f"{phase} {done}/{total}  {shown}"
        if live:
            self._console.file.write(f"\r\x1b[2K{line[: self._console.width - 1]}")
            self._console.file.flush()
        else:
            self._console.print(line, markup=False, soft_wrap=True)

    def close(self) -> None:
        """End the line on a terminal."""
        if self._console.is_terminal and self._phase:
            self._console.file.write("\n")
            self._phase = ""


def say(line: str) -> None:
    """A line of progress on stderr."""
    Console(stderr=True, highlight=False).print(line, markup=False, soft_wrap=True)

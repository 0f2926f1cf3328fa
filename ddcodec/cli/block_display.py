"""Progress of sub-tasks on stderr: on a terminal a bar for each block and one for all, else a line now and then."""

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from ddcodec.train.schedule.plan import SubTask

_REPORT_SECONDS = 10.0
_ALL_SHOWN = 12
"""Up to so many blocks, those that wait and those that are done keep their line."""


class BlockReporter:
    """See `ddcodec.train.schedule.scheduler.Display`."""

    def __init__(self, blocks: int) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[words]}"))
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._total = self._progress.add_task(f"all {blocks} blocks", total=1.0, words="")
        self._bars: dict[int, TaskID] = {}
        self._blocks, self._shares, self._words = blocks, dict[int, float](), dict[int, str]()
        self._done: set[int] = set()
        self._last = time.monotonic()
        self._progress.start()

    def show(self, task: "SubTask", state: str, done: int, total: int | None, phase: str) -> None:
        """Where a block is."""
        share = 1.0 if state == "done" else done / total if total else 0.0
        words = f"{phase} {done}/{total}" if state == "runs" and total else state
        self._shares[task.number], self._words[task.number] = share, f"{task.number}: {words}"
        self._done |= {task.number} if state == "done" else set()
        whole = sum(self._shares.values()) / self._blocks
        said = f"{len(self._done)} of {self._blocks} blocks done, {100 * whole:.0f} %"
        if self._console.is_terminal:
            if task.number not in self._bars:
                self._bars[task.number] = self._progress.add_task(task.title, total=1.0, words="")
            visible = self._blocks <= _ALL_SHOWN or state == "runs"
            self._progress.update(self._bars[task.number], completed=share, words=words, visible=visible)
            self._progress.update(self._total, completed=whole, words=said)
        elif time.monotonic() - self._last >= _REPORT_SECONDS:
            self._last = time.monotonic()
            running = "; ".join(words for words in self._words.values() if "/" in words)
            self._console.print(f"{said}; {running}", markup=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """A line of its own."""
        self._progress.console.print(" ".join(line.split()), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

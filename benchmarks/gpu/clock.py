"""The time that a call may take, and a run that stops itself like one that was interrupted."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping

Progress = Callable[[int, int, str, Mapping[str, float]], None]


class Clock:
    """Args: seconds: until the end; now: tells the time in seconds."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._end = now, now() + seconds

    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self._end - self._now()

    def stopping(self, last_step_seconds: float, show: Progress) -> Progress:
        """A `progress` of `ddcodec.train.loop.run` that ends the run, with a checkpoint, when time is up.

        Args: last_step_seconds: what the last step, the long one, needs; show: called first.
        """
        asked = False

        def progress(done: int, total: int, phase: str, metrics: Mapping[str, float]) -> None:
            nonlocal asked
            show(done, total, phase, metrics)
            needed = last_step_seconds if done == total - 1 else 0.0
            if not asked and done < total and self.left() <= needed:
                asked = True  # a second interrupt would cut a step in two
                signal.raise_signal(signal.SIGINT)

        return progress

"""A process that runs slices for the local engine, one after another."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from ddcodec.train.data import TrainingData
from ddcodec.train.schedule.plan import SubTask
from ddcodec.train.schedule.slices import Settings, explained, run_slice

STOP, DROP = "stop", "drop"
"""In place of an order: end; forget the run that is paused."""
BEGUN, STEPPED, PAUSED, FINISHED, LEFT, FAILED = "begun", "stepped", "paused", "finished", "left", "failed"
_REPORT_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Order:
    """A slice of a sub-task in a folder; data: None where the worker has them already."""

    task: SubTask
    folder: Path
    data: TrainingData | None


class _Talk:
    """Between steps: tells how far the run is, and lets the other side decide what comes after a slice.

    A run that goes on stays as it is in memory, so that a slice costs next to nothing.
    """

    def __init__(self, pipe: Connection, task: SubTask, slices: int) -> None:
        self._pipe, self._task, self._slices = pipe, task, slices
        self._until, self._told = 0, 0.0
        self.next: Order | str | None = None
        """What was asked for in place of going on."""

    def due(self, done: int, total: int) -> bool:
        if not self._until:
            self._until = done - 1 + math.ceil(total / self._slices)
        return done >= self._until or self._pipe.poll()

    def goes_on(self, done: int, total: int) -> bool:
        self._pipe.send((PAUSED, done, total))
        answer = receive(self._pipe)
        if isinstance(answer, Order) and answer.task.number == self._task.number:
            self._until = done + math.ceil(total / self._slices)
            self._pipe.send((BEGUN, os.getpid()))
            return True
        self.next = answer
        return False

    def step(self, done: int, total: int, phase: str, metrics: Mapping[str, float]) -> None:
        now = time.monotonic()
        if now - self._told >= _REPORT_SECONDS:
            self._told = now
            self._pipe.send((STEPPED, done, total, phase))


def receive(pipe: Connection) -> Order | str:
    """The next order; STOP where the other side has gone."""
    try:
        found: Order | str = pipe.recv()
    except (EOFError, OSError):
        return STOP
    return found


def work(pipe: Connection, settings: Settings) -> None:
    """Run slices until told to stop, or until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a run notes Ctrl-C by itself; the other side says what then
    held: tuple[int, TrainingData] | None = None
    order: Order | str | None = None
    try:
        while True:
            order = receive(pipe) if order is None else order
            if order == DROP:
                order = None
                continue
            if not isinstance(order, Order):
                return
            task = order.task
            if order.data is not None:
                held = (task.number, order.data)
            assert held is not None
            pipe.send((BEGUN, os.getpid()))
            talk = _Talk(pipe, task, settings.slices)
            order = _one(pipe, order, held[1], settings, talk)
    except BrokenPipeError:
        return


def _one(pipe: Connection, order: Order, data: TrainingData, settings: Settings, talk: _Talk) -> Order | str | None:
    """Run a slice, or several, of one sub-task; what was asked for next, None for nothing yet."""
    from ddcodec.train.loop import Stopped

    try:
        file = run_slice(order.task, data, order.folder, settings, talk, talk.step)
    except Stopped:
        pipe.send((LEFT,))
        return None
    except BrokenPipeError:
        raise
    except Exception as error:
        pipe.send((FAILED, *explained(error)))
        return None
    if file is not None:
        pipe.send((FINISHED, file))
    return talk.next

"""Slices in processes of this machine; a process that dies takes one slice with it, and is replaced."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from ddcodec.train.schedule import local_worker as words
from ddcodec.train.schedule.engine import Begun, Ended, Event, Failed, Stepped
from ddcodec.train.schedule.plan import Plan, SubTask
from ddcodec.train.schedule.slices import Settings

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_PATIENCE_SECONDS = 10.0


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: int | None = None
    """What runs in it."""
    paused: int | None = None
    """What it could go on with in memory."""
    data_of: int | None = None
    """Whose data it holds."""


class LocalEngine:
    """Long-lived worker processes, one in each slot, made when they are first needed.

    Args: plan: whose data the workers get, a block at a time; out: its folder; workers: how many; settings: of all.
    """

    def __init__(self, plan: Plan, out: Path, workers: int, settings: Settings) -> None:
        self._plan, self._out, self._settings = plan, out, settings
        self._workers: list[_Worker | None] = [None] * workers
        self._lost: list[Event] = []
        for slot in range(workers):  # all at once: each takes seconds to import torch
            self._workers[slot] = self._start()

    @property
    def slots(self) -> int:
        return len(self._workers)

    @property
    def slices(self) -> int:
        return self._settings.slices

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        with _environment(dict.fromkeys(_THREADS, str(self._settings.threads))):
            process = context.Process(target=words.work, args=(theirs, self._settings), daemon=True)
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def submit(self, slot: int, task: SubTask) -> None:
        """See `Engine`; a run that is paused in this slot goes on in memory."""
        for other in self._workers:
            if other is not None and other is not self._workers[slot] and other.paused == task.number:
                self._send(other, words.DROP)  # or it would go on from there some day, where others got further
                other.paused = None
        worker = self._workers[slot]
        if worker is None or not worker.process.is_alive():
            self._forget(slot)
            worker = self._workers[slot] = self._start()
        data = None if worker.data_of == task.number else self._plan.block_data(task)
        worker.task, worker.data_of, worker.paused = task.number, task.number, None
        self._send(worker, words.Order(task, task.folder(self._out), data))

    @staticmethod
    def _send(worker: _Worker, what: object) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionError):  # it has just died: `wait` will see that
            worker.pipe.send(what)

    def wait(self, seconds: float) -> list[Event]:
        """See `Engine`."""
        found, self._lost = self._lost, []
        present = {worker.pipe: slot for slot, worker in enumerate(self._workers) if worker is not None}
        for pipe in wait(list(present), 0 if found else seconds):
            slot = present[pipe]  # type: ignore[index]
            worker = self._workers[slot]
            assert worker is not None
            try:
                while worker.pipe.poll():
                    event = self._event(slot, worker, worker.pipe.recv())
                    found += [event] if event is not None else []
            except (EOFError, OSError):
                found += self._death(slot, worker)
        return found

    def _event(self, slot: int, worker: _Worker, said: tuple[Any, ...]) -> Event | None:
        word, *rest = said
        task = worker.task
        if task is None:
            return None
        if word == words.BEGUN:
            return Begun(slot, task, rest[0])
        if word == words.STEPPED:
            return Stepped(task, *rest)
        worker.task = None
        if word == words.FAILED:
            return Failed(slot, task, *rest)
        if word == words.PAUSED:
            worker.paused = task
            return Ended(slot, task, rest[0], rest[1], None)
        return Ended(slot, task, None, None, rest[0] if word == words.FINISHED else None)

    def _death(self, slot: int, worker: _Worker) -> list[Event]:
        worker.process.join(_PATIENCE_SECONDS)
        code, task = worker.process.exitcode, worker.task
        self._forget(slot)
        if task is None:
            return []
        cause = f"its worker ended (exit status {code})"
        if code is not None and code < 0:
            hint = "; out of memory?" if -code == signal.SIGKILL else ""
            cause = f"its worker was killed (signal {-code}{hint})"
        return [Failed(slot, task, cause, True)]

    def _forget(self, slot: int) -> None:
        worker, self._workers[slot] = self._workers[slot], None
        if worker is not None:
            worker.pipe.close()
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join()
            worker.process.close()

    def stop(self) -> None:
        """See `Engine`."""
        for worker in self._workers:
            if worker is not None:
                self._send(worker, words.STOP)

    def close(self) -> None:
        """See `Engine`; what is paused has its checkpoint, so that nobody needs to be waited for."""
        for slot in range(self.slots):
            self._forget(slot)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes that this block starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""Sub-tasks to slots until all are finished, whatever dies on the way; then one file of them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ddcodec.errors import DdzError, InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.limits import Limits
from ddcodec.merging.coded_file import take_apart
from ddcodec.merging.merge import merge
from ddcodec.train.checkpoints import checkpoint_files
from ddcodec.train.interrupts import noted_interrupts
from ddcodec.train.loop import Stopped
from ddcodec.train.schedule.engine import Begun, Ended, Engine, Event, Failed, Stepped
from ddcodec.train.schedule.log import ScheduleLog
from ddcodec.train.schedule.names import LOG, MERGED
from ddcodec.train.schedule.order import next_task
from ddcodec.train.schedule.plan import Plan, SubTask, begin, refuse_other

_WAIT_SECONDS = 0.25
WAITS, RUNS, DONE, GIVEN_UP = "waits", "runs", "done", "given up"


class Display(Protocol):
    """What is told while a schedule runs."""

    def show(self, task: SubTask, state: str, done: int, total: int | None, phase: str) -> None:
        """Where a sub-task is."""
        ...

    def say(self, line: str) -> None:
        """Something worth a line."""
        ...


@dataclass
class _State:
    """Of a sub-task. total: unknown until it has run; attempts: failures since it last got further;
    failed_at: step of its last one."""

    task: SubTask
    state: str = WAITS
    done: int = 0
    total: int | None = None
    phase: str = ""
    attempts: int = 0
    failed_at: int = -1
    cause: str = ""

    @property
    def left(self) -> float:
        """Work left, in classes."""
        return len(self.task.classes) * (1 - self.done / self.total if self.total else 1)


@dataclass
class Scheduler:
    """See the module's text; `run` does it all.

    retries: of a sub-task that fails again and again without getting further.
    """

    plan: Plan
    out: Path
    engine: Engine
    display: Display
    retries: int = 3
    on_event: Callable[[Event], None] | None = None
    _states: dict[int, _State] = field(default_factory=dict)
    _current: dict[int, int] = field(default_factory=dict)

    def run(self) -> Path:
        """Returns: the merged file.

        Raises: Stopped on Ctrl-C, after checkpoints; DdzError once nothing more can be done, if sub-tasks had to be
            given up; as `merge` and `write_atomic`.
        """
        self._log = ScheduleLog(self.out / LOG)
        try:
            self._log.write("start", blocks=len(self.plan.tasks), slots=self.engine.slots)
            for task in self.plan.tasks:
                done = task.file(self.out).exists()
                self._states[task.number] = _State(task, DONE if done else WAITS, self._saved_step(task))
                self._show(self._states[task.number])
            self._run_all()
            merged = self._merge()
            self._log.write("end", bytes=merged.stat().st_size)
            return merged
        finally:
            self._log.close()

    def _run_all(self) -> None:
        free, is_stopping = list(range(self.engine.slots)), False
        with noted_interrupts() as wanted:
            while True:
                while free and not is_stopping and self._waiting():
                    slot = free.pop(0)
                    self._dispatch(slot)
                if not any(state.state == RUNS for state in self._states.values()):
                    break
                for event in self.engine.wait(_WAIT_SECONDS):
                    slot_of_event = self._take(event)
                    free += [] if slot_of_event is None else [slot_of_event]
                if wanted.is_set() and not is_stopping:
                    is_stopping = True
                    self.display.say("stopping: workers save what they have")
                    self.engine.stop()
        if is_stopping and self._waiting():
            done = sum(state.state == DONE for state in self._states.values())
            self._log.write("stopped")
            raise Stopped(f"{self.out}: stopped, {done} of {len(self._states)} blocks are done; go on with --resume")

    def _waiting(self) -> list[int]:
        return [number for number, state in self._states.items() if state.state == WAITS]

    def _dispatch(self, slot: int) -> None:
        left = {number: state.left for number, state in self._states.items() if state.state in (WAITS, RUNS)}
        most = max(len(task.classes) for task in self.plan.tasks)
        share = most / self.engine.slices
        number = next_task(self._waiting(), left, self.engine.slots, share, self._current.get(slot))
        state = self._states[number]
        state.state, self._current[slot] = RUNS, number
        self._log.write("dispatch", block=number, slot=slot, step=state.done)
        self.engine.submit(slot, state.task)
        self._show(state)

    def _take(self, event: Event) -> int | None:
        """Note an event; the slot that is free now, if one is."""
        if self.on_event is not None:
            self.on_event(event)
        state = self._states[event.task]
        if isinstance(event, Begun):
            where = {"node": event.node} if event.node else {}
            self._log.write("begin", block=event.task, slot=event.slot, pid=event.pid, **where)
            return None
        if isinstance(event, Stepped):
            state.done, state.total, state.phase = event.done, event.total, event.phase
            self._show(state)
            return None
        if isinstance(event, Failed):
            self._fail(state, event.cause, event.may_retry)
        else:
            self._end(state, event)
        self._show(state)
        return event.slot

    def _end(self, state: _State, event: Ended) -> None:
        state.done = event.done if event.done is not None else self._saved_step(state.task)
        state.total = event.total or state.total
        state.attempts = 0
        if event.file is None:
            state.state = WAITS
            self._log.write("pause", block=event.task, slot=event.slot, step=state.done)
            return
        try:
            write_atomic(state.task.file(self.out), event.file)
        except DdzError as error:
            self._fail(state, str(error), True)
            return
        state.state, state.done = DONE, state.total or state.done
        self._log.write("done", block=event.task, slot=event.slot, bytes=len(event.file))

    def _fail(self, state: _State, cause: str, may_retry: bool) -> None:
        step = self._saved_step(state.task)
        state.attempts = 1 if step > state.failed_at else state.attempts + 1
        state.done, state.failed_at, state.cause = step, step, cause
        again = may_retry and state.attempts <= self.retries
        state.state = WAITS if again else GIVEN_UP
        outcome = f"tried again from step {step}" if again else "given up, the other blocks go on"
        self._log.write("failure", block=state.task.number, cause=cause, step=step, again=again)
        self.display.say(f"{state.task.title}: {cause}; {outcome}")

    def _saved_step(self, task: SubTask) -> int:
        """Step of the last checkpoint, 0 without one."""
        folder = task.folder(self.out)
        found = checkpoint_files(folder) if folder.is_dir() else []
        return found[-1][0] if found else 0

    def _show(self, state: _State) -> None:
        self.display.show(state.task, state.state, state.done, state.total, state.phase)

    def _merge(self) -> Path:
        lost = [state for state in self._states.values() if state.state == GIVEN_UP]
        if lost:
            names = "; ".join(f"{state.task.title}: {state.cause}" for state in lost)
            raise DdzError(
                f"{self.out}: {len(lost)} of {len(self._states)} blocks given up ({names}); the others are kept:"
                " go on with --resume"
            )
        parts = []
        for task in self.plan.tasks:
            path = task.file(self.out)
            try:
                parts.append(take_apart(path.read_bytes(), str(path), Limits()))
            except OSError as error:
                raise InputError(f"{path}: cannot read it: {error.strerror}") from error
            except DdzError as error:
                raise InputError(f"{path}: {error}; remove it and go on with --resume") from error
        merged = merge(parts)
        for note in merged.notes:
            self.display.say(f"{self.out / MERGED}: {note}")
        write_atomic(self.out / MERGED, merged.data)
        return self.out / MERGED


def schedule(
    plan: Plan,
    out: Path,
    engine: Callable[[], Engine],
    display: Display,
    *,
    resume: bool = False,
    retries: int = 3,
    on_event: Callable[[Event], None] | None = None,
) -> Path:
    """Carry out a plan in a folder: run directories and files of blocks in blocks/, and the merged file.

    Args: engine: makes it, once the folder is known to be free or this plan's; on_event: told of every event.
    Raises: InputError for a folder in use, or of another plan; as `Scheduler.run`, and what the engine raises.
    """
    refuse_other(plan, out, resume)
    made = engine()
    try:
        begin(plan, out)
        return Scheduler(plan, out, made, display, retries, on_event).run()
    finally:
        made.close()

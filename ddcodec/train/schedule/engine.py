"""What the scheduler asks of whatever runs its slices: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ddcodec.train.schedule.plan import SubTask


@dataclass(frozen=True)
class Begun:
    """A slice is under way. where: a process id on this machine, or on the node that is named."""

    slot: int
    task: int
    pid: int
    node: str = ""


@dataclass(frozen=True)
class Stepped:
    """A slice got further."""

    task: int
    done: int
    total: int
    phase: str


@dataclass(frozen=True)
class Ended:
    """A slice is over, its checkpoint saved. file: of the finished block, None where there are steps left."""

    slot: int
    task: int
    done: int | None
    total: int | None
    file: bytes | None


@dataclass(frozen=True)
class Failed:
    """A slice is lost. cause: in words; may_retry: whether another attempt might do better."""

    slot: int
    task: int
    cause: str
    may_retry: bool


Event = Begun | Stepped | Ended | Failed


class Engine(Protocol):
    """Runs slices in numbered slots, at most one each."""

    @property
    def slots(self) -> int:
        """How many slices run at once."""
        ...

    @property
    def slices(self) -> int:
        """In how many slices a sub-task is worth being cut."""
        ...

    def submit(self, slot: int, task: SubTask) -> None:
        """Start the next slice of a sub-task, from its last checkpoint, in a slot that is free."""
        ...

    def wait(self, seconds: float) -> Sequence[Event]:
        """What happened since the last call; waits so long for the first event."""
        ...

    def stop(self) -> None:
        """Ask all slices that run to save and end; their events follow."""
        ...

    def close(self) -> None:
        """End everything at once."""
        ...

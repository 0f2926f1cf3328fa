"""One slice of a sub-task, as every engine runs it: from the last checkpoint of a folder to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ddcodec.errors import DdzError
from ddcodec.pipeline import encode_set
from ddcodec.train.data import TrainingData
from ddcodec.train.loop import Progress, default_factory, run
from ddcodec.train.rundir import read_result
from ddcodec.train.schedule.plan import SubTask
from ddcodec.train.seams import DistillerFactory, Pause
from ddcodec.train.troubles import OutOfMemory, is_out_of_memory


@dataclass(frozen=True)
class Settings:
    """What all slices have in common. factory: makes the distiller, None takes that of this package."""

    device: str = "cpu"
    threads: int = 1
    slices: int = 8
    factory: DistillerFactory | None = None


class SliceEnd:
    """Ends a run after its share of the steps."""

    def __init__(self, slices: int) -> None:
        self._slices = slices
        self._until = 0

    def due(self, done: int, total: int) -> bool:
        """Whether the share is used up; the first call tells where it began."""
        if not self._until:
            self._until = done - 1 + math.ceil(total / self._slices)
        return done >= self._until

    def goes_on(self, done: int, total: int) -> bool:
        """Never."""
        return False


def run_slice(
    task: SubTask, data: TrainingData, folder: Path, settings: Settings, pause: Pause, progress: Progress
) -> bytes | None:
    """Go on with a sub-task.

    Args: folder: its run directory, empty or not.
    Returns: the finished file, None where there are steps left.
    Raises: as `loop.run` and `encode_set`.
    """
    import torch

    from ddcodec.train.device import choose_device

    torch.set_num_threads(settings.threads)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".ddz-*.tmp"):  # of a process that was killed while it wrote
        leftover.unlink(missing_ok=True)
    factory = settings.factory or default_factory()
    device = choose_device(settings.device)
    if not run(task.config, data, folder, device, True, progress, factory=factory, pause=pause):
        return None
    model, metadata, _ = read_result(folder)
    return encode_set(model, metadata, with_hash=True)


def explained(error: BaseException) -> tuple[str, bool]:
    """A failure of a slice in words, and whether another attempt might do better.

    Lack of memory and of room on the disk may pass; options that do not go together, or a loss that is no number, stay.
    """
    may_retry = isinstance(error, OutOfMemory | OSError) or is_out_of_memory(error)
    if isinstance(error, DdzError):
        return str(error), may_retry or isinstance(error.__cause__, OSError)
    if isinstance(error, OSError):
        return str(error.strerror or error), True
    if is_out_of_memory(error):
        return "out of memory", True
    return f"{type(error).__name__}: {error}", False

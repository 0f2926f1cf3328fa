"""A slice on a Ray node: files of a run directory go in as bytes, and those that changed come out."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ddcodec.train.checkpoints import checkpoint_files
from ddcodec.train.data import TrainingData
from ddcodec.train.schedule.plan import SubTask
from ddcodec.train.schedule.slices import Settings, SliceEnd, explained, run_slice

FAILED = "failed"


def carried_files(folder: Path) -> dict[str, bytes]:
    """Files of a run directory, by path in it: of its checkpoints only the last, none that are half written."""
    if not folder.is_dir():
        return {}
    old = {path for _, path in checkpoint_files(folder)[:-1]}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in old)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.suffix != ".tmp"}


class _Noted(SliceEnd):
    """Remembers how far the run got."""

    steps: tuple[int, int] | tuple[None, None] = (None, None)

    def step(self, done: int, total: int, phase: str, metrics: Mapping[str, float]) -> None:
        """Progress of the run."""
        self.steps = (done, total)


def slice_on_node(
    task: SubTask, data: TrainingData, files: Mapping[str, bytes], settings: Settings
) -> Iterator[dict[str, Any]]:
    """Run a slice in a folder that is gone afterwards.

    Yields: first {pid, node}; then {failed: (cause, may_retry)}, or {done, total, file, files}, with the finished
        block's file or None, and the files that are new or other than before.
    """
    yield {"pid": os.getpid(), "node": socket.gethostname()}
    data = replace(data, images=np.array(data.images), labels=np.array(data.labels))  # Ray's are not to be written to
    noted = _Noted(settings.slices)
    with TemporaryDirectory(prefix="ddcodec-") as name:
        folder = Path(name) / "run"
        try:
            for path, content in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            file = run_slice(task, data, folder, settings, noted, noted.step)
            after = carried_files(folder)
        except Exception as error:  # said in words, not as Ray would
            cause, may_retry = explained(error)
            yield {FAILED: (cause.replace(f"{folder}: ", ""), may_retry)}
            return
    changed = {path: content for path, content in after.items() if files.get(path) != content}
    yield {"done": noted.steps[0], "total": noted.steps[1], "file": file, "files": changed}

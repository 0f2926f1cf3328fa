"""What all stages work with: data, device, time, and where things are written."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.clock import Clock
from benchmarks.gpu.plan import Plan
from benchmarks.rows import append, finished
from ddcodec.train.data import TrainingData


@dataclass
class Desk:
    """out: tables and what is packed at the end; work: run directories, experts, finished files."""

    plan: Plan
    clock: Clock
    out: Path
    work: Path
    device: torch.device
    train: TrainingData
    test: TrainingData

    @property
    def files(self) -> Path:
        """Folder of finished files and their metrics."""
        return self.work / "files"

    def table(self, stage: str) -> Path:
        """Rows of a stage."""
        return self.out / f"{stage}.tsv"

    def known(self, stage: str, key: Mapping[str, Any]) -> dict[str, str] | None:
        """A row that exists, measured on the same device."""
        return finished(self.table(stage), {**key, "device": self.device_name})

    def add(self, stage: str, row: Mapping[str, Any], started: float) -> None:
        """One more row; started: by time.perf_counter."""
        where = {"device": self.device_name, "torch": torch.__version__}
        append(self.table(stage), {**row, **where}, seconds=time.perf_counter() - started)
        self.say(stage, *row.values())

    @property
    def device_name(self) -> str:
        """As rows have it."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"

    def synchronise(self) -> None:
        """Wait until the device has done what it was asked."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def peak_mib(self, reset: bool = False) -> float | str:
        """Largest memory in tensors on the device since the last reset; "" for a CPU, which does not tell."""
        if self.device.type != "cuda":
            return ""
        if reset:
            torch.cuda.reset_peak_memory_stats(self.device)
        return round(torch.cuda.max_memory_allocated(self.device) / 2**20, 1)

    def say(self, *words: object) -> None:
        """A line on the console, with the seconds that are left."""
        print(f"[{self.clock.left():.0f} s left]", *words, flush=True)

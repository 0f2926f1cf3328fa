"""How a distillation is split: blocks of classes, each a sub-task of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddcodec.errors import InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.merging.notes import Block, in_words, runs_of
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData, Whole
from ddcodec.train.flat import mixed_seed
from ddcodec.train.rundir import CANDIDATES, CONFIG, RUN, read_json, write_json
from ddcodec.train.schedule.names import BLOCKS, PLAN

_CHUNK = 4096
_LEAST_STD = 1e-3
_WORDS = {
    "config_sha256": "other options",
    "data_sha256": "other data",
    "threads_per_worker": "another --threads-per-worker",
    "blocks": "another --subtasks",
}


@dataclass(frozen=True)
class SubTask:
    """One block: its number, its classes in the whole set, and the options with a seed of its own."""

    number: int
    classes: tuple[int, ...]
    config: Config

    @property
    def title(self) -> str:
        """For messages: "block 2 (classes 4..5)"."""
        word = "class" if len(self.classes) == 1 else "classes"
        return f"block {self.number} ({word} {in_words(self.classes)})"

    def folder(self, out: Path) -> Path:
        """Its run directory."""
        return out / BLOCKS / f"block-{self.number:03d}"

    def file(self, out: Path) -> Path:
        """Its finished file."""
        return out / BLOCKS / f"block-{self.number:03d}.ddz"


@dataclass(frozen=True, eq=False)
class Plan:
    """config, data: of the whole set; threads: of torch in each worker, part of the plan as results may depend on it;
    tasks: all blocks; normalisation: mean and std of the whole set."""

    config: Config
    data: TrainingData
    threads: int
    tasks: tuple[SubTask, ...]
    normalisation: tuple[tuple[float, ...], tuple[float, ...]]
    data_sha256: str = field(default="")

    def block_data(self, task: SubTask) -> TrainingData:
        """The real images of a block, as copies; its classes are numbered from 0."""
        data, first = self.data, task.classes[0]
        chosen = np.flatnonzero((data.labels >= first) & (data.labels <= task.classes[-1]))
        names = None if data.classes is None else tuple(data.classes[number] for number in task.classes)
        whole = Whole(
            Block(task.classes, data.class_count),
            *self.normalisation,
            self.config.train.seed,
            self.config.sha256(),
        )
        return TrainingData(data.images[chosen], data.labels[chosen] - first, names, data.name, whole)

    def identity(self) -> dict[str, Any]:
        """What plan.json holds: a folder goes on with this plan only."""
        return {
            "config_sha256": self.config.sha256(),
            "data_sha256": self.data_sha256,
            "data": self.data.name,
            "threads_per_worker": self.threads,
            "blocks": [{"classes": runs_of(task.classes), "seed": task.config.train.seed} for task in self.tasks],
        }


def make_plan(config: Config, data: TrainingData, subtasks: int, threads: int = 1) -> Plan:
    """Contiguous blocks, as equal as possible; the same arguments give the same plan.

    Raises: InputError for more sub-tasks than classes, or numbers below 1.
    """
    if not 1 <= subtasks <= data.class_count:
        raise InputError(f"--subtasks {subtasks}: expected 1..{data.class_count}, the number of classes")
    if threads < 1:
        raise InputError(f"--threads-per-worker {threads}: expected 1 or more")
    edges = [data.class_count * number // subtasks for number in range(subtasks + 1)]
    tasks = []
    for number, (start, stop) in enumerate(zip(edges, edges[1:], strict=False)):
        seed = mixed_seed(config.train.seed, start, stop)
        tasks.append(SubTask(number, tuple(range(start, stop)), config.updated({"train": {"seed": seed}})))
    return Plan(config, data, threads, tuple(tasks), _normalisation(data), data.sha256())


def _normalisation(data: TrainingData) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each channel, as float32 holds them; in parts, since all at once in float64 is a lot."""
    parts = range(0, len(data.images), _CHUNK)
    pixels = data.images.size / data.images.shape[1]
    mean = sum(data.images[p : p + _CHUNK].sum((0, 2, 3), dtype=np.float64) for p in parts) / pixels
    offset = np.asarray(mean, np.float64)[:, None, None]
    spread = sum(np.square(data.images[p : p + _CHUNK] - offset).sum((0, 2, 3)) for p in parts) / pixels
    std = np.sqrt(np.asarray(spread)).clip(_LEAST_STD)
    means, stds = (np.asarray(values, np.float32).tolist() for values in (mean, std))
    return tuple(means), tuple(stds)


def refuse_other(plan: Plan, out: Path, resume: bool) -> None:
    """Insist that a folder is new or empty, or, on resume, this very plan's.

    Raises: InputError.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder, found a file")
    if out.is_dir() and any(path.name != CANDIDATES for path in out.iterdir()):
        if not resume:
            raise InputError(f"{out}: is not empty; continue it with --resume or choose another folder")
        if not (out / PLAN).exists():
            raise InputError(f"{out}: was started without --subtasks; choose another folder")
        known, wanted = read_json(out / PLAN), plan.identity()
        for key, word in _WORDS.items():
            if known.get(key) != wanted[key]:
                raise InputError(f"{out}: was started with {word}; only [run] may change on --resume")


def begin(plan: Plan, out: Path) -> None:
    """Make the folder of a plan; raises as `write_atomic`."""
    try:
        (out / BLOCKS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot make this folder: {error.strerror}") from error
    write_json(out / PLAN, plan.identity())
    write_json(
        out / RUN, {"config_sha256": plan.config.sha256(), "data_sha256": plan.data_sha256, "data": plan.data.name}
    )
    write_atomic(out / CONFIG, plan.config.to_toml().encode())

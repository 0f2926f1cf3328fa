"""Seconds that five sub-tasks take on one worker and on two, with one killed on the way, on both engines.

    python -m benchmarks.schedule --data ../shared/data

Images are those of CIFAR-10, two classes to a sub-task; a sub-task takes about a minute on one core (`--steps`,
`--images` and `--limit` make it shorter or longer). Every line of the plan below is a row; `ratio` is its seconds over
those of one local worker in the same session, `content` the start of the merged file's content hash, which must be
the same in all rows. A row of the same session that exists already is not measured again; `--session` names another.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.cifar import cifar10
from benchmarks.rows import DATA, RESULTS, append, finished
from ddcodec.pipeline import verify
from ddcodec.train.config import Config
from ddcodec.train.schedule.engine import Begun, Engine, Event
from ddcodec.train.schedule.local_engine import LocalEngine
from ddcodec.train.schedule.plan import Plan, SubTask, make_plan
from ddcodec.train.schedule.scheduler import schedule
from ddcodec.train.schedule.slices import Settings

TABLE = RESULTS / "schedule.tsv"
PLANNED = (
    *(("local", 1, False), ("local", 2, False), ("local", 2, True)),
    *(("ray", 1, False), ("ray", 2, False), ("ray", 2, True)),
)
_VICTIM = 2


class Killer:
    """Kills the worker of one sub-task, once, when it begins its second slice.

    A Ray task must be on this machine, as one that was started here is.
    """

    def __init__(self) -> None:
        self.begun = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Begun) and event.task == _VICTIM:
            self.begun += 1
            if self.begun == 2:
                time.sleep(1.0)  # let it do something that is lost
                os.kill(event.pid, signal.SIGKILL)


class Printed:
    """A display of lines."""

    def show(self, task: SubTask, state: str, done: int, total: int | None, phase: str) -> None:
        """Nothing: see schedule.jsonl."""

    def say(self, line: str) -> None:
        """Print it."""
        print(line, flush=True)


def engine_of(name: str, plan: Plan, out: Path, workers: int) -> Engine:
    """As `distill` makes it."""
    if name == "ray":
        from ddcodec.train.schedule.ray_engine import RayEngine

        return RayEngine(plan, out, workers, Settings(slices=4))
    return LocalEngine(plan, out, workers, Settings(slices=8))


def measured(plan: Plan, name: str, workers: int, killed: bool) -> tuple[float, str]:
    """Seconds from the plan to the merged file, start of the engine included, and the start of its content hash."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        watch: Callable[[Event], None] | None = Killer() if killed else None
        started = time.perf_counter()
        merged = schedule(plan, out, lambda: engine_of(name, plan, out, workers), Printed(), on_event=watch)
        seconds = time.perf_counter() - started
        lost = (out / "schedule.jsonl").read_text().count('"event": "failure"')
        if lost != killed:
            raise SystemExit(f"{name}, {workers} workers: {lost} failures")
        return seconds, verify(merged).content_hash.hex()[:16]


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--subtasks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=250, help="joint steps of a sub-task")
    parser.add_argument("--images", type=int, default=20, help="per class")
    parser.add_argument("--limit", type=int, help="real images, all by default")
    parser.add_argument("--kib", type=float, default=1.0, help="per class")
    parser.add_argument("--session", default="1")
    parser.add_argument("--engines", default="local,ray")
    options = parser.parse_args()
    config = Config().with_settings(
        [f"train.joint_steps={options.steps}", f"train.images_per_class={options.images}", "train.fit_steps=0",
         "train.tune_steps=0", f"train.bytes_per_class={1024 * options.kib}", "matching.source=random",
         "codec.block=8", "codec.filter_base=0"]
    )  # fmt: skip
    plan = make_plan(config, cifar10(options.data, "train", options.limit), options.subtasks)
    alone: float | None = None
    for name, workers, killed in PLANNED:
        if name not in options.engines.split(","):
            continue
        key: dict[str, object] = {
            **{"session": options.session, "engine": name, "workers": workers, "killed": int(killed)},
            **{"subtasks": options.subtasks, "steps": options.steps, "images": options.images},
        }
        known = finished(TABLE, key)
        if known is None:
            seconds, content = measured(plan, name, workers, killed)
            ratio = 1.0 if alone is None else seconds / alone
            row = {**key, "wall_seconds": round(seconds, 1), "ratio": round(ratio, 3), "content": content}
            append(TABLE, row, seconds=seconds)
            known = {name: str(value) for name, value in row.items()}
        alone = float(known["wall_seconds"]) if alone is None else alone
        print(known, flush=True)


if __name__ == "__main__":
    main()

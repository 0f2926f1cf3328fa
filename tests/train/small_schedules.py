"""A tiny distillation of the digits in five blocks, for tests of the scheduler."""

import json
import os
import signal
import time

from ddcodec.pipeline import verify
from ddcodec.train.config import Config
from ddcodec.train.schedule.engine import Begun
from ddcodec.train.schedule.local_engine import LocalEngine
from ddcodec.train.schedule.plan import make_plan
from ddcodec.train.schedule.scheduler import schedule
from ddcodec.train.schedule.slices import Settings
from tests.train.small_runs import DIGITS, SHORT

STEPS = 60
CONFIG = Config().with_settings(
    [*SHORT, f"train.fit_steps={STEPS}", "train.joint_steps=0", "run.checkpoint_every=10", "train.bytes_per_class=60"]
)


class Told:
    """A display that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def show(self, task, state, done, total, phase):
        pass

    def say(self, line):
        self.lines.append(line)


def local(workers, slices=4):
    return lambda plan, out: LocalEngine(plan, out, workers, Settings(slices=slices))


def distil(out, engine, config=CONFIG, subtasks=5, told=None, **options):
    """The merged file's content hash."""
    plan = make_plan(config, DIGITS, subtasks)
    return verify(schedule(plan, out, lambda: engine(plan, out), told or Told(), **options)).content_hash


def lines(out, event):
    found = map(json.loads, (out / "schedule.jsonl").read_text().splitlines())
    return [line for line in found if line["event"] == event]


class Killer:
    """Kills the process that works at a block, once, after a checkpoint."""

    def __init__(self, out, block=2, begun=1):
        self._folder, self._block, self._left = out / "blocks" / f"block-{block:03d}", block, begun

    def __call__(self, event):
        if isinstance(event, Begun) and event.task == self._block:
            self._left -= 1
            if not self._left:
                while not list(self._folder.glob("checkpoint-*")):
                    time.sleep(0.01)
                os.kill(event.pid, signal.SIGKILL)

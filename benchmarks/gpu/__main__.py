"""Figures that need a GPU, in order of worth; each call takes minutes and goes on where the last one ended.

    python -m benchmarks.gpu STAGE [--minutes 9] [--out DIR] [--work DIR] [--data DIR] [--device cuda] [--dry-run]

Stages: `dm` (CIFAR-10 at 1, 4, 13 and 95 KiB per class, files as they are written, several ConvNets of width 128 as
judges), `experts` (20 networks for 50 epochs), `tm` (6.5 and 13 KiB), `step` (steps per second and peak memory beside
plain references), `all` of them in this order.

DIR gets tables (a .tsv for each stage), `results.tar` (finished files, metrics of every step) and `state.0`, ... from
which a later call on another machine goes on, if they lie in its DIR; `--work` is where everything is meanwhile, and
the same machine goes on from there. `--dry-run` goes through all the same code at toy size, on the bundled digits.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu import expert_stage, points, step_stage
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.desk import Desk
from benchmarks.gpu.plan import FULL, TOY, Plan
from benchmarks.gpu.state import pack, unpack
from benchmarks.joint import data_of
from benchmarks.rows import DATA, ROOT
from ddcodec.train.data import TrainingData, load_training_data
from ddcodec.train.device import choose_device
from ddcodec.train.loop import Stopped

STAGES = ("dm", "experts", "tm", "step")
_TOY_IMAGES = 300


def digits() -> tuple[TrainingData, TrainingData]:
    """A few hundred bundled digits to train on, others to test with."""
    whole = load_training_data("digits")
    parts = np.arange(_TOY_IMAGES), np.arange(_TOY_IMAGES, 2 * _TOY_IMAGES)
    train, test = (TrainingData(whole.images[p], whole.labels[p], whole.classes, whole.name) for p in parts)
    return train, test


def stage(desk: Desk, name: str) -> None:
    """One stage, as far as time allows.

    Raises: Stopped when it does not allow all of it.
    """
    if name == "experts":
        expert_stage.measure(desk)
    elif name == "step":
        step_stage.measure(desk)
    else:
        if name == "tm" and not expert_stage.complete(desk):
            expert_stage.measure(desk)
        for point in getattr(desk.plan, name):
            config = desk.plan.config(point)
            if name == "tm":  # where they lie does not count among the options
                config = config.with_settings([f"run.experts={expert_stage.folder_of(desk)}"])
            points.measure(desk, point, config, name)


def fast(device: torch.device) -> None:
    """What float32 may be traded for on a GPU: TF32 products, and convolutions chosen by trial."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def run(names: tuple[str, ...], desk: Desk) -> bool:
    """All stages named, then everything is packed; whether they are complete."""
    fast(desk.device)
    for folder in (desk.out, desk.files):
        folder.mkdir(parents=True, exist_ok=True)
    unpack(desk)
    try:
        for name in names:
            desk.say("stage", name, desk.device_name)
            stage(desk, name)
    except Stopped as stopped:
        desk.say(stopped)
        return False
    finally:
        pack(desk)
    return True


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Options; those that are not given depend on --dry-run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=(*STAGES, "all"))
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--out", type=Path, help="default: runs/gpu/out")
    parser.add_argument("--work", type=Path, help="default: runs/gpu, runs/gpu-dry")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with load.py")
    parser.add_argument("--device", help="default: cuda, cpu for a dry run")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args(arguments)
    options.device = options.device or ("cpu" if options.dry_run else "cuda")
    options.work = options.work or ROOT / "runs" / ("gpu-dry" if options.dry_run else "gpu")
    options.out = options.out or options.work / "out"
    return options


def main(arguments: list[str] | None = None, clock: Clock | None = None) -> bool:
    """Run one call; whether all that was asked for is there now."""
    options = parsed(arguments)
    clock = clock or Clock(60 * options.minutes)
    device = choose_device(options.device)
    plan: Plan = TOY if options.dry_run else FULL
    train, test = digits() if options.dry_run else (data_of(options.data, "train"), data_of(options.data, "test"))
    names = STAGES if options.stage == "all" else (options.stage,)
    return run(names, Desk(plan, clock, options.out, options.work, device, train, test))


if __name__ == "__main__":
    # read when numpy's libraries start: threads of ours take parts of the latents each, and must not fight theirs
    if os.environ.get("OPENBLAS_NUM_THREADS") is None:
        again = [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    sys.exit(0 if main() else 3)

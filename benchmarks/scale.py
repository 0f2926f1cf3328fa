"""Constants that the plan for 1,000 classes of 64x64 pixels rests on, measured on one core, and the plan.

    python -m benchmarks.scale            # a few minutes; prints the tables of benchmarks/scale.md

Flower photos of 64x64 pixels, the decoder d3-small, matching networks of width 64: the seconds of a step of the fit, of
the training of a matching network, and of the joint phase with two numbers of priors; then the size of a file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.priors import flowers
from benchmarks.rows import DATA, RESULTS, append, latest, one_core
from ddcodec.pipeline import encode_set
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.memory_estimate import estimate
from ddcodec.train.pool import TRAIN_BATCH
from ddcodec.train.priors.distiller import PriorDistiller

TABLE = RESULTS / "scale.tsv"
CPU = torch.device("cpu")
SETTINGS = (
    *("codec.representation=prior", "prior.preset=d3-small", "matching.width=64", "matching.networks=1"),
    *("matching.stages=[4]", "matching.real_per_class=100", "train.bytes_per_class=20000"),
)
CLASSES, IMAGES, PRIORS = 1_000, 1_281_167, 10
FIT_STEPS, JOINT_STEPS, NETWORKS, POOL_STEPS = 300, 2_000, 5, 1_000


def timed(config: Config, data: TrainingData) -> tuple[dict[str, float], int]:
    """Median seconds of a step of each phase, and the bytes of the file."""
    distiller, seconds = PriorDistiller(config, data, CPU), dict[str, list[float]]()
    with tempfile.TemporaryDirectory() as folder:
        distiller.use_folder(Path(folder))
        while distiller.steps_done < distiller.steps_total:
            phase, started = distiller.phase, time.perf_counter()
            distiller.step()
            seconds.setdefault(phase, []).append(time.perf_counter() - started)
    return {phase: statistics.median(part) for phase, part in seconds.items()}, len(
        encode_set(distiller.result().model)
    )


def measure(folder: Path) -> None:
    """One row for each number of priors."""
    data = flowers(folder, "train")
    for priors in (4, 12):
        more = (f"train.images_per_class={priors}", "train.fit_steps=8", "train.joint_steps=10")
        started = time.perf_counter()
        found, size = timed(Config().with_settings([*SETTINGS, *more]), data)
        row = {"images": 5 * priors, "file_bytes": size}
        row |= {f"{phase}_seconds": round(value, 4) for phase, value in found.items()}
        append(TABLE, row, seconds=time.perf_counter() - started)
        print(row, flush=True)


def plan() -> None:
    """What blocks of several sizes take, from the newest rows."""
    rows = {int(row["images"]): row for row in latest(TABLE, "images")}
    few, many = rows[min(rows)], rows[max(rows)]

    def slope(name: str) -> tuple[float, float]:
        """Seconds of a step: constant part, and for each image."""
        first, second = float(few[name]), float(many[name])
        each = (second - first) / (int(many["images"]) - int(few["images"]))
        return first - each * int(few["images"]), each

    fit, joint = slope("fit_seconds"), slope("joint_seconds")
    # a stage of 4 steps, and statistics of 100 images a class, which count as forward passes: a third of a step's
    network = float(many["pool_seconds"]) / (4 * TRAIN_BATCH + 500 / 3)
    print(f"fit {fit[0]:.3f} s + {1e3 * fit[1]:.2f} ms an image, joint {joint[0]:.3f} s + {1e3 * joint[1]:.2f} ms")
    print(f"matching network: {1e3 * network:.2f} ms an image and step")
    print(
        "\n| classes a block | sub-tasks | images of a block, GB | memory of a worker, GB | hours of a sub-task | all |"
    )
    print("|---|---|---|---|---|---|")
    for classes in (20, 50, 100, 200):
        images = IMAGES * classes // CLASSES
        labels = np.repeat(np.arange(classes), images // classes)
        pixels = np.broadcast_to(np.float32(0), (len(labels), 3, 64, 64))
        block = TrainingData(pixels, labels, None, "plan")
        config = Config().with_settings([*SETTINGS, "matching.real_per_class=500", f"train.images_per_class={PRIORS}"])
        memory = estimate(config.with_settings([f"matching.networks={NETWORKS}"]), block, CPU).peak + pixels.nbytes
        priors = classes * PRIORS
        seconds = FIT_STEPS * (fit[0] + fit[1] * priors) + JOINT_STEPS * (joint[0] + joint[1] * priors)
        seconds += NETWORKS * network * (POOL_STEPS * TRAIN_BATCH + 500 * classes / 3)
        hours, tasks = seconds / 3600, CLASSES // classes
        sizes = f"{pixels.nbytes / 1e9:.1f} | {memory / 1e9:.1f}"
        print(f"| {classes} | {tasks} | {sizes} | {hours:.1f} | {hours * tasks:.0f} |")


def main() -> None:
    """Measure, unless only the plan is wanted; then the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--plan-only", action="store_true")
    options = parser.parse_args()
    if not options.plan_only:
        one_core()
        measure(options.data)
    plan()


if __name__ == "__main__":
    main()

"""A second set of images for the same decoder: flower photos at 64x64, five classes.

    python -m benchmarks.studies.flowers [--kib 2,4] [--data FOLDER] [--work FOLDER]

What `ddcodec sweep` does, with the built-in networks that CIFAR-10 is coded with: distilled sets beside random real
photos in as many bytes, through this codec and AVIF, their number chosen on photos held out of training. (One of
the two context networks that come with the package was trained on flower photos of this pack, too.)
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from benchmarks.rows import DATA, RESULTS, load_pack
from benchmarks.studies.drawing import PLOTS
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.loop import default_factory
from ddcodec.train.sweep import Plan, Sweep
from ddcodec.train.sweep_table import PICTURE, TABLE

SETTINGS = (
    *(
        "codec.block=8",
        "train.images_per_class=24",
        "train.fit_steps=10",
        "train.joint_steps=250",
        "train.tune_steps=0",
    ),
    *("matching.networks=3", "matching.width=32", "matching.stages=[100,300]", "matching.real_per_class=300"),
    *("recipe.width=64", "recipe.epochs=60", "recipe.batch_size=32", "recipe.learning_rate=0.02"),
)


def halved(folder: Path, split: str) -> TrainingData:
    """Photos of 128x128 pixels as 64x64, means of four, NCHW in [0, 1]."""
    images, labels, names = load_pack(folder, "flowers128", split)
    small = images.reshape(len(images), 64, 2, 64, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2) / 255
    return TrainingData(small.astype(np.float32), labels.astype(np.int64), tuple(names), f"flowers 64x64 {split}")


def main() -> None:
    """Measure what is missing; copy table and plot to where those of the other studies are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kib", default="2,4")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".flowers"))
    options = parser.parse_args()
    train, held = halved(options.data, "train"), halved(options.data, "test")
    test = LabelledImages(held.images, held.labels, held.classes, held.name)
    budgets = tuple(map(float, options.kib.split(",")))
    command = f"python -m benchmarks.studies.flowers --kib {options.kib} --repeats {options.repeats}"
    plan = Plan(Config().with_settings(SETTINGS), budgets, False, ("real", "avif"), options.repeats, command)

    def show(done: int, total: int, phase: str, metrics: object) -> None:
        if done % 25 == 0 or phase == "pool":
            print(f"  {phase} {done}/{total}", flush=True)

    Sweep(plan, train, test, options.work, torch.device("cpu"), default_factory(), show, print).run()
    PLOTS.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(options.work / TABLE, RESULTS / "study_flowers.tsv")
    shutil.copyfile(options.work / PICTURE, PLOTS / "flowers.png")


if __name__ == "__main__":
    main()

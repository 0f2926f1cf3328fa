"""A second set of images for the same decoder: flower photos at 64x64, five classes.

    python -m benchmarks.studies.flowers [--kib 2] [--data FOLDER] [--work FOLDER]

Distilled by dm with the built-in networks that CIFAR-10 is coded with, beside random real photos in as many bytes: 12,
24 and 40 a class through this codec, and 24 as one AVIF mosaic. Judged by ConvNets of width 64, 60 epochs, on the
photos of the test split. (One of the two context networks that come with the package was trained on photos of this
pack, too.)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.cifar import to_test
from benchmarks.rows import DATA, RESULTS, load_pack, read
from benchmarks.studies.drawing import plot
from benchmarks.studies.short_runs import config_of, made, measure
from ddcodec.train.coded_real import Coded, by_mosaic, first_of_each
from ddcodec.train.data import TrainingData

TABLE = RESULTS / "study_flowers.tsv"
JUDGE = ("recipe.epochs=60", "recipe.batch_size=32")
JOINT = (
    *("codec.filter_base=0", "train.images_per_class=24", "train.fit_steps=0", "train.joint_steps=150"),
    *("train.tune_steps=0", "matching.networks=2", "matching.width=32", "matching.stages=[100,250]"),
    "matching.real_per_class=400",
)
FIT = ("train.fit_steps=6", "train.joint_steps=0", "train.tune_steps=0")


def halved(folder: Path, split: str) -> TrainingData:
    """Photos of 128x128 pixels as 64x64, means of four, NCHW in [0, 1]."""
    images, labels, names = load_pack(folder, "flowers128", split)
    small = images.reshape(len(images), 64, 2, 64, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2) / 255
    return TrainingData(small.astype(np.float32), labels.astype(np.int64), tuple(names), f"flowers 64x64 {split}")


def methods(train: TrainingData, kib: float, work: Path) -> dict[str, Callable[[], Coded]]:
    """What is compared, by name."""
    classes = train.class_count

    def real(count: int) -> Coded:
        config = config_of(kib, (f"train.images_per_class={count}", *FIT), classes)
        return made(config, first_of_each(train, count), work)

    found: dict[str, Callable[[], Coded]] = {
        "distilled": lambda: made(config_of(kib, JOINT, classes), train, work),
        "real, AVIF": lambda: by_mosaic("avif", train, 24, int(1024 * kib * classes)),
    }
    return found | {f"real, {count} a class": lambda count=count: real(count) for count in (12, 24, 40)}  # type: ignore[misc]


def draw(kib: float) -> None:
    """A bar for each method."""
    rows = read(TABLE)
    with plot("flowers", f"Flower photos at 64x64, {kib:g} KiB per class") as (axes,):
        axes.barh([row["method"] for row in rows], [float(row["accuracy_percent"]) for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel("test accuracy, %")


def main() -> None:
    """Measure what is missing, then draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kib", type=float, default=2.0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".flowers"))
    options = parser.parse_args()
    train, test = halved(options.data, "train"), to_test(halved(options.data, "test"))
    options.work.mkdir(parents=True, exist_ok=True)
    for name, make in methods(train, options.kib, options.work).items():
        measure(TABLE, {"method": name, "kib_per_class": options.kib, "seed": 0}, make, test, JUDGE)
    draw(options.kib)


if __name__ == "__main__":
    main()

"""Hard against soft labels at equal file bytes.

    python -m benchmarks.studies.labels [--kib 1 --images 36] [--data FOLDER] [--work FOLDER]

CIFAR-10 sets with hard labels, and with half the weight on what the pool's networks say (`train.labels=soft`):
distilled by dm, and random real images (fit only), all in files of one size, labels included. Judged by ConvNets of
width 64, 80 epochs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.cifar import cifar10, to_test
from benchmarks.rows import DATA, RESULTS, read
from benchmarks.studies.drawing import plot
from benchmarks.studies.short_runs import config_of, made, measure
from ddcodec.train.coded_real import Coded
from ddcodec.train.labelling import soft_label_file_bits

TABLE = RESULTS / "study_labels.tsv"
LABELS = {
    "hard": ("train.labels=hard",),
    "half soft": ("train.labels=soft", "train.label_share=0.5"),
}
IMAGES = {
    "distilled": ("codec.filter_base=0", "train.fit_steps=0", "train.tune_steps=0"),
    "real": ("train.fit_steps=10", "train.joint_steps=0", "train.tune_steps=0"),
}


def label_bytes(coded: Coded) -> dict[str, object]:
    """The column that says what soft labels take of the file."""
    soft = coded.dataset.soft
    bits = soft_label_file_bits(soft, torch.from_numpy(coded.dataset.labels)) if soft else 0.0
    return {"label_bytes": round(bits / 8)}


def draw() -> None:
    """Bars of accuracy, a group for each kind of images."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in read(TABLE):
        values[row["images"], row["labels"]].append(float(row["accuracy_percent"]))
    with plot("labels", "Hard and soft labels, CIFAR-10, files of one size") as (axes,):
        for place, labels in enumerate(LABELS):
            found = [values[images, labels] or [0.0] for images in IMAGES]
            spread = [float(np.ptp(part)) / 2 for part in found]
            heights = [float(np.mean(part)) for part in found]
            axes.bar(np.arange(len(IMAGES)) + 0.27 * (place - 0.5), heights, 0.25, yerr=spread, label=labels)
        axes.set_xticks(range(len(IMAGES)), list(IMAGES))
        axes.set_ylabel("test accuracy, %; bar: range over seeds")
        axes.legend()


def main() -> None:
    """Measure what is missing, then draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kib", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=36)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".curve"))
    options = parser.parse_args()
    train, test = cifar10(options.data, "train"), to_test(cifar10(options.data, "test"))
    for images, phases in IMAGES.items():
        for labels, settings in LABELS.items():
            config = config_of(options.kib, (f"train.images_per_class={options.images}", *phases, *settings))
            make = partial(made, config, train, options.work)  # which keeps what it made
            for seed in range(options.seeds):
                key = {"images": images, "labels": labels, "kib_per_class": options.kib, "seed": seed}
                measure(TABLE, key, make, test, extra=label_bytes)
    draw()


if __name__ == "__main__":
    main()

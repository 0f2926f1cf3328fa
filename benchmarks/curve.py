"""Accuracy against file size: distilled CIFAR-10 beside random real images in as many bytes, one evaluation for all.

    python -m benchmarks.curve --kib 0.5,1,2,4 --methods real,avif,webp,pixels8,distilled --seeds 3

Budgets are whole files, as `ddcodec encode` writes them. Rivals: random real images through this codec (fit only),
through one AVIF or WebP mosaic, and as 8-bit pixels. Their number of images is the best of a search on images held
out of training (in curve_choices.tsv); every set is then judged on all test images, one row for each network. Rows
are written at once, and none is measured twice: a stopped call goes on, seed by seed.
"""

from __future__ import annotations

import argparse
import time
from functools import cached_property, partial
from pathlib import Path

import torch

from benchmarks.cifar import cifar10
from benchmarks.rows import DATA, RESULTS, append, finished, read
from ddcodec.errors import EncodeError
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.coded_real import (
    MOSAICS,
    PIXELS,
    Coded,
    as_pixels,
    by_mosaic,
    by_this_codec,
    hold_out,
    in_bytes,
    largest_class,
)
from ddcodec.train.config import Config
from ddcodec.train.count_search import Trial, measure, search_count
from ddcodec.train.data import TrainingData
from ddcodec.train.judging import prepare
from ddcodec.train.loop import default_factory, run
from ddcodec.train.rundir import read_result

TABLE, CHOICES = RESULTS / "curve.tsv", RESULTS / "curve_choices.tsv"
CPU = torch.device("cpu")
CLASSES = 10
RECIPE = ("width=128", "epochs=80", "batch_size=64", "learning_rate=0.02", "augmentation=flip_crop")
"""80 epochs, so that the table takes hours on two cores, not days."""
FIRST_GUESS = {"real": 50, "avif": 50, "webp": 36}
"""Rival images per class at 1 KiB that the search begins with; they grow with the root of the bytes."""


def config_of(settings: list[str]) -> Config:
    """Options of every run; settings: some that are not the defaults."""
    chosen = ["codec.block=8", *(f"recipe.{text}" for text in RECIPE)]
    return Config().with_settings([*chosen, *settings])


class Curve:
    """The measurements of one call.

    Args: folder: of the image packs. work: where runs lie. settings: of the distilled sets.
    """

    def __init__(self, folder: Path, work: Path, settings: list[str]) -> None:
        self.train, test = cifar10(folder, "train"), cifar10(folder, "test")
        self.test = LabelledImages(test.images, test.labels, test.classes, test.name)
        self.work, self.settings = work, settings
        self._made: dict[tuple[str, float], Coded] = {}

    @cached_property
    def split(self) -> tuple[TrainingData, LabelledImages]:
        """Training images left to rivals, and those held out."""
        return hold_out(self.train, 0)

    def judge(self, method: str, kib: float, seed: int) -> None:
        """The row of one network trained on one method's set of one budget."""
        key: dict[str, object] = {"method": method, "kib_per_class": kib, "seed": seed}
        if finished(TABLE, key) is not None:
            return
        if (method, kib) not in self._made:
            made = self.distilled(kib) if method == "distilled" else self.rival(method, kib)
            self._made[method, kib] = made
        coded = self._made[method, kib]
        started = time.perf_counter()
        trial = prepare(coded.dataset, self.test, config_of([]).recipe)
        score = round(100 * trial.run(1, CPU, first_seed=seed).mean, 2)
        row = {"images_per_class": coded.images_per_class, "file_bytes": coded.file_bytes}
        append(TABLE, {**key, **row, "accuracy_percent": score}, seconds=time.perf_counter() - started)
        print(f"{kib:g} KiB {method} {row} seed {seed}: {score} %", flush=True)

    def rival(self, method: str, kib: float) -> Coded:
        """A rival with the number of images that does best on held-out ones."""
        left, held = self.split
        size = int(1024 * kib * CLASSES)
        if method in PIXELS:
            return as_pixels(method, left, size)
        config = in_bytes(config_of(["train.fit_steps=10"]), size, CLASSES)
        make = (
            partial(by_mosaic, method, left, most_bytes=size)
            if method in MOSAICS
            else lambda count: by_this_codec(config, left, count, CPU, default_factory())
        )
        made: dict[int, Coded] = {}

        def code(count: int) -> Coded:
            made[count] = make(count)
            return made[count]

        names = ("images_per_class", "file_bytes", "accuracy")
        known = [
            Trial(int(row[names[0]]), int(row[names[1]]), float(row[names[2]]), float(row["seconds"]))
            for row in read(CHOICES)
            if (row["method"], float(row["kib_per_class"])) == (method, kib)
        ]

        def note(trial: Trial) -> None:
            values = {name: getattr(trial, name) for name in names}
            append(CHOICES, {"method": method, "kib_per_class": kib, **values}, seconds=trial.seconds)
            print(f"{kib:g} KiB {method}: {values}", flush=True)

        trials = search_count(
            round(FIRST_GUESS[method] * kib**0.5),
            largest_class(left),
            code,
            lambda coded, started: measure(coded, held, config.recipe, CPU, started),
            known,
            note,
        )
        best = max(trials, key=lambda trial: trial.accuracy).images_per_class
        return made.get(best) or make(best)

    def distilled(self, kib: float) -> Coded:
        """Our file, made in a run directory that can be resumed; its own row says how long that took."""
        path = RESULTS / f"curve-{kib:g}kib.ddz"
        config = in_bytes(config_of(self.settings), 1024 * kib * CLASSES, CLASSES)
        if not path.exists():
            started = time.perf_counter()

            def show(done: int, total: int, phase: str, metrics: object) -> None:
                if done % 25 == 0 or phase == "pool":
                    print(f"{kib:g} KiB {phase} {done}/{total} {time.perf_counter() - started:.0f} s", flush=True)

            folder = self.work / f"{kib:g}kib"
            run(config, self.train, folder, CPU, resume=True, progress=show)
            model, metadata, _ = read_result(folder)
            write_atomic(path, encode_set(model, metadata, with_hash=True))
            row = {"method": "distil", "kib_per_class": kib, "file_bytes": path.stat().st_size}
            append(TABLE, row, seconds=time.perf_counter() - started)
        dataset = decode(path.read_bytes())
        return Coded(len(dataset) // CLASSES, path.stat().st_size, dataset)


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kib", default="0.5,1,2,4")
    parser.add_argument("--methods", default="distilled,real,avif,webp,pixels8")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="options of the distilled sets")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".curve"))
    options = parser.parse_args()
    curve = Curve(options.data, options.work, options.set)
    for seed in range(options.seeds):
        for method in options.methods.split(","):
            for kib in map(float, options.kib.split(",")):
                try:
                    curve.judge(method, kib, seed)
                except EncodeError as error:
                    print(f"{kib:g} KiB {method} is left out: {error}")


if __name__ == "__main__":
    main()

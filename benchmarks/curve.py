"""Accuracy against file size: distilled CIFAR-10 beside random real images in as many bytes, one evaluation for all.

    python -m benchmarks.curve --kib 0.5,1,2,4 --methods distilled,real,avif,webp,pixels8 --seeds 3

Budgets are whole files, as `ddcodec encode` writes them. Rivals: random real images through this codec (fit only),
through one AVIF or WebP mosaic, and as plain 8-bit pixels. Their number of images is what did best: up to 2 KiB for
this codec and AVIF in networks of width 64 on the test set itself, in their favour (joint.tsv; WebP takes AVIF's, or
as many as fit, and at 4 KiB both take this codec's), else, like the side of plain pixels, on images held out of
training (choices.jsonl in the working folder). Every set is judged on all test images, a row for each network: what
`ddcodec sweep` measures, but seed by seed, so that a call that was stopped leaves whole columns. Rows that exist are
not measured again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from benchmarks.cifar import cifar10, to_test
from benchmarks.rows import DATA, RESULTS, append, finished
from ddcodec.errors import EncodeError
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set
from ddcodec.train.coded_real import MOSAICS, Coded, by_mosaic, by_this_codec, hold_out, in_bytes
from ddcodec.train.config import Config
from ddcodec.train.judging import prepare
from ddcodec.train.loop import default_factory, run
from ddcodec.train.rival_search import RivalSearch
from ddcodec.train.rundir import read_result

TABLE = RESULTS / "curve.tsv"
CPU = torch.device("cpu")
CLASSES = 10
RECIPE = ("width=128", "epochs=80", "batch_size=64", "learning_rate=0.02", "augmentation=flip_crop")
"""80 epochs, so that the table takes hours on two cores, not days."""
IMAGES = {0.5: 25, 1.0: 40, 2.0: 64, 4.0: 100}
"""Images per class of the distilled sets; other budgets take the nearest."""
KNOWN_BEST = {
    "real": {0.5: 30, 1.0: 50, 2.0: 50},
    "avif": {0.5: 30, 1.0: 50, 2.0: 50, 4.0: 100},
    "webp": {0.5: 10, 1.0: 20, 2.0: 50, 4.0: 100},
}
"""Rival images per class: what joint.tsv found best, at 4 KiB the search for this codec; of WebP as many as fit."""
FIRST_GUESS = {"real": 50, "avif": 40, "webp": 40, "pixels8": 1}
"""Rival images per class at 1 KiB that a search begins with; they grow with the root of the bytes."""


def config_of(kib: float, settings: list[str]) -> Config:
    """Options of a run at a budget; settings: some that are not the defaults."""
    each = IMAGES[min(IMAGES, key=lambda known: abs(known - kib))]
    fixed = ["codec.block=8", f"train.images_per_class={each}", *(f"recipe.{text}" for text in RECIPE)]
    config = Config().with_settings([*fixed, *settings])
    return in_bytes(config, 1024 * kib * CLASSES, CLASSES)


class Curve:
    """The measurements of one call.

    Args: folder: of the image packs. work: where runs lie. settings: of the distilled sets.
    """

    def __init__(self, folder: Path, work: Path, settings: list[str]) -> None:
        self.train, self.test = cifar10(folder, "train"), to_test(cifar10(folder, "test"))
        self.work, self.settings = work, settings
        self._made: dict[tuple[str, float], Coded] = {}

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
        trial = prepare(coded.dataset, self.test, config_of(kib, []).recipe)
        score = round(100 * trial.run(1, CPU, first_seed=seed).mean, 2)
        row = {"images_per_class": coded.images_per_class, "file_bytes": coded.file_bytes, "note": coded.note}
        append(TABLE, {**key, **row, "accuracy_percent": score}, seconds=time.perf_counter() - started)
        print(f"{kib:g} KiB {method} {row} seed {seed}: {score} %", flush=True)

    def rival(self, method: str, kib: float) -> Coded:
        """A rival at its best; a search is kept in the working folder."""
        size, known = int(1024 * kib * CLASSES), KNOWN_BEST.get(method, {}).get(kib)
        first = known or max(1, round(FIRST_GUESS[method] * kib**0.5))
        config = config_of(kib, [f"train.images_per_class={first}"])
        if known is None:
            self.work.mkdir(parents=True, exist_ok=True)
            return RivalSearch(config, self.train, self.work, CPU, default_factory()).best(method, kib, config, size)
        left, _ = hold_out(self.train, config.train.seed)  # as the search does
        if method in MOSAICS:
            return by_mosaic(method, left, known, size)
        return by_this_codec(config, left, known, CPU, default_factory())

    def distilled(self, kib: float) -> Coded:
        """Our file, made in a run directory that can be resumed; its own row says how long that took."""
        path = RESULTS / f"curve-{kib:g}kib.ddz"
        settings = [
            "codec.filter_base=0",
            "train.fit_steps=0",
            "train.tune_steps=0",
            *self.settings,
            f"run.pool={self.work / 'pool'}",
        ]
        if not path.exists():
            started = time.perf_counter()

            def show(done: int, total: int, phase: str, metrics: object) -> None:
                if done % 25 == 0 or phase == "pool":
                    print(f"{kib:g} KiB {phase} {done}/{total} {time.perf_counter() - started:.0f} s", flush=True)

            folder = self.work / f"{kib:g}kib"
            run(config_of(kib, settings), self.train, folder, CPU, resume=True, progress=show)
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
                    print(f"{kib:g} KiB {method} is left out: {error}", flush=True)


if __name__ == "__main__":
    main()

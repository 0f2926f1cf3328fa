"""Whether each loss improves on the real images it starts from: short runs at one budget, one evaluation for all.

    python -m benchmarks.losses [--losses start,dm,dc,ncfm,mmd,tm,d3] [--kib 0.5] [--images 20] [--set tm.batch=30 ...]

Made to find settings that are broken, not the best ones: matching and judging networks of width 32, few steps, about
a minute each on one core. "start" is real images through the codec at the same budget. Losses keep their defaults but
for the few options in `SHORT`, which make a run that short possible; more come from `--set`. Rows that exist are not
measured again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from benchmarks.cifar import channel_statistics, cifar10
from benchmarks.rows import DATA, RESULTS, append, finished, one_core
from ddcodec.pipeline import decode, encode_set
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.distiller import Distiller
from ddcodec.train.evaluate import Recipe, evaluate

TABLE = RESULTS / "losses.tsv"
RECIPE = Recipe(width=32, epochs=60, batch_size=32, learning_rate=0.02)
"""Short, too."""
POOL = ["matching.networks=2", "matching.stages=[50, 150]", "matching.real_per_class=100"]
TRAJECTORY = ["tm.experts=2", "tm.together=2", "tm.expert_epochs=6", "tm.max_start=4", "tm.expert_batch=64",
              "tm.student_steps=10", "tm.batch=50"]  # fmt: skip
SHORT: dict[str, tuple[int, list[str]]] = {
    "start": (0, ["train.fit_steps=10"]),
    "dm": (60, POOL),
    "dc": (30, ["dc.real_batch=32"]),
    "ncfm": (60, [*POOL, "ncfm.real_batch=20"]),
    "mmd": (60, [*POOL, "mmd.real_batch=20"]),
    "tm": (40, TRAJECTORY),
    "d3": (80, [*TRAJECTORY, "mmd.real_batch=20"]),
}
"""Joint steps and options of each."""


def settings_of(loss: str, kib: float, images: int, more: list[str]) -> Config:
    """The run's options; later ones win."""
    steps, options = SHORT[loss]
    common = [f"train.bytes_per_class={1024 * kib}", f"train.images_per_class={images}", f"train.joint_steps={steps}"]
    common += ["train.fit_steps=0", "train.tune_steps=0", "codec.block=8", "codec.filter_base=0", "matching.width=32"]
    if loss != "start":
        common.append(f"train.loss={loss}")
    return Config().with_settings([*common, *options, *more])


def distilled(config: Config, train: TrainingData, said: str) -> bytes:
    """The file at the end of a run."""
    distiller, started = Distiller(config, train, torch.device("cpu")), time.perf_counter()
    while distiller.steps_done < distiller.steps_total:
        phase, metrics = distiller.phase, distiller.step()
        if distiller.steps_done % 20 == 0:
            shown = {name: round(value, 4) for name, value in metrics.items()}
            print(said, phase, distiller.steps_done, f"{time.perf_counter() - started:.0f} s", shown, flush=True)
    return encode_set(distiller.result().model)


def accuracy(blob: bytes, train: TrainingData, test: TrainingData, seed: int) -> float:
    """Test accuracy in percent of one network trained on a file."""
    found = decode(blob)
    result = evaluate(
        *(torch.from_numpy(found.images), torch.from_numpy(found.labels).long()),
        *(torch.from_numpy(test.images), torch.from_numpy(test.labels), RECIPE, [seed], torch.device("cpu")),
        *channel_statistics(train.images),
    )
    return 100 * result.mean


def main() -> None:
    """One row for each loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", default=",".join(SHORT))
    parser.add_argument("--kib", type=float, default=0.5)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--real", type=int, default=5_000, help="first so many training images only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    one_core()
    train, test = cifar10(options.data, "train", options.real), cifar10(options.data, "test")
    for loss in options.losses.split(","):
        config = settings_of(loss, options.kib, options.images, options.set)
        steps = config.train.joint_steps
        extra = " ".join(options.set)
        key = {"loss": loss, "kib_per_class": options.kib, "images_per_class": options.images, "joint_steps": steps}
        key |= {"real_images": options.real, "options": extra, "seed": options.seed}
        if finished(TABLE, key) is not None:
            continue
        started = time.perf_counter()
        blob = distilled(config, train, loss)
        seconds = time.perf_counter() - started
        percent = accuracy(blob, train, test, options.seed)
        append(TABLE, {**key, "file_bytes": len(blob), "accuracy_percent": f"{percent:.2f}"}, seconds=seconds)
        print(f"{loss} {extra}: {len(blob)} B {percent:.2f} % after {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()

"""Distributional sets (D3) as fp32, as fp16 + xz and as this codec stores them: bytes, accuracy and cost.

    python -m benchmarks.priors --set cifar10 --method float        # priors in floats, and the ways to store them
    python -m benchmarks.priors --set cifar10 --method rated --kib 4
    python -m benchmarks.priors --set cifar10 --method latent --kib 4
    python -m benchmarks.priors --set cifar10 --method real --kib 4
    python -m benchmarks.priors --set flowers-d3 --method rated --kib 60 --device cuda     # meant for a GPU

The last one is the small decoder of the paper at 64x64; DDCODEC_RESULTS names a folder for what comes back.

Each method makes its set in a run directory that can be stopped and resumed, writes a row with the seconds it took, and
one row for every network that judges it. `float`: no rate in the loss, numbers never rounded; its priors are stored as
fp32 (safetensors), as fp16 + xz, and, rounded after training, by this codec on grids of several sizes. `rated`: rate in
the loss, numbers rounded while they are learned. `latent`: images as latents, `real`: random real images through the
lossy codec, both in the same bytes. Rows that exist are not measured again.
"""

from __future__ import annotations

import argparse
import lzma
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from benchmarks.cifar import channel_statistics, cifar10
from benchmarks.rows import DATA, RESULTS, append, finished, load_pack
from ddcodec.dataset import DistilledSet
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set
from ddcodec.train.checkpoints import Identity, checkpoint_files, load_checkpoint
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.device import choose_device
from ddcodec.train.distiller import Distiller
from ddcodec.train.evaluate import evaluate
from ddcodec.train.loop import run
from ddcodec.train.priors.distiller import PriorDistiller
from ddcodec.train.recipe import Recipe
from ddcodec.train.redrawing import redrawing_of
from ddcodec.train.rundir import read_result

TABLE = RESULTS / "priors.tsv"
GRIDS = (0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Workload:
    """Data, and what is common to all methods on it; images: of each class for latent and real, by KiB per class."""

    load: Callable[[Path, str], TrainingData]
    priors: int
    settings: tuple[str, ...]
    recipe: Recipe
    images: Mapping[float, int] = field(default_factory=dict)


def flowers(folder: Path, split: str) -> TrainingData:
    """Flower photos averaged down to 64x64."""
    images, labels, names = load_pack(folder, "flowers128", split)
    halved = images.astype(np.float32).reshape(len(images), 64, 2, 64, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2) / 255
    return TrainingData(np.ascontiguousarray(halved), labels.astype(np.int64), tuple(names), f"flowers64 {split}")


RECIPE = Recipe(width=64, epochs=40, batch_size=64, learning_rate=0.02, augmentation="flip_crop")
WORKLOADS = {
    "cifar10": Workload(
        cifar10, 40, ("train.fit_steps=300", "train.joint_steps=400"), RECIPE, {1: 36, 2: 50, 4: 72}
    ),
    "flowers": Workload(
        flowers,
        20,
        ("train.fit_steps=300", "train.joint_steps=400", "matching.networks=3", "matching.stages=[100, 300]",
         "matching.width=32"),
        replace(RECIPE, width=48, epochs=40),
        {1: 12, 2: 20, 4: 30, 8: 50},
    ),
    "flowers-d3": Workload(
        flowers,
        10,
        ("prior.preset=d3-small", "train.fit_steps=1000", "train.joint_steps=4000", "matching.networks=8",
         "matching.stages=[300, 1000]", "matching.width=128", "matching.real_per_class=0"),
        replace(RECIPE, width=128, epochs=300),
    ),
}  # fmt: skip


class Bench:
    """One set of data with its rows."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name, self.work = name, WORKLOADS[name]
        self.folder = options.work / name
        self.train, self.test = (self.work.load(options.data, split) for split in ("train", "test"))
        self.tests = torch.from_numpy(self.test.images), torch.from_numpy(self.test.labels)
        self.numbers = channel_statistics(self.train.images)
        self.seeds, self.more = range(options.seeds), tuple(options.set)
        self.device = choose_device(options.device)

    def config(self, *settings: str) -> Config:
        """The workload's settings, then these, then the command line's."""
        pool = f"run.pool={self.folder / 'pool'}"
        return Config().with_settings([pool, *self.work.settings, *settings, *self.more])

    def made(self, method: str, config: Config) -> tuple[bytes, Path]:
        """The file of a finished run, which goes on where it was; its seconds in a row of their own."""
        folder, started = self.folder / method.replace(" ", "-"), time.perf_counter()

        def show(done: int, total: int, phase: str, metrics: Mapping[str, float]) -> None:
            if done % 50 == 0 or phase in ("pool", "finalise"):
                shown = {name: round(value, 3) for name, value in metrics.items()}
                print(f"{method}: {phase} {done}/{total} {time.perf_counter() - started:.0f} s {shown}", flush=True)

        run(config, self.train, folder, self.device, resume=True, progress=show)
        model, _, _ = read_result(folder)
        data = encode_set(model)
        key = {"set": self.name, "method": method, "step": "distil"}
        if finished(TABLE, key) is None:
            seconds = sum(_seconds(folder))
            append(TABLE, {**key, "file_bytes": len(data)}, seconds=seconds)
        return data, folder

    def judge(self, method: str, found: DistilledSet, file_bytes: int) -> None:
        """One row for each network; a set of priors gives fresh draws in every epoch."""
        images = torch.from_numpy(found.images)
        labels = torch.from_numpy(found.labels)
        redraws = redrawing_of(found, self.work.recipe, images)
        for seed in self.seeds:
            key = {"set": self.name, "method": method, "step": "judge", "seed": seed, "epochs": self.work.recipe.epochs}
            if finished(TABLE, {**key, "file_bytes": file_bytes}) is not None:
                continue
            started = time.perf_counter()
            training = (images, labels)
            if redraws is not None:
                training = redraws.of_seed(seed)(0), redraws.repeated(labels)
            result = evaluate(
                *training, *self.tests, self.work.recipe, [seed], self.device, *self.numbers,
                redraw=None if redraws is None else redraws.of_seed,
            )  # fmt: skip
            row = {**key, "file_bytes": file_bytes, "accuracy_percent": round(100 * result.mean, 2)}
            append(TABLE, row | {"images": len(training[0])}, seconds=time.perf_counter() - started)
            print(row, flush=True)


def _seconds(folder: Path) -> list[float]:
    """Of each step of a run, from its metrics."""
    import json

    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [float(json.loads(line).get("seconds", 0.0)) for line in lines]


@torch.no_grad()
def place_numbers(distiller: PriorDistiller, numbers: list[list[torch.Tensor]]) -> None:
    """Give every model other parameters."""
    for model, values in zip(distiller.models, numbers, strict=True):
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.copy_(value)


def floats(bench: Bench) -> None:
    """Priors without rate or rounding, stored in every way."""
    config = bench.config("codec.representation=prior", f"train.images_per_class={bench.work.priors}", "prior.grid=0")
    fine, folder = bench.made("float", config)
    distiller = PriorDistiller(config, bench.train, bench.device)
    distiller.use_folder(folder)
    _, state = load_checkpoint(checkpoint_files(folder)[-1][1], Identity(config.sha256(), bench.train.sha256()))
    distiller.load_state(state)
    while distiller.steps_done < distiller.steps_total:
        distiller.step()
    numbers = {
        f"{group}.{name}": value.detach().contiguous()
        for group, model in enumerate(distiller.models)
        for name, value in model.named_parameters()
    }
    plain = save(numbers)
    packed = lzma.compress(
        save({name: value.half() for name, value in numbers.items()}), preset=9 | lzma.PRESET_EXTREME
    )
    bench.judge("fp32", decode(fine), len(plain))
    kept = [[value.detach().clone() for value in model.parameters()] for model in distiller.models]
    place_numbers(distiller, [[value.half().float() for value in part] for part in kept])
    bench.judge("fp16 + xz", decode(encode_set(distiller.result().model)), len(packed))
    for grid in GRIDS:
        place_numbers(distiller, kept)
        for model in distiller.models:
            model.set_grids(grid)
        data = encode_set(distiller.result().model)
        write_atomic(RESULTS / f"priors-{bench.name}-rounded-{grid:g}.ddz", data)
        bench.judge(f"rounded, grid {grid:g}", decode(data), len(data))


def rated(bench: Bench, kib: float) -> None:
    """Priors with their rate in the loss."""
    count = f"train.images_per_class={bench.work.priors}"
    config = bench.config("codec.representation=prior", count, f"train.bytes_per_class={1024 * kib}")
    data, _ = bench.made(f"rated {kib:g} KiB", config)
    write_atomic(RESULTS / f"priors-{bench.name}-{kib:g}kib.ddz", data)
    bench.judge(f"rated {kib:g} KiB", decode(data), len(data))


def latent(bench: Bench, kib: float) -> None:
    """Images as latents; for CIFAR-10 those of `benchmarks.joint`, where there are some of that size."""
    known = RESULTS / f"joint-{kib:g}kib.ddz"
    if bench.name == "cifar10" and known.exists():
        data = known.read_bytes()
        key = {"set": bench.name, "method": f"latent {kib:g} KiB", "step": "distil"}
        made = finished(RESULTS / "joint.tsv", {"method": "distil", "kib_per_class": str(kib)})
        if made is not None and finished(TABLE, key) is None:
            append(TABLE, {**key, "file_bytes": len(data)}, seconds=float(made["seconds"]))
        bench.judge(f"latent {kib:g} KiB", decode(data), len(data))
        return
    count = bench.work.images[kib]
    settings = (f"train.bytes_per_class={1024 * kib}", f"train.images_per_class={count}", "train.fit_steps=0")
    more = ("train.tune_steps=0", "codec.block=8", "codec.filter_base=0", "train.joint_steps=350")
    data, _ = bench.made(f"latent {kib:g} KiB", bench.config(*settings, *more))
    write_atomic(RESULTS / f"priors-{bench.name}-latent-{kib:g}kib.ddz", data)
    bench.judge(f"latent {kib:g} KiB", decode(data), len(data))


def real(bench: Bench, kib: float) -> None:
    """Random real images through the lossy codec."""
    count = bench.work.images[kib]
    draw = np.random.default_rng(0)
    classes = range(bench.train.class_count)
    rows = np.concatenate([draw.permutation(np.flatnonzero(bench.train.labels == c))[:count] for c in classes])
    part = replace(bench.train, images=bench.train.images[rows], labels=bench.train.labels[rows])
    settings = (f"train.bytes_per_class={1024 * kib}", f"train.images_per_class={count}", "train.fit_steps=10")
    config = Config().with_settings([*settings, "train.tune_steps=0", "codec.block=8", "train.joint_steps=0"])
    distiller = Distiller(config, part, bench.device)
    while distiller.steps_done < distiller.steps_total:
        distiller.step()
    data = encode_set(distiller.result().model)
    bench.judge(f"real {kib:g} KiB", decode(data), len(data))


def main() -> None:
    """Measure one method on one set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", dest="name", choices=WORKLOADS, default="cifar10")
    parser.add_argument("--method", choices=("float", "rated", "latent", "real"), required=True)
    parser.add_argument("--kib", type=float, default=4.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--setting", dest="set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--work", type=Path, default=Path(".priors"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.name, options)
    if options.method == "float":
        floats(bench)
    else:
        {"rated": rated, "latent": latent, "real": real}[options.method](bench, options.kib)


if __name__ == "__main__":
    main()

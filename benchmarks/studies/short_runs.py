"""What several studies share: CIFAR-10 sets in files of a stated size, and their accuracy by a short recipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from benchmarks.rows import append, finished
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.coded_real import Coded, in_bytes, whole_file
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.distiller import Distiller
from ddcodec.train.judging import prepare

CPU = torch.device("cpu")
RECIPE = ("width=64", "epochs=80", "batch_size=64", "learning_rate=0.02")


def config_of(kib: float, settings: tuple[str, ...], classes: int = 10) -> Config:
    """Options with a budget for the whole file; settings: some that are not the defaults."""
    config = Config().with_settings(["codec.block=8", *(f"recipe.{text}" for text in RECIPE), *settings])
    return in_bytes(config, 1024 * kib * classes, classes)


def made(config: Config, train: TrainingData, work: Path) -> Coded:
    """A finished set in the file that `encode` writes.

    Args: work: folder where the loss keeps its networks, and finished files are kept by options and data: several
        studies want the same one.
    """
    path = work / f"{config.sha256()[:12]}-{train.sha256()[:12]}.ddz"
    if path.exists():
        return Coded(config.train.images_per_class, path.stat().st_size, decode(path.read_bytes()))
    distiller = Distiller(config, train, CPU)
    distiller.use_folder(work)
    while distiller.steps_done < distiller.steps_total:
        distiller.step()
        if distiller.steps_done % 50 == 0:
            print(f"  {distiller.phase} {distiller.steps_done}/{distiller.steps_total}", flush=True)
    blob = whole_file(distiller.result(), config, train)
    write_atomic(path, blob)
    return Coded(config.train.images_per_class, len(blob), decode(blob))


def accuracy_percent(coded: Coded, test: LabelledImages, seed: int, more: tuple[str, ...] = ()) -> float:
    """Test accuracy of one network trained on a set by `RECIPE`; more: settings that replace some of it."""
    recipe = Config().with_settings([*(f"recipe.{text}" for text in RECIPE), *more]).recipe
    return round(100 * prepare(coded.dataset, test, recipe).run(1, CPU, first_seed=seed).mean, 2)


def measure(
    table: Path,
    key: Mapping[str, object],
    make: Callable[[], Coded],
    test: LabelledImages,
    more: tuple[str, ...] = (),
    extra: Callable[[Coded], Mapping[str, object]] = lambda coded: {},
) -> None:
    """Write the row of one network trained on a set, unless it is there.

    Args: key: columns that name the row, "seed" among them; more: as for `accuracy_percent`; extra: further columns.
    """
    if finished(table, key) is not None:
        return
    started = time.perf_counter()
    coded = make()
    row = {**key, "images_per_class": coded.images_per_class, "file_bytes": coded.file_bytes, **extra(coded)}
    row["accuracy_percent"] = accuracy_percent(coded, test, int(str(key["seed"])), more)
    append(table, row, seconds=time.perf_counter() - started)
    print(row, flush=True)

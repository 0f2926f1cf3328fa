"""One point of a curve: distil in a run directory, write the file, judge it by its own recipe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.gpu.desk import Desk
from benchmarks.gpu.plan import Point
from benchmarks.gpu.pools import lend_pool
from benchmarks.gpu.ways import together_is_faster
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set
from ddcodec.train import rundir
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.distiller import Distiller
from ddcodec.train.evaluate import Normalise, evaluate, train_classifier, train_classifiers
from ddcodec.train.loop import run
from ddcodec.train.metrics import seconds_of
from ddcodec.train.recipe import Recipe

_SHOW_EVERY = 50


def key_of(point: Point, config: Config) -> dict[str, object]:
    """What makes a row the point's."""
    return {
        "loss": point.loss,
        "kib_per_class": point.kib,
        "images_per_class": point.images,
        "joint_steps": point.steps,
        "config": config.sha256()[:12],
    }


def measure(desk: Desk, point: Point, config: Config, stage: str) -> None:
    """A row for the point, unless there is one or time runs out first.

    Raises: Stopped with a checkpoint, when there is no time left.
    """
    key = key_of(point, config)
    if desk.known(stage, key) is not None:
        return
    name = f"{point.name}-{key['config']}"
    path = desk.files / f"{name}.ddz"
    if not path.exists():
        distil(desk, config, desk.work / name, point.loss == "dm")
        model, metadata, _ = rundir.read_result(desk.work / name)
        metrics = (desk.work / name / rundir.METRICS).read_bytes()
        write_atomic(path.with_suffix(".jsonl"), metrics)
        write_atomic(path, encode_set(model, metadata, with_hash=True))
    if desk.clock.left() < desk.plan.judge_seconds:
        desk.say(name, "is distilled, and judged in the next call")
        return
    started = time.perf_counter()
    row = judge(desk, path)
    row["distil_s"] = round(seconds_of(path.with_suffix(".jsonl")), 1)
    desk.add(stage, {**key, "seed": config.train.seed, "file": path.name, **row}, started)


def distil(desk: Desk, config: Config, folder: Path, pooled: bool) -> None:
    """Go on with a run until it is finished or stopped; peak memory and steps per second are printed."""
    first, begun = 0, time.perf_counter()

    def show(done: int, total: int, phase: str, metrics: Mapping[str, float]) -> None:
        nonlocal first, begun
        if not first:
            first, begun = done, time.perf_counter()
        elif phase != "joint" or done % _SHOW_EVERY == 0:
            pace = (done - first) / max(1e-9, time.perf_counter() - begun)
            shown = " ".join(f"{name}={value:.4g}" for name, value in metrics.items())
            desk.say(folder.name, phase, f"{done}/{total}", f"{pace:.2f} steps/s", f"{desk.peak_mib()} MiB", shown)

    def make(settings: Config, data: TrainingData, device: torch.device) -> Distiller:
        distiller = Distiller(settings, data, device)
        if pooled:
            lend_pool(distiller, desk.work)
        return distiller

    desk.peak_mib(reset=True)
    progress = desk.clock.stopping(desk.plan.judge_seconds, show)
    run(config, desk.train, folder, desk.device, resume=True, progress=progress, factory=make)


def judge(desk: Desk, path: Path) -> dict[str, object]:
    """Accuracy of a file over some seeds, under the recipe that stands in it."""
    blob = path.read_bytes()
    found = decode(blob)
    recipe = Recipe.from_dict(found.recipe)
    assert found.normalize is not None
    images, labels = torch.from_numpy(found.images), torch.from_numpy(found.labels).long()
    tests = torch.from_numpy(desk.test.images), torch.from_numpy(desk.test.labels)
    seeds = range(desk.plan.seeds)
    together = judged_together(desk, images, labels, recipe, len(seeds))
    result = evaluate(images, labels, *tests, recipe, seeds, desk.device, *found.normalize, together=together)
    return {
        "file_bytes": len(blob),
        "accuracy_percent": f"{100 * result.mean:.2f}",
        "std_percent": f"{100 * result.std:.2f}",
        "networks": len(seeds),
        "width": recipe.width,
        "epochs": recipe.epochs,
        "together": together,
    }


def judged_together(desk: Desk, images: torch.Tensor, labels: torch.Tensor, recipe: Recipe, seeds: int) -> bool:
    """Whether an epoch of all networks is faster in one pass on this device."""
    short = Recipe.from_dict({**recipe.to_dict(), "epochs": 1})
    channels = images.shape[1]
    normalise = Normalise([0.5] * channels, [0.25] * channels)
    several = range(seeds)

    def apart() -> None:
        for seed in several:
            train_classifier(images, labels, short, seed, desk.device, normalise)

    return together_is_faster(
        desk, "judging", lambda: train_classifiers(images, labels, short, several, desk.device, normalise), apart
    )

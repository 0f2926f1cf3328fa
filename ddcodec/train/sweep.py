"""A rate-utility curve: a run for each budget, and rivals in as many bytes, judged alike on the test set.

In the folder: a run directory and a file for each budget (1kib, 1kib.ddz), curve.tsv, curve.png, choices.jsonl (how
numbers of rival images were chosen, on images held out of training), sweep.json (what this sweep is), pool or
experts (the networks of the loss, trained once for all budgets).
Ours are judged by the recipe in their own file, which then states the accuracy; its bytes are within the budget.
What is there already is not measured again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

import ddcodec
from ddcodec.errors import EncodeError, InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set, read_file
from ddcodec.republish import with_recipe
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train import rundir
from ddcodec.train.coded_real import Coded, in_bytes
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.evaluate import EvalResult
from ddcodec.train.images_auto import with_best_count
from ddcodec.train.judging import judge, recipe_of
from ddcodec.train.loop import Progress, Stopped, run
from ddcodec.train.metrics import seconds_of
from ddcodec.train.reproduction import record_bytes, record_fields
from ddcodec.train.rival_search import RIVALS, RivalSearch
from ddcodec.train.seams import DistillerFactory
from ddcodec.train.sweep_table import SweepTable

OURS = "distilled"
MARK = "sweep.json"


@dataclass(frozen=True)
class Plan:
    """What to measure.

    config: options of all runs, without a budget; kib: budgets, KiB of the whole file per class; auto: whether the
    number of images is chosen for each budget; rivals: some of `RIVALS`; repeats: networks for each row of ours, and
    of rivals unless rival_repeats says otherwise; command, test_name: for table and files, without paths of this
    machine.
    """

    config: Config
    kib: tuple[float, ...]
    auto: bool
    rivals: tuple[str, ...]
    repeats: int
    command: str = ""
    test_name: str = ""
    rival_repeats: int | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.rivals if name not in RIVALS]
        if unknown:
            raise InputError(f"rival {unknown[0]}: expected some of {', '.join(RIVALS)}")
        if not self.kib or any(not 0 < kib < float("inf") for kib in self.kib):
            raise InputError("kib per class: expected positive numbers")
        if self.repeats < 1:
            raise InputError(f"repeats: expected at least 1, found {self.repeats}")
        if self.rival_repeats is not None and self.rival_repeats < 1:
            raise InputError(f"rival repeats: expected at least 1, found {self.rival_repeats}")


def with_shared_networks(config: Config, out: Path) -> Config:
    """Options whose runs have the trained networks of their loss in common, unless they say where those are."""
    places = {name: str(out / name) for name in ("pool", "experts") if not getattr(config.run, name)}
    return config.updated({"run": places})


@dataclass
class Sweep:
    """One sweep at work.

    Args: data: real images; test: touched only to judge what has been chosen; out: new, empty, or of this sweep.
        progress: of the distillers; note: called with a line at the start of each piece of work.
    """

    plan: Plan
    data: TrainingData
    test: LabelledImages
    out: Path
    device: torch.device
    factory: DistillerFactory
    progress: Progress | None = None
    note: Callable[[str], None] = field(default=lambda line: None)

    def run(self) -> SweepTable:
        """Measure what is missing.

        Raises: InputError for a folder in use or of another sweep; Stopped on Ctrl-C; EncodeError for a budget
            that is too small.
        """
        self._claim()
        table = SweepTable(self.out, self.data.class_count)
        for kib in sorted(set(self.plan.kib)):
            config, blob = self._distil(kib)
            if not table.has(OURS, kib):
                blob = self._judge_ours(table, kib, config, blob)
            for rival in self.plan.rivals:
                if not table.has(rival, kib):
                    self._rival(table, rival, kib, config, len(blob))
        table.draw()
        return table

    @cached_property
    def _rivals(self) -> RivalSearch:
        return RivalSearch(self.plan.config, self.data, self.out, self.device, self.factory)

    def _claim(self) -> None:
        """Insist on a new folder, or this very sweep's; budgets and rivals may be added to it."""
        config = self.plan.config.updated({"train": {"bytes_per_class": 0.0, "budget_counts": "file"}})
        test = TrainingData(self.test.images, self.test.labels, self.test.classes, self.test.name)
        identity = {
            "config_sha256": config.sha256(),
            "data_sha256": self.data.sha256(),
            "test_sha256": test.sha256(),
            "images_per_class": "auto" if self.plan.auto else config.train.images_per_class,
            "repeats": self.plan.repeats,
        }
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"{self.out}: expected a folder, found a file")
        mark = self.out / MARK
        if mark.exists():
            known = rundir.read_json(mark)
            for key, value in identity.items():
                if known.get(key) != value:
                    raise InputError(f"{mark}: is of a sweep with another {key}; choose another folder")
        elif self.out.is_dir() and any(self.out.iterdir()):
            raise InputError(f"{self.out}: is not empty and not from an earlier sweep; choose another folder")
        self.out.mkdir(parents=True, exist_ok=True)
        rundir.write_json(mark, identity)

    def _distil(self, kib: float) -> tuple[Config, bytes]:
        """Options and file of one budget."""
        folder, file = self.out / f"{kib:g}kib", self.out / f"{kib:g}kib.ddz"
        config = in_bytes(self.plan.config, 1024 * kib * self.data.class_count, self.data.class_count)
        room = record_bytes(config.recipe, self.plan.repeats, self.plan.test_name)
        config = with_shared_networks(config.updated({"train": {"reserve_bytes": room}}), self.out)
        self.note(f"{kib:g} KiB per class: distilling")
        try:
            if self.plan.auto:
                config = with_best_count(config, self.data, folder, self.device, self.factory, True, self.note)
            run(config, self.data, folder, self.device, True, self.progress, self.factory)
        except Stopped as error:
            raise Stopped(f"{error.args[0].partition(';')[0]}; the same sweep goes on with it") from error
        model, metadata, _ = rundir.read_result(folder)
        if not file.exists():
            write_atomic(file, encode_set(model, metadata, with_hash=True))
        return config, read_file(file)

    def _judge_ours(self, table: SweepTable, kib: float, config: Config, blob: bytes) -> bytes:
        """The row of ours, and its file, which states what was found from now on."""
        dataset, folder, repeats = decode(blob), self.out / f"{kib:g}kib", self.plan.repeats
        recipe, started = recipe_of(dataset.recipe), time.perf_counter()
        scores = judge(dataset, self.test, recipe, repeats, self.device, real=self.data)
        blob = with_recipe(blob, record_fields(dataset.recipe, recipe, scores, self.plan.test_name))
        write_atomic(self.out / f"{kib:g}kib.ddz", blob)
        making = seconds_of(folder / rundir.METRICS) + seconds_of(folder / rundir.CANDIDATES)
        judging = time.perf_counter() - started
        coded = Coded(config.train.images_per_class, len(blob), dataset)
        self._add(table, OURS, kib, config, coded, scores, making, judging)
        return blob

    def _rival(self, table: SweepTable, name: str, kib: float, config: Config, size: int) -> None:
        """The row of one rival, in at most as many bytes as ours took; one that cannot do it says why."""
        self.note(f"{kib:g} KiB per class: {name}")
        started = time.perf_counter()
        try:
            coded = self._rivals.best(name, kib, config, size)
        except EncodeError as error:
            self.note(f"{kib:g} KiB per class: {name} is left out: {error}")
            seconds = round(time.perf_counter() - started, 4)
            table.add(name, kib, **self._origin(config), seconds=seconds, making_seconds=seconds, note=str(error))
            return
        made = time.perf_counter()
        repeats = self.plan.rival_repeats or self.plan.repeats
        scores = judge(coded.dataset, self.test, config.recipe, repeats, self.device, real=self.data)
        self._add(table, name, kib, config, coded, scores, made - started, time.perf_counter() - made)

    def _add(
        self,
        table: SweepTable,
        name: str,
        kib: float,
        config: Config,
        coded: Coded,
        scores: EvalResult,
        making: float,
        judging: float,
    ) -> None:
        """Write a row; making, judging: seconds."""
        row = table.add(
            name,
            kib,
            **self._origin(config),
            seconds=round(making + judging, 4),
            making_seconds=round(making, 4),
            images_per_class=coded.images_per_class,
            file_bytes=coded.file_bytes,
            repeats=len(scores.accuracies),
            accuracy_percent=round(100 * scores.mean, 2),
            std_percent=round(100 * scores.std, 2),
            note=coded.note,
        )
        self.note(f"{kib:g} KiB per class: {name}: {row['accuracy_percent']} % in {coded.file_bytes} bytes")

    def _origin(self, config: Config) -> dict[str, object]:
        return {"command": self.plan.command, "version": ddcodec.__version__, "seed": config.train.seed}

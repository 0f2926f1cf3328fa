"""Rivals at their best: for each, the number of images (or the side of pictures) that does best on held-out images.

choices.jsonl in the folder of a sweep: a line for each candidate, so that a search that was stopped goes on.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch

from ddcodec.errors import EncodeError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.coded_pixels import PIXELS, as_pixels, sides_that_fit
from ddcodec.train.coded_real import MOSAICS, Coded, by_mosaic, by_this_codec, hold_out, in_bytes, largest_class
from ddcodec.train.config import Config
from ddcodec.train.count_search import Trial, best_trial, measure, search_count
from ddcodec.train.data import TrainingData
from ddcodec.train.rival_codecs import can_write
from ddcodec.train.seams import DistillerFactory

RIVALS = ("real", *MOSAICS, *PIXELS)
CHOICES = "choices.jsonl"


@dataclass
class RivalSearch:
    """Args: config: options of the sweep; data: real images; out: its folder."""

    config: Config
    data: TrainingData
    out: Path
    device: torch.device
    factory: DistillerFactory

    @cached_property
    def _split(self) -> tuple[TrainingData, LabelledImages]:
        return hold_out(self.data, self.config.train.seed)

    def best(self, name: str, kib: float, config: Config, size: int) -> Coded:
        """The best candidate of one rival.

        Args: kib: of the row; config: options of the run it is held against; size: bytes it may take.
        Raises: EncodeError where not one image of each class fits, or Pillow cannot write it.
        """
        if name in MOSAICS and not can_write(name):
            raise EncodeError(f"{name}: this Pillow cannot write it")
        if name in PIXELS:
            return self._best_pixels(name, kib, size)
        left, held = self._split
        same = in_bytes(
            config.updated({"train": {"images_tried": [], "reserve_bytes": 0}}), size, self.data.class_count
        )
        made: dict[int, Coded] = {}

        def make(count: int) -> Coded:
            if name in MOSAICS:
                made[count] = by_mosaic(name, left, count, size)
            else:
                made[count] = by_this_codec(same, left, count, self.device, self.factory)
            return made[count]

        def judged(coded: Coded, started: float) -> Trial:
            return measure(coded, held, self.config.recipe, self.device, started, self.data)

        known, record = self._lines(name).get(kib, []), partial(self._record, name, kib)
        first = self._first_guess(name, kib) or config.train.images_per_class
        trials = search_count(first, largest_class(left), make, judged, known, record)
        best = best_trial(trials).images_per_class
        return made.get(best) or make(best)

    def _best_pixels(self, name: str, kib: float, size: int) -> Coded:
        """Plain pixels: at each side as many images as fit; the side that does best."""
        left, held = self._split
        known = {trial.note: trial for trial in self._lines(name).get(kib, [])}
        candidates = [as_pixels(name, left, side, size) for side in sides_that_fit(name, left, size)]
        if len(candidates) == 1:
            return candidates[0]

        def accuracy(coded: Coded) -> float:
            if coded.note not in known:
                started = time.perf_counter()
                known[coded.note] = measure(coded, held, self.config.recipe, self.device, started, self.data)
                self._record(name, kib, known[coded.note])
            return known[coded.note].accuracy

        return max(candidates, key=accuracy)

    def _first_guess(self, name: str, kib: float) -> int:
        """Where the same rival did best at the nearest budget, grown with the root of the bytes; 0 without one.

        Such a search seldom has to go on beyond its first three candidates.
        """
        others = {at: trials for at, trials in self._lines(name).items() if at != kib}
        if not others:
            return 0
        near = min(sorted(others), key=lambda at: abs(math.log(at / kib)))
        return max(1, round(best_trial(others[near]).images_per_class * math.sqrt(kib / near)))

    def _lines(self, name: str) -> dict[float, list[Trial]]:
        """Trials of earlier calls for a rival, by budget; lines that were cut off do not count."""
        path, found = self.out / CHOICES, dict[float, list[Trial]]()
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                values = json.loads(line)
                if values.pop("method") == name:
                    found.setdefault(float(values.pop("kib_per_class")), []).append(Trial(**values))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def _record(self, name: str, kib: float, trial: Trial) -> None:
        with open(self.out / CHOICES, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"method": name, "kib_per_class": kib, **trial.to_dict()}) + "\n")

"""How many images a number of bytes is best spent on: few good ones, or many poor ones.

Each candidate is coded, a small network is trained on it for a short while, and tested on images that were held out
of training. Candidates lie on a grid of factor sqrt(2) around a first guess; the search goes on to the side
where it gets better. The guess follows what distilled CIFAR-10 was measured to like: 36 images per class at 1 KiB,
50 at 2 KiB, so a number that grows with the root of the bytes. Digits of 8x8 pixels at 0.2 KiB agree (18).
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ddcodec.errors import EncodeError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.coded_real import Coded
from ddcodec.train.data import TrainingData
from ddcodec.train.judging import judge
from ddcodec.train.recipe import Recipe

_KNOWN_COUNT, _KNOWN_BYTES = 36, 1024
_RATIO = math.sqrt(2)
_MOST_TRIALS = 6
_STEPS, _BATCH, _WIDTH, _REPEATS = 400, 64, 32, 2
CLOSE = 0.01
"""Of candidates that differ by no more than this, the one with fewer images is taken: it is faster to train on."""


@dataclass(frozen=True)
class Trial:
    """One candidate: the bytes it took, the accuracy on held-out images (a fraction, the mean of two seeds)."""

    images_per_class: int
    file_bytes: int
    accuracy: float
    seconds: float
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Fields by name, the note only where there is one."""
        return {name: value for name, value in asdict(self).items() if name != "note" or value}


def first_guess(bytes_per_class: float) -> int:
    """Images per class to begin with."""
    return max(1, round(_KNOWN_COUNT * math.sqrt(bytes_per_class / _KNOWN_BYTES)))


def short_recipe(images: int, recipe: Recipe) -> Recipe:
    """About the same number of steps whatever the number of images; augmentation and whitening are the recipe's."""
    epochs = max(1, round(_STEPS * min(_BATCH, images) / images))
    short = Recipe(width=min(_WIDTH, recipe.width), epochs=epochs, batch_size=_BATCH, learning_rate=0.02)
    return replace(short, augmentation=recipe.augmentation, zca=recipe.zca)


def measure(
    coded: Coded, held: LabelledImages, recipe: Recipe, device: torch.device, started: float, real: TrainingData
) -> Trial:
    """Train on a candidate and test on what was held out.

    Args: started: `time.perf_counter` before it was coded; real: as for `judge`.
    """
    short = short_recipe(len(coded.dataset), recipe)
    scores = judge(coded.dataset, held, short, _REPEATS, device, real=real)
    seconds = round(time.perf_counter() - started, 3)
    return Trial(coded.images_per_class, coded.file_bytes, round(scores.mean, 6), seconds, coded.note)


def search_count(
    first: int,
    most: int,
    make: Callable[[int], Coded],
    judged: Callable[[Coded, float], Trial],
    known: Iterable[Trial] = (),
    note: Callable[[Trial], None] | None = None,
) -> list[Trial]:
    """Try numbers of images per class; which of them to take, `best_trial` says.

    Args:
        first: where to begin; most: images that there are of a class.
        make: codes so many images per class, EncodeError where they do not fit. judged: `measure` it.
        known: trials of an earlier search that was stopped. note: called with each new trial.
    Returns: trials in ascending order of counts.
    Raises: EncodeError, of the smallest candidate, when none fits.
    """
    earlier = {trial.images_per_class: trial for trial in known}
    found: dict[int, Trial] = {}
    refused: dict[int, EncodeError] = {}

    def attempt(count: int) -> None:
        started = time.perf_counter()
        try:
            trial = earlier.get(count) or judged(make(count), started)
        except EncodeError as error:
            refused[count] = error
            return
        found[count] = trial
        if note is not None and count not in earlier:
            note(trial)

    first = min(first, most)
    for count in sorted({max(1, round(first / _RATIO)), first, min(most, round(first * _RATIO))}):
        attempt(count)
    while not found:
        smallest = min(refused)
        if smallest == 1:
            raise refused[1]
        attempt(max(1, smallest // 2))
    while len(found) < _MOST_TRIALS:
        best = max(found.values(), key=lambda trial: trial.accuracy).images_per_class
        fewer, more = max(1, round(best / _RATIO)), min(most, math.ceil(best * _RATIO))
        if best == min(found) and fewer < best:
            attempt(fewer)
        elif best == max(found) and more > best and more not in refused and more < min(refused, default=more + 1):
            attempt(more)
        else:
            break
        if fewer in refused:
            break
    return [found[count] for count in sorted(found)]


def best_trial(trials: Iterable[Trial]) -> Trial:
    """The one with the fewest images whose accuracy is within `CLOSE` of the best."""
    trials = sorted(trials, key=lambda trial: trial.images_per_class)
    top = max(trial.accuracy for trial in trials)
    return next(trial for trial in trials if trial.accuracy >= top - CLOSE)

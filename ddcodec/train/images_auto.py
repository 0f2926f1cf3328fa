"""`--images-per-class auto`: the number that a run's byte budget is best spent on, and a record of how it was found.

images-per-class.jsonl in the run directory: first the hashes of options and data, then a line for each candidate,
last what was chosen. A search that was stopped goes on from its lines.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ddcodec.errors import InputError
from ddcodec.train.checkpoints import Identity
from ddcodec.train.coded_real import by_this_codec, hold_out, largest_class
from ddcodec.train.config import Config, load_config
from ddcodec.train.count_search import Trial, best_trial, first_guess, measure, search_count
from ddcodec.train.data import TrainingData
from ddcodec.train.rundir import CANDIDATES, CONFIG, RUN
from ddcodec.train.seams import DistillerFactory


def with_best_count(
    config: Config,
    data: TrainingData,
    run_dir: Path,
    device: torch.device,
    factory: DistillerFactory,
    resume: bool = False,
    note: Callable[[str], None] | None = None,
) -> Config:
    """The options with `images_per_class` chosen, and the candidates in `images_tried`.

    Args: run_dir: a run that has begun keeps the number it was begun with. note: called with a line for each candidate.
    Raises: InputError without a budget, for a folder in use, or a record of another run; EncodeError for a budget
        that is too small for one image of each class.
    """
    tell = note or (lambda line: None)
    if resume and (run_dir / RUN).exists():
        train = load_config(str(run_dir / CONFIG)).train
        return config.updated({"train": _chosen(train.images_per_class, train.images_tried)})
    if not config.train.bytes_per_class:
        raise InputError("--images-per-class auto needs a budget: give --kib-per-class")
    config = config.updated({"train": {"images_per_class": 1, "images_tried": []}})
    path = run_dir / CANDIDATES
    if run_dir.is_dir() and any(entry != path or not resume for entry in run_dir.iterdir()):
        raise InputError(f"{run_dir}: is not empty; continue it with --resume or choose another folder")
    identity = vars(Identity(config.sha256(), data.sha256()))
    known = _read(path, identity) if path.exists() else []
    left, held = hold_out(data, config.train.seed)

    def record(trial: Trial) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        _append(path, *([] if path.exists() else [identity]), trial.to_dict())
        tell(
            f"{trial.images_per_class} images per class: {100 * trial.accuracy:.1f} % on held-out images,"
            f" {trial.file_bytes} bytes"
        )

    trials = search_count(
        first_guess(config.train.bytes_per_class),
        largest_class(left),
        lambda count: by_this_codec(config, left, count, device, factory),
        lambda coded, started: measure(coded, held, config.recipe, device, started, data),
        known,
        record,
    )
    best, tried = best_trial(trials), [trial.images_per_class for trial in trials]
    _append(path, {"chosen": best.images_per_class, "tried": tried})
    tell(f"{best.images_per_class} images per class chosen")
    return config.updated({"train": _chosen(best.images_per_class, tried)})


def _chosen(count: int, tried: Any) -> dict[str, Any]:
    return {"images_per_class": count, "images_tried": list(tried)}


def _append(path: Path, *lines: dict[str, Any]) -> None:
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("".join(json.dumps(line) + "\n" for line in lines))


def _read(path: Path, identity: dict[str, str]) -> list[Trial]:
    """Candidates that were measured already; a line that was cut off, and all after it, are dropped.

    Raises: InputError for those of other options or other data.
    """
    lines = path.read_bytes().splitlines()
    found: list[Trial] = []
    try:
        if json.loads(lines[0]) != identity:
            raise InputError(f"{path}: was written with other options or data; choose another folder")
        for line in lines[1:]:
            values = json.loads(line)
            if "chosen" not in values:
                found.append(Trial(**values))
    except (ValueError, TypeError, IndexError):
        pass
    path.write_text("".join(json.dumps(line) + "\n" for line in [identity, *(trial.to_dict() for trial in found)]))
    return found

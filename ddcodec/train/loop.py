"""A run from start, or from its last checkpoint, to its result."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from ddcodec.errors import DdzError, InputError
from ddcodec.export.sheet import contact_sheet, png_bytes
from ddcodec.format.atomic import write_atomic
from ddcodec.train import rundir
from ddcodec.train.checkpoints import Identity, checkpoint_files, load_checkpoint, save_checkpoint
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.interrupts import noted_interrupts
from ddcodec.train.metrics import MetricsLog
from ddcodec.train.provenance import provenance_of
from ddcodec.train.seams import DistillerFactory, DistillerLike, KeepsFiles, Pause
from ddcodec.train.troubles import diverged, explained

Progress = Callable[[int, int, str, Mapping[str, float]], None]


class Stopped(DdzError):
    """The user stopped a run, which can be resumed."""

    exit_code = 130


def run(
    config: Config,
    data: TrainingData,
    run_dir: Path,
    device: torch.device,
    resume: bool = False,
    progress: Progress | None = None,
    factory: DistillerFactory | None = None,
    begin: Callable[[], None] | None = None,
    pause: Pause | None = None,
) -> bool:
    """Distil into a run directory; on return it holds a finished result, unless a pause ended the run.

    Args:
        config, data, device: given to the distiller.
        run_dir: made if it does not exist; without `resume` it must be empty.
        resume: continue from the last checkpoint if there is one; a finished run is left as it is.
        progress: called after each step with (steps done, steps in all, phase, metrics).
        factory: makes the distiller; None takes `ddcodec.train.distiller.Distiller`.
        begin: called before the first step of this call, once nothing has been refused; not for a finished run.
        pause: may end the run early, after a checkpoint.
    Returns: whether the run is finished.
    Raises: InputError for a folder in use, or of another run; Stopped on Ctrl-C, after a checkpoint;
        EncodeError when training fails.
    """
    identity = Identity(config.sha256(), data.sha256())
    _refuse_other(run_dir, resume, identity)
    if (run_dir / rundir.RESULT).exists():
        return True
    distiller = (factory or default_factory())(config, data, device)  # may refuse: nothing is written yet
    run_dir.mkdir(parents=True, exist_ok=True)
    rundir.write_json(run_dir / rundir.RUN, {**vars(identity), "data": data.name})
    write_atomic(run_dir / rundir.CONFIG, config.to_toml().encode())
    if isinstance(distiller, KeepsFiles):
        distiller.use_folder(run_dir)
    _restore(distiller, run_dir, identity)
    if begin is not None:
        begin()
    with MetricsLog(run_dir / rundir.METRICS, distiller.steps_done) as log, noted_interrupts() as wanted:
        while distiller.steps_done < distiller.steps_total:
            started = time.perf_counter()
            phase = distiller.phase
            with explained(run_dir, distiller.steps_done + 1, phase, config):
                metrics = distiller.step()
            done = distiller.steps_done
            if not math.isfinite(metrics.get("loss", 0.0)):
                raise diverged(run_dir, done, metrics["loss"])
            log.write(done, phase, {**metrics, "seconds": round(time.perf_counter() - started, 4)})
            if progress is not None:
                progress(done, distiller.steps_total, phase, metrics)
            due = pause is not None and done < distiller.steps_total and pause.due(done, distiller.steps_total)
            if done % config.run.checkpoint_every == 0 or wanted.is_set() or due:
                save_checkpoint(run_dir, done, distiller.state(), identity)
            if config.run.sheet_every and done % config.run.sheet_every == 0:
                _write_sheet(run_dir / f"sheet-{done:07d}.png", distiller, data, config.train.images_per_class)
            if wanted.is_set() and done < distiller.steps_total:
                raise Stopped(f"{run_dir}: stopped after step {done} of {distiller.steps_total}; go on with --resume")
            if due and pause is not None and not pause.goes_on(done, distiller.steps_total):
                return False
    _write_sheet(run_dir / rundir.SHEET, distiller, data, config.train.images_per_class)
    rundir.write_result(run_dir, distiller.result(), provenance_of(config, data.name, data.whole))
    return True


def default_factory() -> DistillerFactory:
    """The distillers of this package."""
    return make_distiller


def make_distiller(config: Config, data: TrainingData, device: torch.device) -> DistillerLike:
    """The distiller of the representation that a configuration asks for."""
    from ddcodec.train.distiller import Distiller
    from ddcodec.train.priors.distiller import PriorDistiller

    return (PriorDistiller if config.codec.representation == "prior" else Distiller)(config, data, device)


def _refuse_other(run_dir: Path, resume: bool, identity: Identity) -> None:
    """Insist that the folder is new or empty, or, on resume, this very run's."""
    if run_dir.exists() and not run_dir.is_dir():
        raise InputError(f"{run_dir}: expected a folder, found a file")
    if run_dir.is_dir() and any(path.name != rundir.CANDIDATES for path in run_dir.iterdir()):
        if not resume:
            raise InputError(f"{run_dir}: is not empty; continue it with --resume or choose another folder")
        known = rundir.read_json(run_dir / rundir.RUN)
        for key, word in (("config_sha256", "options"), ("data_sha256", "data")):
            if known.get(key) != getattr(identity, key):
                raise InputError(f"{run_dir}: was started with other {word}; only [run] may change on --resume")


def _restore(distiller: DistillerLike, run_dir: Path, identity: Identity) -> None:
    """Load the newest checkpoint that there is."""
    found = checkpoint_files(run_dir)
    if found:
        path = found[-1][1]
        step, state = load_checkpoint(path, identity)
        try:
            distiller.load_state(state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(f"{path}: does not fit this run: {error}") from error
        if distiller.steps_done != step:
            raise InputError(f"{path}: expected step {step}, found {distiller.steps_done}")


def _write_sheet(path: Path, distiller: DistillerLike, data: TrainingData, images_per_class: int) -> None:
    result_images = distiller.images()
    counts = np.minimum(np.bincount(data.labels, minlength=data.class_count), images_per_class).tolist()
    write_atomic(path, png_bytes(contact_sheet(result_images, counts, data.classes)))

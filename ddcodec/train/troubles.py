"""What a run says when it runs out of memory or diverges: which option to lower, and what is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ddcodec.errors import DdzError, EncodeError
from ddcodec.train.checkpoints import checkpoint_files
from ddcodec.train.config import Config
from ddcodec.train.losses.names import is_outside

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
_LOWER = {
    "pool": dict.fromkeys(("tm", "d3"), "tm.together, tm.expert_batch or matching.width"),
    "joint": {
        "dm, random": "matching.width, train.images_per_class or matching.real_batch",
        "dc": "dc.real_batch, matching.width or train.images_per_class",
        "ncfm": "ncfm.real_batch, matching.width or train.images_per_class",
        "mmd": "mmd.real_batch, matching.width or train.images_per_class",
        "d3": "tm.batch, tm.student_steps, mmd.real_batch or matching.width",
        "tm": "tm.batch, tm.student_steps or matching.width",
        "outside": "outside.real_batch, matching.width or train.images_per_class",
    },
}
_LOWER_FOR_OTHERS = {
    "pool": "matching.real_per_class or matching.width",
    "joint": "matching.width or train.images_per_class",
}


class OutOfMemory(DdzError):
    """Training needs more memory than there is."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that, on any device: torch has no one class for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def kept(run_dir: Path) -> str:
    """What a later call can go on from, in words."""
    found = checkpoint_files(run_dir) if run_dir.is_dir() else []
    return f"the checkpoint of step {found[-1][0]} is kept" if found else "there is no checkpoint yet"


def to_lower(phase: str, config: Config) -> str:
    """The settings that decide a phase's memory, those that help most first, in words."""
    loss = "outside" if is_outside(config.train.loss) else config.train.loss
    if loss == "dm" and config.matching.source == "random":
        loss = "dm, random"
    return _LOWER.get(phase, {}).get(loss) or _LOWER_FOR_OTHERS.get(phase, "train.images_per_class")


@contextmanager
def explained(run_dir: Path, step: int, phase: str, config: Config) -> Iterator[None]:
    """Turn a lack of memory in this block into one line.

    Args: step, phase: that are being worked on; config: of the run.
    Raises: OutOfMemory; anything else passes.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{run_dir}: out of memory in step {step} ({phase}); {kept(run_dir)}: go on with --resume where there is"
            f" more memory, or start anew with a lower {to_lower(phase, config)}"
        ) from error


def diverged(run_dir: Path, step: int, loss: float) -> EncodeError:
    """The error for a loss that is no number any more."""
    return EncodeError(
        f"{run_dir}: training failed in step {step}: loss is {loss}; {kept(run_dir)}; start anew with a lower"
        " train.learning_rate"
    )

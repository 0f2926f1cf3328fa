"""Checkpoints of a run: a safetensors file for the step it was taken after; the last two are kept."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ddcodec.errors import InputError
from ddcodec.format.atomic import write_atomic

KEEP = 2
_NAME = re.compile(r"checkpoint-(\d+)\.safetensors")


@dataclass(frozen=True)
class Identity:
    """What a run is: SHA-256, in hex, of the options that matter and of the data."""

    config_sha256: str
    data_sha256: str


def checkpoint_files(folder: Path) -> list[tuple[int, Path]]:
    """(step, file) of the checkpoints in a folder, oldest first."""
    found = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    return sorted((int(match[1]), path) for match, path in found if match)


def save_checkpoint(folder: Path, step: int, state: dict[str, torch.Tensor], identity: Identity) -> Path:
    """Write `checkpoint-STEP.safetensors` at once, then drop all but the newest two.

    Raises: InputError, EncodeError as `write_atomic`.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    path = folder / f"checkpoint-{step:07d}.safetensors"
    write_atomic(path, save(plain, {"step": str(step), **vars(identity)}))
    for _, old in checkpoint_files(folder)[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(path: Path, identity: Identity) -> tuple[int, dict[str, torch.Tensor]]:
    """Step and state of a checkpoint, on the CPU.

    Raises: InputError naming the file: unreadable, of another run, or with a NaN in it.
    """
    try:
        with safe_open(str(path), "pt") as pack:
            notes = pack.metadata() or {}
            state = {name: pack.get_tensor(name) for name in pack.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable checkpoint: {error}") from error
    if {key: notes.get(key) for key in vars(identity)} != vars(identity) or not notes.get("step", "").isdigit():
        raise InputError(f"{path}: belongs to another run")
    for name, tensor in state.items():
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            raise InputError(f"{path}: tensor {name} holds a NaN")
    return int(notes["step"]), state

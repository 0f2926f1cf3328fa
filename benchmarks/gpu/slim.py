"""Checkpoints in half precision, and back."""

from __future__ import annotations

import json

import torch
from safetensors.torch import load, save
from torch import Tensor

_KINDS = "slim.kinds"
_FEW = 1024  # smaller tensors stay as they are
_MOMENTS = (".first", ".second")
_LARGEST = 60_000.0


def _notes(blob: bytes) -> dict[str, str]:
    """Metadata of a safetensors file."""
    size = int.from_bytes(blob[:8], "little")
    found: dict[str, str] = json.loads(blob[8 : 8 + size]).get("__metadata__", {})
    return found


def _small(name: str, value: Tensor) -> Tensor:
    if value.numel() < _FEW or value.dtype not in (torch.float32, torch.float64, torch.int16):
        return value
    if value.dtype == torch.int16:
        return value.to(torch.int8) if int(value.abs().max()) < 128 else value
    if name.endswith(_MOMENTS) or float(value.abs().max()) > _LARGEST:  # squares of gradients need the range
        return value.to(torch.bfloat16)
    return value.to(torch.float16)


def slimmed(blob: bytes, leave_out: str = "") -> bytes:
    """A safetensors file with its large tensors in half precision.

    Args: leave_out: beginning of the names of tensors that are dropped, "" for none.
    """
    state = {name: value for name, value in load(blob).items() if not (leave_out and name.startswith(leave_out))}
    kinds = {name: str(value.dtype).removeprefix("torch.") for name, value in state.items()}
    small = {name: _small(name, value) for name, value in state.items()}
    return save(small, {**_notes(blob), _KINDS: json.dumps(kinds)})


def without_moments(blob: bytes) -> bytes:
    """A slimmed checkpoint whose optimiser starts anew, and whose chosen latents follow from the others.

    `fattened` fills in zeros and rounded latents. Good for the joint phase, which chooses anew in each step.
    """
    notes, state = _notes(blob), load(blob)
    kept = {name: value for name, value in state.items() if not name.endswith((*_MOMENTS, ".chosen"))}
    fresh = {name: torch.zeros_like(value) for name, value in kept.items() if name.endswith(".count")}
    return save(kept | fresh, notes)


def fattened(blob: bytes, pool: bytes | None = None) -> bytes:
    """The reverse of `slimmed`, up to rounding.

    Args: pool: a file whose tensors are added where the blob is a checkpoint of a run that has them.
    """
    notes, state = _notes(blob), load(blob)
    kinds: dict[str, str] = json.loads(notes.pop(_KINDS))
    full = {name: value.to(getattr(torch, kinds[name])) for name, value in state.items()}
    for name in kinds.keys() - full.keys():
        shadow = full[name.rpartition(".")[0] + ".shadow"]
        full[name] = torch.zeros_like(shadow) if name.endswith(_MOMENTS) else shadow.round().to(torch.int16)
    if pool is not None and "matcher.queue" in full:
        full |= load(pool)
    return save(full, notes or None)

"""From the text behind `--device` to a torch device that is there."""

import torch

from ddcodec.errors import InputError

NAMES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes CUDA, then MPS, then the CPU.

    Raises: InputError for one that is unknown or absent.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if present[kind])
    if name not in present:
        raise InputError(f"device {name}: expected one of {', '.join(NAMES)}")
    if not present[name]:
        raise InputError(f"device {name}: torch finds none on this machine; try --device cpu")
    return torch.device(name)

"""Where the checkpoints of experts lie: a small safetensors file for each epoch of each group, or memory."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ddcodec.errors import InputError
from ddcodec.format.atomic import write_atomic

_KEY, _STAMP, _PREFIX = "parameters", "experts", "matcher.experts."


class ExpertStore:
    """Parameters (experts of the group, P) float32 by group and epoch.

    Args: stamp: text that stands for all that decides the experts; a file with another one is refused.
    """

    def __init__(self, stamp: str) -> None:
        self._stamp = stamp
        self._folder: Path | None = None
        self._held: dict[tuple[int, int], Tensor] = {}

    def use_folder(self, folder: Path) -> None:
        """Keep files there from now on instead of memory.

        Raises: InputError if the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot make this folder: {error.strerror}") from error
        self._folder = folder

    def _path(self, group: int, epoch: int) -> Path | None:
        return None if self._folder is None else self._folder / f"experts-{group:03d}-{epoch:03d}.safetensors"

    def has(self, group: int, epoch: int) -> bool:
        """Whether that checkpoint is there."""
        path = self._path(group, epoch)
        return (group, epoch) in self._held if path is None else path.exists()

    def put(self, group: int, epoch: int, parameters: Tensor) -> None:
        """Keep a checkpoint; raises as `write_atomic`."""
        path, plain = self._path(group, epoch), parameters.detach().cpu().contiguous()
        if path is None:
            self._held[group, epoch] = plain.clone()
        else:
            write_atomic(path, save({_KEY: plain}, {_STAMP: self._stamp}))

    def get(self, group: int, epoch: int, row: int | None = None) -> Tensor:
        """One checkpoint (experts, P), or of it one expert's row (P,), on the CPU.

        Raises: InputError naming the file that is missing, damaged, or of other experts.
        """
        path = self._path(group, epoch)
        if path is None:
            held = self._held[group, epoch]
            return held.clone() if row is None else held[row].clone()
        try:
            with safe_open(str(path), "pt") as pack:
                if (pack.metadata() or {}).get(_STAMP) != self._stamp:
                    raise InputError(f"{path}: holds experts of other options or data; choose another run.experts")
                part = pack.get_slice(_KEY)
                found: Tensor = part[:] if row is None else part[row : row + 1][0]
        except (SafetensorError, OSError, ValueError, RuntimeError, IndexError) as error:
            raise InputError(f"{path}: no readable experts: {error}") from error
        if not bool(found.isfinite().all()):
            raise InputError(f"{path}: holds experts that diverged; lower tm.expert_rate")
        return found

    def state(self) -> dict[str, Tensor]:
        """What is held in memory."""
        return {f"{_PREFIX}{group}.{epoch}": value for (group, epoch), value in self._held.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        names = [name for name in state if name.startswith(_PREFIX)]
        numbers = [name.removeprefix(_PREFIX).split(".") for name in names]
        self._held = {(int(g), int(e)): state[n].clone() for n, (g, e) in zip(names, numbers, strict=True)}

"""A finished pool of networks as one file, which runs of the same data, seed and [matching] have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ddcodec.errors import InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.train.pool import Reference, pool_from_state, pool_state

_STAMP, _VERSION, _NAME_DIGITS = "pool", 1, 16


class PoolStore:
    """The file of a pool.

    Args: folder: that it lies in, or will; made if need be. parts: all that decides the pool; it is hashed, and another
        pool has another file name. count: members of the finished pool.
    Raises: InputError if the folder cannot be made.
    """

    def __init__(self, folder: Path, parts: tuple[object, ...], count: int) -> None:
        self._stamp = hashlib.sha256(repr((_VERSION, *parts)).encode()).hexdigest()
        self._count = count
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot make this folder: {error.strerror}") from error
        self._path = folder / f"pool-{self._stamp[:_NAME_DIGITS]}.safetensors"

    @property
    def kept(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def put(self, members: Sequence[Reference]) -> None:
        """Write the finished pool, if there is no file; raises as `write_atomic`."""
        if not self.kept:
            plain = {name: value.detach().cpu().contiguous() for name, value in pool_state(members).items()}
            write_atomic(self._path, save(plain, {_STAMP: self._stamp}))

    def get(self, make: Callable[[], nn.Module], place: Callable[[Tensor], Tensor]) -> list[Reference]:
        """The finished pool.

        Args: make: builds one network of the right shape; place: moves a tensor to where it is needed.
        Raises: InputError naming the file if it is damaged or not of this pool.
        """
        path = self._path
        try:
            with safe_open(str(path), "pt") as pack:
                if (pack.metadata() or {}).get(_STAMP) != self._stamp:
                    raise InputError(f"{path}: holds networks of other options or data; remove it to train them anew")
                state = {name: pack.get_tensor(name).clone() for name in pack.keys()}  # noqa: SIM118
            if not all(bool(value.isfinite().all()) for value in state.values()):
                raise ValueError("a tensor is not finite")
            found = pool_from_state({name: place(value) for name, value in state.items()}, make)
            if len(found) != self._count:
                raise ValueError(f"expected {self._count} networks, found {len(found)}")
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
            problem = str(error).splitlines()[0]
            raise InputError(f"{path}: no readable networks ({problem}); remove it to train them anew") from error
        return found

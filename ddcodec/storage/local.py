"""A file on this machine's disks."""

import os
import stat
from collections.abc import Sequence
from typing import BinaryIO, Self

from ddcodec.errors import InputError, TruncatedError
from ddcodec.limits import Limits
from ddcodec.storage.bounded import read_all
from ddcodec.storage.cached import CachedSource


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(f"cannot read {name}: {reason}")


class LocalSource:
    """A regular file, held open.

    Args:
        name: what the user called it.
        stream: the open file.
        size: its bytes when it was opened.
    """

    def __init__(self, name: str, stream: BinaryIO, size: int) -> None:
        self.name = name
        self.size = size
        self._stream = stream

    def read(self, start: int, stop: int) -> bytes:
        """The bytes start .. stop - 1.

        Raises: InputError; TruncatedError where the file has become shorter.
        """
        try:
            self._stream.seek(start)
            data = self._stream.read(stop - start)
        except (OSError, ValueError) as error:
            raise _unreadable(self.name, error) from error
        if len(data) < stop - start:
            raise TruncatedError(
                "the file became shorter while it was read", offset=start + len(data), expected=self.size
            )
        return data

    def prefetch(self, spans: Sequence[tuple[int, int]]) -> None:
        """Nothing to do: a disk is near."""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_local(path: str | os.PathLike[str], name: str, limits: Limits) -> LocalSource | CachedSource:
    """Open a file; a pipe, or another thing that does not tell its size, is read to its end.

    Args: name: what the user called it.
    Raises: InputError when there is no readable file; LimitError.
    """
    try:
        stream = open(path, "rb")  # noqa: SIM115 - a regular file stays open
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    try:
        state = os.fstat(stream.fileno())
        limits.check("file_bytes", state.st_size)
        if stat.S_ISREG(state.st_mode) and state.st_size:
            return LocalSource(name, stream, state.st_size)
        data = read_all(stream, limits)
    except BaseException as error:
        stream.close()
        if isinstance(error, OSError):
            raise _unreadable(name, error) from error
        raise
    stream.close()
    return CachedSource.whole(name, data)

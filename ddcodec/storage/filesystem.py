"""A file on any file system that fsspec knows: s3://, hf://, memory:// and others."""

import importlib
from typing import Any

from ddcodec.errors import DdzError, InputError
from ddcodec.limits import Limits
from ddcodec.storage.bounded import first_line, persistently, read_all
from ddcodec.storage.cached import FRONT_BYTES, CachedSource

_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def _reason(error: Exception) -> str:
    """One line about a failure of a library that we do not know."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return first_line(error)


def _passing(error: Exception) -> bool:
    return isinstance(error, OSError) and not isinstance(error, _LASTING)


class _Remote:
    """One file of an fsspec file system."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.system, self.path = importlib.import_module("fsspec").core.url_to_fs(url)

    def size(self) -> int | None:
        """Bytes of the file, None where the file system does not say."""
        state = self.system.info(self.path)
        if state.get("type") == "directory":
            raise InputError(f"cannot read {self.url}: it is a directory")
        size: Any = state.get("size")
        return None if size is None else int(size)

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes start .. stop - 1, or the whole file where ranges are ignored."""
        return bytes(self.system.cat_file(self.path, start=start, end=stop))

    def everything(self, limits: Limits) -> bytes:
        """All bytes, within the limits."""
        with self.system.open(self.path, "rb") as stream:
            return read_all(stream, limits)


def open_filesystem(url: str, limits: Limits) -> CachedSource:
    """Find a file and read its front.

    Raises: InputError, one line with the URL and the reason; LimitError; DdzError where a library is missing.
    """
    try:
        importlib.import_module("fsspec")
    except ImportError as error:
        raise DdzError(f"{url}: fsspec is not installed; install ddcodec[remote]") from error
    try:
        remote = _Remote(url)
        size = persistently(remote.size, _passing)
        if size is None:
            return CachedSource.whole(url, persistently(lambda: remote.everything(limits), _passing))
    except DdzError:
        raise
    except Exception as error:  # each file system has failures of its own
        raise InputError(f"cannot read {url}: {_reason(error)}") from error
    limits.check("file_bytes", size)

    def fetch(start: int, stop: int) -> tuple[int, bytes]:
        try:
            data = persistently(lambda: remote.fetch(start, stop), _passing)
        except Exception as error:
            raise InputError(f"cannot read {url}: {_reason(error)}") from error
        if len(data) == stop - start:
            return start, data
        if len(data) == size:
            return 0, data
        raise InputError(f"cannot read {url}: {len(data)} bytes came where {stop - start} were asked for")

    _, front = fetch(0, min(FRONT_BYTES, size)) if size else (0, b"")
    return CachedSource(url, size, fetch, front)

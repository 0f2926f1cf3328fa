"""From what a user calls a file to a source of its bytes."""

import os
import re
from collections.abc import Sequence
from typing import Protocol, Self

from ddcodec.errors import InputError
from ddcodec.limits import Limits
from ddcodec.storage.local import open_local

# A scheme has two letters or more, so that C:\x and C://x stay paths; a::b:// is a chain of fsspec's.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)(::[A-Za-z][A-Za-z0-9+.-]+)*://")


class OpenSource(Protocol):
    """A file that can be read in parts until it is closed.

    Fields: name, what the user called it; size, bytes of the whole file.
    """

    @property
    def name(self) -> str:
        """What the user called it."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        ...

    def read(self, start: int, stop: int) -> bytes | memoryview:
        """Exactly the bytes start .. stop - 1.

        Raises: InputError when they cannot be had, TruncatedError when the file has become shorter.
        """
        ...

    def prefetch(self, spans: Sequence[tuple[int, int]]) -> None:
        """Fetch these ranges (first byte, one after the last) in as few requests as is sensible.

        Raises: as `read`.
        """
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether a path names something that is not a plain path, such as https://host/a.ddz."""
    return isinstance(path, str) and _URL.match(path) is not None


def open_source(path: str | os.PathLike[str], limits: Limits | None = None) -> OpenSource:
    """Open a file for reading in parts; to be used in a `with` statement.

    Args:
        path: a plain path, or a URL: file://, http://, https://, or any scheme that fsspec knows.
        limits: file_bytes is held against the size before anything is read.
    Raises: InputError, one line that names the path and the reason; LimitError; DdzError when fsspec is needed
        and missing.
    """
    limits = Limits() if limits is None else limits
    found = _URL.match(path) if isinstance(path, str) else None
    if found is None or not isinstance(path, str):
        return open_local(path, os.fsdecode(path), limits)
    scheme = found[1].lower() if found[2] is None else ""
    if scheme == "file":
        return open_local(_local_path(path), path, limits)
    if scheme in ("http", "https"):
        from ddcodec.storage.http import open_http  # imports the whole of urllib, which plain paths do without

        return open_http(path, limits)
    from ddcodec.storage.filesystem import open_filesystem

    return open_filesystem(path, limits)


def _local_path(url: str) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InputError(f"cannot read {url}: {error}") from error
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"cannot read {url}: a file:// URL names no host; expected file:///path")
    return url2pathname(parts.path)

"""A file on a web server, by range requests where the server has them.

The standard library does it: it shows status and headers, which say whether a range was honoured, and it can stop
reading at a limit.
"""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib import error as failures
from urllib import request as web
from urllib.parse import quote

from ddcodec.errors import DdzError, InputError
from ddcodec.limits import Limits
from ddcodec.storage.bounded import first_line, persistently, read_all, read_up_to
from ddcodec.storage.cached import FRONT_BYTES, CachedSource

TIMEOUT_S = 30.0
_PARTIAL, _NO_SUCH_RANGE = 206, 416
_PASSING_STATES = frozenset({408, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})")
_URL_SIGNS = "%/:=&?~#+!$,;'@()*[]"  # what stays as it is in a URL; spaces and letters with accents do not

# Those of build_opener but for ftp:// and file://, where a redirect must not lead.
_HANDLERS: tuple[type[web.BaseHandler], ...] = (
    *(web.ProxyHandler, web.UnknownHandler, web.HTTPHandler, web.HTTPSHandler),
    *(web.HTTPDefaultErrorHandler, web.HTTPRedirectHandler, web.HTTPErrorProcessor),
)


class _CutError(OSError):
    """The answer ended too early."""


class _RangelessError(Exception):
    """The server has ranges, but does not say of how many bytes."""


@dataclass(frozen=True)
class _Answer:
    """start, place in the file of the first byte of data; size, bytes of the file; tags, its ETag and date."""

    start: int
    data: bytes
    size: int
    tags: tuple[str | None, ...] = ()


def _reason(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, failures.HTTPError):
        if str(error.msg).startswith(web.HTTPRedirectHandler.inf_msg):
            return "the server redirects in a circle, or too often"
        return f"the server answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()
    cause = error.reason if isinstance(error, failures.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT_S:.0f} seconds"
    if isinstance(cause, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionResetError):
        return "the connection was cut"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return first_line(cause) if isinstance(cause, BaseException) else first_line(error)


def _passing(error: Exception) -> bool:
    if isinstance(error, failures.HTTPError):
        return error.code in _PASSING_STATES
    return isinstance(error, OSError | http.client.HTTPException) and not isinstance(error, http.client.InvalidURL)


class _Server:
    """One URL, asked for ranges."""

    def __init__(self, url: str, limits: Limits) -> None:
        self.url = url
        self._limits = limits
        self._quoted = quote(url, safe=_URL_SIGNS)
        self._opener = web.OpenerDirector()
        for handler in _HANDLERS:
            self._opener.add_handler(handler())

    def ask(self, start: int, stop: int) -> _Answer:
        """The bytes start .. stop - 1 (fewer at the end of the file), or the whole file.

        Raises: InputError with the URL and the reason; LimitError.
        """
        try:
            try:
                return persistently(lambda: self._once({"Range": f"bytes={start}-{stop - 1}"}, start, stop), _passing)
            except _RangelessError:
                return persistently(lambda: self._once({}, start, stop), _passing)
        except DdzError:
            raise
        except (OSError, ValueError, http.client.HTTPException, _RangelessError) as error:
            raise InputError(f"cannot read {self.url}: {_reason(error)}") from error

    def _once(self, headers: Mapping[str, str], start: int, stop: int) -> _Answer:
        asked = {"User-Agent": "ddcodec", "Accept-Encoding": "identity", **headers}
        try:
            with self._opener.open(web.Request(self._quoted, headers=asked), timeout=TIMEOUT_S) as response:
                tags = tuple(response.headers.get(name) for name in ("ETag", "Last-Modified"))
                if response.status == _PARTIAL:
                    return self._part(response, start, stop, tags)
                if response.status == http.client.OK:
                    data = self._whole(response)
                    return _Answer(0, data, len(data), tags)
                raise InputError(f"cannot read {self.url}: the server answers {response.status}")
        except failures.HTTPError as error:
            with error:
                found = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range") or "")
                if error.code != _NO_SUCH_RANGE or found is None:
                    raise
                return _Answer(start, b"", int(found[3]))

    def _part(self, response: Any, start: int, stop: int, tags: tuple[str | None, ...]) -> _Answer:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range") or "")
        if found is None or found[1] is None:
            raise _RangelessError("the answer to a range request has no usable Content-Range")
        first, last, size = (int(number) for number in found.groups())
        self._limits.check("file_bytes", size)
        if (first, last + 1) != (start, min(stop, size)):
            problem = f"the server sends bytes {first}-{last} of {size}, asked for {start}-{stop - 1}"
            raise InputError(f"cannot read {self.url}: {problem}")
        data = read_up_to(response, last + 1 - first)
        if len(data) < last + 1 - first:
            raise _CutError("the connection was cut")
        return _Answer(start, data, size, tags)

    def _whole(self, response: Any) -> bytes:
        """The body of an answer without ranges."""
        stated = response.headers.get("Content-Length")
        size = int(stated) if stated is not None and stated.isascii() and stated.isdigit() else None
        if size is not None:
            self._limits.check("file_bytes", size)
        data = read_all(response, self._limits)
        if size is not None and len(data) < size:
            raise _CutError("the connection was cut")
        return data


def open_http(url: str, limits: Limits) -> CachedSource:
    """Fetch the front of a file; from a server without ranges, the whole file.

    Raises: InputError, one line with the URL and the reason; LimitError.
    """
    server = _Server(url, limits)
    first = server.ask(0, FRONT_BYTES)

    def fetch(start: int, stop: int) -> tuple[int, bytes]:
        answer = server.ask(start, stop)
        known = [pair for pair in zip(first.tags, answer.tags, strict=False) if None not in pair]
        if answer.size != first.size or any(before != now for before, now in known):
            raise InputError(f"cannot read {url}: the file was changed while it was read")
        return answer.start, answer.data

    return CachedSource(url, first.size, fetch, first.data)

"""A web server on this machine that serves one file, well or badly, and counts what it sends."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers every GET by the server's act."""

    server: "FileServer"

    def do_GET(self) -> None:
        """Answer, and bear that the client leaves."""
        self.server.requests += 1
        try:
            self.server.act(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def wanted(self) -> tuple[int, int]:
        """Start and stop of the range that was asked for, cut to the file; the whole file without one."""
        size = len(self.server.data)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return (int(found[1]), min(int(found[2]) + 1, size)) if found else (0, size)

    def head(self, code: int, **fields: object) -> None:
        """Status and headers; underscores stand for hyphens."""
        self.send_response(code)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, data: bytes) -> None:
        """Bytes that count."""
        self.server.sent += len(data)  # first, since the client may be done before this thread goes on
        self.wfile.write(data)


class FileServer(ThreadingHTTPServer):
    """Fields: data, the file; act, how to answer; sent, bytes of bodies; requests, how many came; tag, an ETag."""

    daemon_threads = False  # so that none is left over when a test ends

    def __init__(self, data: bytes, act: Act) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.act, self.tag = data, act, '"1"'
        self.sent = self.requests = 0

    @property
    def url(self) -> str:
        """Of the file."""
        return f"http://127.0.0.1:{self.server_port}/sets/a.ddz"


def ranges(handler: Handler) -> None:
    """As a good server does."""
    server, (start, stop) = handler.server, handler.wanted()
    if "Range" not in handler.headers:
        plain(handler)
    elif start >= len(server.data):
        handler.head(416, Content_Range=f"bytes */{len(server.data)}")
    else:
        span = f"bytes {start}-{stop - 1}/{len(server.data)}"
        handler.head(206, Content_Range=span, Content_Length=stop - start, ETag=server.tag)
        handler.body(server.data[start:stop])


def plain(handler: Handler) -> None:
    """The whole file, whatever was asked for."""
    handler.head(200, Content_Length=len(handler.server.data), ETag=handler.server.tag)
    handler.body(handler.server.data)


def cut(handler: Handler) -> None:
    """Half of what was promised, then the end."""
    start, stop = handler.wanted()
    span = f"bytes {start}-{stop - 1}/{len(handler.server.data)}"
    handler.head(206, Content_Range=span, Content_Length=stop - start)
    handler.body(handler.server.data[start : (start + stop) // 2])


@contextmanager
def serving(data: bytes, act: Act = ranges) -> Iterator[FileServer]:
    """A server, for as long as the block lasts."""
    server = FileServer(data, act)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

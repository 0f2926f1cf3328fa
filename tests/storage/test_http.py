"""Web servers, good ones and others; every failure is one line that names the URL."""

import socket

import pytest

from ddcodec.errors import InputError, LimitError
from ddcodec.limits import Limits
from ddcodec.storage import bounded, open_source
from ddcodec.storage.cached import FRONT_BYTES
from tests.storage.server import cut, plain, ranges, serving

DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    monkeypatch.setattr(bounded, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")


def read(url, start, stop, limits=None):
    with open_source(url, limits) as source:
        return bytes(source.read(start, stop))


def failure(url, limits=None):
    """The one line that reading the middle of the file fails with."""
    with pytest.raises(InputError) as caught:
        read(url, 5_000, 6_000, limits)
    line = str(caught.value)
    assert line.startswith(f"cannot read {url}: ")
    assert line.isprintable()
    return line.removeprefix(f"cannot read {url}: ")


def once_in(times, bad, good=ranges):
    """An act that fails all requests but every `times`-th."""
    return lambda handler: (bad if handler.server.requests % times else good)(handler)


def test_only_the_range_is_sent():
    with serving(DATA) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]
        assert (server.sent, server.requests) == (FRONT_BYTES + 1_000, 2)
        with open_source(server.url) as source:
            assert source.size == len(DATA)


@pytest.mark.parametrize("size", [0, 1, FRONT_BYTES - 1, FRONT_BYTES, FRONT_BYTES + 1])
@pytest.mark.parametrize("act", [ranges, plain])
def test_small_files(size, act):
    with serving(DATA[:size], act) as server:
        assert read(server.url, 0, size) == DATA[:size]
        assert server.sent == size


def test_a_server_without_ranges_is_asked_once():
    with serving(DATA, plain) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]
        assert (server.sent, server.requests) == (len(DATA), 1)
        with pytest.raises(LimitError):
            read(server.url, 0, 1, Limits(file_bytes=len(DATA) - 1))
        assert read(server.url, 0, 1, Limits(file_bytes=len(DATA))) == DATA[:1]


def test_a_server_that_gives_up_ranges():
    with serving(DATA, lambda handler: (plain if handler.server.requests > 1 else ranges)(handler)) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]
        assert server.requests == 2


def test_a_limit_beside_ranges():
    with serving(DATA) as server, pytest.raises(LimitError) as caught:
        read(server.url, 0, 1, Limits(file_bytes=len(DATA) - 1))
    assert (caught.value.limit, caught.value.found) == ("file_bytes", len(DATA))


def test_a_body_without_length_or_end():
    def endless(handler):
        handler.head(200)
        while True:
            handler.body(bytes(65_536))

    def no_length(handler):
        handler.head(200)
        handler.body(DATA)

    with serving(DATA, endless) as server, pytest.raises(LimitError):
        read(server.url, 0, 1, Limits(file_bytes=100_000))
    with serving(DATA, no_length) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]


def test_a_server_that_does_not_say_how_long_the_file_is():
    def unknown(handler):
        if "Range" not in handler.headers:
            return plain(handler)
        start, stop = handler.wanted()
        handler.head(206, Content_Range=f"bytes {start}-{stop - 1}/*", Content_Length=stop - start)
        return handler.body(DATA[start:stop])

    with serving(DATA, unknown) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]

    def stubborn(handler):
        handler.head(206, Content_Type="multipart/byteranges; boundary=x", Content_Length=3)
        handler.body(b"--x")

    with serving(DATA, stubborn) as server:
        assert "no usable Content-Range" in failure(server.url)


@pytest.mark.parametrize("bad", [cut, lambda handler: handler.head(503), lambda handler: handler.connection.close()])
def test_the_third_attempt_may_succeed(bad):
    with serving(DATA, once_in(3, bad)) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]
        assert server.requests == 6


def test_connections_that_are_always_cut():
    with serving(DATA, cut) as server:
        assert failure(server.url) == "the connection was cut"
        assert server.requests == 3


def test_a_wrong_content_length():
    def too_long(handler):
        handler.head(200, Content_Length=len(DATA) + 1)
        handler.body(DATA)

    with serving(DATA, too_long) as server:
        assert failure(server.url) == "the connection was cut"


@pytest.mark.parametrize(("code", "words"), [(404, "404 Not Found"), (403, "403 Forbidden"), (401, "401 Unauthorized")])
def test_refusals_are_final(code, words):
    with serving(DATA, lambda handler: handler.head(code)) as server:
        assert failure(server.url) == f"the server answers {words}"
        assert server.requests == 1


def test_no_content():
    with serving(DATA, lambda handler: handler.head(204)) as server:
        assert failure(server.url) == "the server answers 204"


def test_redirects():
    with serving(DATA) as target, serving(b"", lambda handler: handler.head(302, Location=target.url)) as server:
        assert read(server.url, 5_000, 6_000) == DATA[5_000:6_000]
        assert target.sent == FRONT_BYTES + 1_000
    with serving(DATA, lambda handler: handler.head(302, Location="/sets/a.ddz")) as server:
        assert "in a circle" in failure(server.url)
    for elsewhere in ("file:///etc/hostname", "ftp://127.0.0.1/x"):
        with serving(DATA, lambda handler, place=elsewhere: handler.head(302, Location=place)) as server:
            assert failure(server.url)


def test_a_range_that_was_not_asked_for():
    def shifted(handler):
        start, stop = handler.wanted()
        handler.head(206, Content_Range=f"bytes {start + 1}-{stop}/{len(DATA)}", Content_Length=stop - start)
        handler.body(DATA[start + 1 : stop + 1])

    with serving(DATA, shifted) as server:
        assert "the server sends bytes 1-256" in failure(server.url)


@pytest.mark.parametrize("change", ["tag", "size"])
def test_a_file_that_changes_is_noticed(change):
    with serving(DATA) as server, open_source(server.url) as source:
        if change == "tag":
            server.tag = '"2"'
        else:
            server.data = DATA[:-1]
        with pytest.raises(InputError, match="was changed while it was read"):
            source.read(5_000, 6_000)


def test_a_file_that_ends_before_the_range():
    with serving(DATA) as server, open_source(server.url) as source:
        server.data = DATA[:4_000]
        with pytest.raises(InputError, match="was changed while it was read"):
            source.read(5_000, 6_000)


def test_nobody_answers():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{place.getsockname()[1]}/a"
        assert failure(url) == "Connection refused"


def test_a_server_that_is_none():
    def noise(handler):
        handler.wfile.write(b"\x1b[31m" * 1_000 + b"\r\n\r\n")

    with serving(DATA, noise) as server:
        assert len(failure(server.url)) <= 120


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:port/x", "http://[::1/x", "https:///x"])
def test_urls_that_are_none(url):
    assert failure(url)


def test_letters_that_a_url_cannot_hold():
    paths = []

    def note(handler):
        paths.append(handler.path)
        ranges(handler)

    with serving(DATA, note) as server:
        base = server.url.removesuffix("a.ddz")
        assert read(f"{base}dög one%20two.ddz?a=b&c", 0, 10) == DATA[:10]
    assert paths == ["/sets/d%C3%B6g%20one%20two.ddz?a=b&c"]

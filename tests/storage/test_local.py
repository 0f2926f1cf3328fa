"""Files on disk, pipes, and what is no URL."""

import os
import threading
from pathlib import Path

import pytest

from ddcodec.errors import InputError, LimitError, TruncatedError
from ddcodec.limits import Limits
from ddcodec.storage import is_url, open_source


def content(path, limits=None):
    with open_source(path, limits) as source:
        source.prefetch([(0, source.size)])
        return bytes(source.read(0, source.size))


def test_ranges_of_a_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    with open_source(path) as source:
        assert (source.size, source.name) == (10, str(path))
        assert source.read(7, 9) == b"78"
        assert source.read(0, 2) == b"01"
        assert source.read(3, 3) == b""


@pytest.mark.parametrize("name", ["a:b", "C:\\x", "http:", "x/y://z", "://a"])
def test_what_looks_a_little_like_a_url_is_a_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(b"x")
    assert not is_url(name)
    assert content(name) == b"x"


def test_what_is_a_url():
    for url in ("http://a/b", "s3://a", "simplecache::s3://a", "FILE:///a", "a+b.c-d://x"):
        assert is_url(url)
    for path in (Path("http://a/b"), "C://x", "s3:/a", ""):
        assert not is_url(path)


def test_file_urls(tmp_path):
    path = tmp_path / "two words"
    path.write_bytes(b"x")
    assert content(path.as_uri()) == b"x"
    assert content(f"file://localhost{path}") == b"x"
    with pytest.raises(InputError, match="names no host"):
        open_source("file://elsewhere/x")
    with pytest.raises(InputError, match=r"^cannot read file:///no/such: No such file"):
        open_source("file:///no/such")
    with pytest.raises(InputError, match="cannot read"):
        open_source("file://[x/y")


def test_files_that_are_none(tmp_path):
    for missing in (tmp_path / "b", tmp_path, "a\0b", ""):
        with pytest.raises(InputError, match=r"^cannot read "):
            open_source(missing)


def test_the_limit_is_held_before_anything_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert content(path, Limits(file_bytes=10)) == b"0123456789"
    for too_much in (path, "/dev/zero"):
        with pytest.raises(LimitError) as caught:
            open_source(too_much, Limits(file_bytes=9))
        assert caught.value.limit == "file_bytes"


def test_an_empty_file(tmp_path):
    (tmp_path / "a").touch()
    assert content(tmp_path / "a") == b""


def test_a_pipe_is_read_to_its_end(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = os.urandom(200_000)
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    try:
        assert content(path) == data
    finally:
        writer.join()


def test_a_file_that_shrinks(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(10_000_000))  # more than a reader buffers
    with open_source(path) as source:
        os.truncate(path, 5_000_000)
        with pytest.raises(TruncatedError) as caught:
            source.read(4_000_000, 6_000_000)
        assert caught.value.offset == 5_000_000


def test_a_closed_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with open_source(path) as source:
        pass
    with pytest.raises(InputError, match="closed"):
        source.read(0, 1)

"""What fsspec reaches: memory:// stands for all of them, and a few that behave badly."""

import subprocess
import sys
from pathlib import Path

import pytest

from ddcodec.errors import DdzError, InputError, LimitError
from ddcodec.limits import Limits
from ddcodec.storage import bounded, open_source

fsspec = pytest.importorskip("fsspec")
ROOT = Path(__file__).parents[2]
DATA = bytes(range(256)) * 8


class Odd(fsspec.AbstractFileSystem):
    """One file, `odd://a`, that answers as the class attributes say."""

    protocol = "odd"
    cachable = False
    ignores_ranges = False
    size: int | None = len(DATA)
    failures: list[Exception]
    asked: list[tuple[int, int]]

    def info(self, path, **_):
        return {"name": path, "type": "file", "size": self.size}

    def cat_file(self, path, start=None, end=None, **_):
        self.asked.append((start, end))
        if self.failures:
            raise self.failures.pop()
        return DATA if self.ignores_ranges else DATA[start:end]

    def _open(self, path, mode="rb", **_):
        return fsspec.implementations.memory.MemoryFile(None, path, DATA)


@pytest.fixture
def odd(monkeypatch):
    monkeypatch.setattr(bounded, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(Odd, "failures", [], raising=False)
    monkeypatch.setattr(Odd, "asked", [], raising=False)
    fsspec.register_implementation("odd", Odd, clobber=True)
    return Odd


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    system.pipe_file("/ddcodec-tests/a", DATA)
    yield "memory://ddcodec-tests/a"
    system.rm("/ddcodec-tests", recursive=True)


def failure(url, limits=None):
    with pytest.raises(InputError) as caught, open_source(url, limits) as source:
        source.read(1_000, 1_100)
    line = str(caught.value)
    assert line.startswith(f"cannot read {url}: ")
    assert line.isprintable()
    return line.removeprefix(f"cannot read {url}: ")


def test_memory(memory):
    with open_source(memory) as source:
        assert (source.name, source.size) == (memory, len(DATA))
        assert bytes(source.read(1_000, 1_100)) == DATA[1_000:1_100]
    with pytest.raises(LimitError):
        open_source(memory, Limits(file_bytes=len(DATA) - 1))


def test_what_is_not_there(memory):
    assert failure("memory://ddcodec-tests/b") == "no such file"
    assert failure("memory://ddcodec-tests") == "it is a directory"
    assert "nosuch" in failure("nosuch://a")


def test_only_the_range_is_fetched(odd):
    with open_source("odd://a") as source:
        assert bytes(source.read(1_000, 1_100)) == DATA[1_000:1_100]
    assert odd.asked == [(0, 256), (1_000, 1_100)]


def test_ranges_ignored(odd, monkeypatch):
    monkeypatch.setattr(odd, "ignores_ranges", True)
    with open_source("odd://a") as source:
        assert bytes(source.read(1_000, 1_100)) == DATA[1_000:1_100]
    assert len(odd.asked) == 1


def test_a_size_that_nobody_knows(odd, monkeypatch):
    monkeypatch.setattr(odd, "size", None)
    with open_source("odd://a") as source:
        assert source.size == len(DATA)
        assert bytes(source.read(1_000, 1_100)) == DATA[1_000:1_100]
    with pytest.raises(LimitError):
        open_source("odd://a", Limits(file_bytes=100))


def test_a_size_that_is_wrong(odd, monkeypatch):
    monkeypatch.setattr(odd, "size", 1_050)
    with open_source("odd://a") as source:
        assert source.size == 1_050
    monkeypatch.setattr(odd, "size", len(DATA) + 1)
    with open_source("odd://a") as source, pytest.raises(InputError, match="48 bytes came where 49 were asked for"):
        source.read(2_000, 2_049)


def test_trouble_that_passes_and_trouble_that_stays(odd):
    odd.failures += [ConnectionResetError("reset"), TimeoutError()]
    with open_source("odd://a") as source:
        assert bytes(source.read(0, 10)) == DATA[:10]
    assert len(odd.asked) == 3
    odd.failures += [OSError("first\nsecond")] * 3
    assert failure("odd://a") == "first"
    odd.failures.append(PermissionError(13, "Permission denied"))
    assert failure("odd://a") == "Permission denied"
    odd.failures.append(RuntimeError("a library's own \x1b[31m"))
    assert "own" in failure("odd://a")
    assert odd.failures == []


def test_without_fsspec(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(DdzError, match=r"^memory://a: fsspec is not installed; install ddcodec\[remote\]$"):
        open_source("memory://a")


def test_plain_paths_leave_fsspec_out(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    code = (
        "import sys; from ddcodec.storage import open_source; open_source(sys.argv[1]).close();"
        "assert not {'fsspec', 'aiohttp'} & set(sys.modules)"
    )
    for name in (str(tmp_path / "a"), (tmp_path / "a").as_uri()):
        done = subprocess.run([sys.executable, "-c", code, name], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

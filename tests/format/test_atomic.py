"""Files are written whole or not at all."""

import errno
import os
import stat

import pytest

from ddcodec.errors import EncodeError, InputError
from ddcodec.format.atomic import write_atomic


def test_new_and_replaced(tmp_path):
    path = tmp_path / "a.ddz"
    write_atomic(path, b"one")
    write_atomic(str(path), b"two!")
    assert path.read_bytes() == b"two!"
    assert os.listdir(tmp_path) == ["a.ddz"]


def test_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_survives(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "a")
    write_atomic(link, b"x")
    assert link.is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"x"


def test_unusable_targets(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for target in (tmp_path, tmp_path / "none" / "a", tmp_path / "file" / "a", "/dev/null"):
        with pytest.raises(InputError) as caught:
            write_atomic(target, b"x")
        assert str(target) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_alone(tmp_path, monkeypatch, step, failure):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*args):
        raise failure

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(EncodeError if isinstance(failure, OSError) else KeyboardInterrupt) as caught:
        write_atomic(path, b"new")
    if isinstance(failure, OSError):
        assert "No space left" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a device that is always full")
def test_a_device_is_not_replaced():
    with pytest.raises(InputError):
        write_atomic("/dev/full", b"x")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)

"""A few files by name out of a folder or a tar archive, held in memory; nothing is unpacked to disk."""

import gzip
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from ddcodec.errors import InputError

_PART_BYTES = 1 << 20
MAX_MEMBER_BYTES = 256 << 20
MAX_ARCHIVE_BYTES = 512 << 20  # unpacked; the official archives of CIFAR have 190 MB


def read_members(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Contents of files, by base name.

    Args:
        path: a folder that holds the files, or a tar archive, gzipped or not, that holds them at any depth;
            links and devices in an archive count as absent.
        names: those wanted.
    Returns: what was found of them. An archive is read to its end, so that its checksum covers them.
    Raises: InputError that begins with the path: unreadable, damaged, too large, a name twice.
    """
    try:
        if path.is_dir():
            return _from_folder(path, names)
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            if not packed:
                return _from_tar(path, stream, names)
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return _from_tar(path, unpacked, names)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged, or no tar archive: {reason}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror or error}") from error


def _from_folder(folder: Path, names: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in sorted(names):
        if (folder / name).is_file():
            _check_size(folder / name, (folder / name).stat().st_size)
            found[name] = (folder / name).read_bytes()
    return found


class _Counted:
    """A stream that ends in an error where more is unpacked than any known archive holds."""

    def __init__(self, path: Path, stream: BinaryIO | gzip.GzipFile) -> None:
        self._path, self._stream, self._left = path, stream, MAX_ARCHIVE_BYTES

    def read(self, size: int) -> bytes:
        """The next bytes."""
        part = self._stream.read(size)
        self._left -= len(part)
        if self._left < 0:
            raise InputError(f"{self._path}: unpacks to more than {MAX_ARCHIVE_BYTES:,} bytes")
        return part


def _from_tar(path: Path, stream: BinaryIO | gzip.GzipFile, names: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    # "r|" reads from front to back in small steps, so that no header can make it ask for much at once
    counted = _Counted(path, stream)
    with tarfile.open(fileobj=counted, mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name not in names or not member.isreg() or member.issparse():
                continue
            if name in found:
                raise InputError(f"{path}: has {name} twice")
            _check_size(path / name, member.size)
            content = archive.extractfile(member)
            found[name] = b"" if content is None else content.read()
            if len(found[name]) != member.size:
                raise InputError(f"{path}: damaged: {name} has {len(found[name])} bytes, expected {member.size}")
    while counted.read(_PART_BYTES):  # what lies behind the last member, and then the checksum
        pass
    return found


def _check_size(path: Path, size: int) -> None:
    if size > MAX_MEMBER_BYTES:
        raise InputError(f"{path}: has {size:,} bytes, at most {MAX_MEMBER_BYTES:,} are read")

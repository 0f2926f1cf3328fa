"""Writing a folder all at once or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ddcodec.errors import EncodeError, InputError


@contextmanager
def new_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to fill; it takes the target's name when the block ends well, and vanishes when it does not.

    Args: target: must not exist, or be an empty folder; missing parents are made.
    Raises: InputError when it is in use or cannot be made; EncodeError when the system fails while writing.
    """
    path = Path(os.path.realpath(target))
    if path.exists() and not path.is_dir():
        raise InputError(f"cannot write {target}: expected a folder, found a file")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"cannot write {target}: the folder is not empty")
    temporary = path.with_name(f".ddz-{secrets.token_hex(6)}.tmp")  # beside it: a rename stays on one disk
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from error
    try:
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.rename(path)
    except OSError as error:
        raise EncodeError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

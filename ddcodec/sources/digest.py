"""SHA-256 of what was read."""

import hashlib
import os
from pathlib import Path


def digest_of(path: Path) -> str:
    """Hex SHA-256 of a file, or of a folder: of the line "digest  name" of each file in it, by name.

    Raises: OSError.
    """
    if not path.is_dir():
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        whole.update(f"{digest_of(file)}  {os.fspath(file.relative_to(path))}\n".encode())
    return whole.hexdigest()

"""Tables of measurements: TSV files whose every row says which command, commit and seed it came from."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.format.atomic import write_atomic

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(os.environ.get("DDCODEC_RESULTS", str(ROOT / "benchmarks" / "results")))
"""Folder of the tables; DDCODEC_RESULTS names another one for trials."""
DATA = Path(os.environ.get("DDCODEC_DATA", str(ROOT.parent / "shared" / "data")))
"""Where a folder of image packs is looked for when `--data` does not say."""
COLUMNS = ("command", "commit", "seed", "seconds")


def command_line() -> str:
    """How the running script was called, from the root of the repository; absolute paths read PATH."""
    # A folder of one machine says nothing to readers of the table.
    shown = ["PATH" if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", _module(), *shown])


def _module() -> str:
    """Dotted name of the running script; that of its folder for a package."""
    script = Path(sys.argv[0])
    return f"benchmarks.{script.parent.name if script.stem == '__main__' else script.stem}"


def one_core() -> None:
    """Hold this process and its children to one core and one thread; it is started anew if libraries may use more."""
    if os.environ.get("OMP_NUM_THREADS") != "1":  # they have read it already
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        again = [sys.executable, "-m", _module(), *sys.argv[1:]]
        os.execve(sys.executable, again, environment)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _commit() -> str:
    """Short hash of the commit, with "+" where the code in the tree is another; without git DDCODEC_COMMIT, or none."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--", "ddcodec", "benchmarks/*.py")
    known = git("rev-parse", "--short", "--verify", "HEAD") or os.environ.get("DDCODEC_COMMIT", "none")
    return known + ("+" if changed else "")


COMMIT = _commit()
"""Of the code that is about to run: hours later, when a row is written, the tree may be another."""


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a table, none if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def append(path: Path, values: Mapping[str, Any], *, seconds: float) -> None:
    """Add one row to a table, which is made with its folder if need be; columns it lacks are added, too.

    Args: values: of the columns after `COLUMNS`, and "seed" (0 if it is missing); seconds: what it took.
    """
    row = {"command": command_line(), "commit": COMMIT, "seed": 0, "seconds": f"{seconds:.3f}", **values}
    old = read(path)
    columns = list(dict.fromkeys([*(old[0] if old else COLUMNS), *row]))
    text = _lines([row], columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    if old and len(columns) == len(old[0]):  # another process may be writing to the same table: add, do not replace
        with path.open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)
    else:
        write_atomic(path, (_lines([dict(zip(columns, columns, strict=True)), *old], columns) + text).encode())


def _lines(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", delimiter="\t", lineterminator="\n")
    writer.writerows(rows)
    return buffer.getvalue()


def finished(path: Path, key: Mapping[str, Any]) -> dict[str, str] | None:
    """The first row that holds every value of `key`, None without one."""
    wanted = {name: str(value) for name, value in key.items()}
    return next((row for row in read(path) if wanted.items() <= row.items()), None)


def latest(path: Path, *names: str) -> list[dict[str, str]]:
    """Rows of a table that no later row with the same values in these columns replaces, in order of first mention."""
    return list({tuple(row[name] for name in names): row for row in read(path)}.values())


def load_pack(
    folder: Path, name: str, split: str, limit: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[Any], list[str]]:
    """Images (N, H, W, C), labels and class names of one data set, read by the folder's `load.py`.

    Args: limit: take the first so many only.
    Raises: SystemExit without such a file.
    """
    path = folder / "load.py"
    spec = importlib.util.spec_from_file_location("benchmark_data", path)
    if spec is None or spec.loader is None or not path.exists():
        raise SystemExit(f"no load.py in {folder}; give --data")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images, labels, names = module.load(name, split, limit)
    return images, labels, list(names)


def first_of_each(labels: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Places of the first `count` images of each class, sorted by class: what the representation tables measure."""
    return np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)])

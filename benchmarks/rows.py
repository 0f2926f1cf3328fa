"""Rows of measurements: one TSV per benchmark, each row with command, commit and seconds."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def commit() -> str:
    """Short hash of the checked-out commit, "+" behind it where the tree differs; "none" outside of git."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    short = git("rev-parse", "--short", "HEAD") or "none"
    return short + ("+" if git("status", "--porcelain", "--", "ddcodec", "benchmarks/*.py") else "")


def append(path: Path, values: Mapping[str, Any], *, seconds: float) -> None:
    """Add one row to a TSV, with a heading if the file is new. All rows of a file have the same columns or
    leave some empty; a new column is refused."""
    row = {"command": " ".join(["python", *sys.argv]), "commit": commit(), "seconds": f"{seconds:.1f}", **values}
    if path.exists():
        with path.open(newline="") as stream:
            columns = next(csv.reader(stream, delimiter="\t"))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = list(row)
        if "accuracy_percent" not in columns and path.stem == "joint":
            columns.append("accuracy_percent")
        with path.open("w", newline="") as stream:
            csv.writer(stream, delimiter="\t", lineterminator="\n").writerow(columns)
    with path.open("a", newline="") as stream:
        csv.DictWriter(stream, columns, delimiter="\t", lineterminator="\n").writerow(row)


def finished(path: Path, key: Mapping[str, Any]) -> dict[str, str] | None:
    """The row whose columns equal `key`, or None."""
    if not path.exists():
        return None
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            if all(row.get(name) == str(value) for name, value in key.items()):
                return row
    return None


def load_pack(folder: Path, name: str, split: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (N, H, W, 3) uint8, labels and class names of a pack, by the `load.py` that lies with the packs."""
    spec = importlib.util.spec_from_file_location("pack_loader", folder / "load.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder}: no load.py there; name the folder with --data")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images, labels, names = module.load(name, split)
    return images, labels, names

"""curve.tsv and curve.png of a sweep: a row for each method and budget, written as soon as it is known."""

import csv
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddcodec.errors import InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.report.plot import Point, curve_png

TABLE, PICTURE, LOCK = "curve.tsv", "curve.png", "curve.lock"
COLUMNS = (
    *("command", "version", "seed", "seconds", "method", "kib_per_class", "images_per_class", "file_bytes"),
    *("repeats", "accuracy_percent", "std_percent", "note", "making_seconds"),
)
"""Of `seconds`, making_seconds went into the set itself: choosing, distilling, coding; the rest into judging it."""
_AT_FIRST = COLUMNS[:-1]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out meanwhile, where the system has such locks (Windows: not)."""
    with open(path, "a", encoding="utf-8") as stream:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)  # closing the file lets go of it
        yield


class SweepTable:
    """Rows of one sweep, kept in its folder.

    Args: folder: that the table lies in, or will. classes: how many.
    Raises: InputError for a table that was damaged.
    """

    def __init__(self, folder: Path, classes: int) -> None:
        self._folder, self._classes = folder, classes
        self.rows = self._read()

    def _read(self) -> list[dict[str, str]]:
        path = self._folder / TABLE
        if not path.exists():
            return []
        try:
            rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: not a readable table: {error}") from error
        if rows and tuple(rows[0]) not in (COLUMNS, _AT_FIRST):
            raise InputError(f"{path}: expected columns {', '.join(COLUMNS)}")
        return [dict.fromkeys(COLUMNS, "") | row for row in rows]

    def has(self, method: str, kib: float) -> bool:
        """Whether this has been measured."""
        return any((row["method"], row["kib_per_class"]) == (method, f"{kib:g}") for row in self.rows)

    def add(self, method: str, kib: float, **values: Any) -> dict[str, str]:
        """Write a row, and the picture anew; columns that are not given stay empty.

        Rows that another process has written meanwhile are kept.
        """
        row = {"method": method, "kib_per_class": f"{kib:g}", **{name: str(value) for name, value in values.items()}}
        new = {name: row.pop(name, "") for name in COLUMNS}
        if row:
            raise KeyError(f"no column {', '.join(row)}")
        with locked(self._folder / LOCK):
            self.rows = [*self._read(), new]
            buffer = io.StringIO(newline="")
            writer = csv.DictWriter(buffer, COLUMNS, delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            write_atomic(self._folder / TABLE, buffer.getvalue().encode())
            self.draw()
        return new

    def series(self) -> Mapping[str, list[Point]]:
        """Points by method, as far as they have been measured."""
        found: dict[str, list[Point]] = {}
        for row in self.rows:
            if row["accuracy_percent"]:
                rate = int(row["file_bytes"]) / self._classes
                point = (rate, float(row["accuracy_percent"]), float(row["std_percent"]))
                found.setdefault(row["method"], []).append(point)
        return found

    def draw(self) -> None:
        """Write the picture, if there is a point."""
        series = self.series()
        if series:
            write_atomic(self._folder / PICTURE, curve_png("Accuracy against file size", series))

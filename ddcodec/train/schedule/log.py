"""schedule.jsonl: a line for each event of a schedule."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, Any


class ScheduleLog:
    """Appends lines: time (seconds since 1970), event (start, dispatch, begin, pause, done, failure, end), and more."""

    def __init__(self, path: Path) -> None:
        self._stream: IO[str] = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def write(self, event: str, **values: Any) -> None:
        """Add a line."""
        self._stream.write(json.dumps({"time": round(time.time(), 3), "event": event, **values}) + "\n")

    def close(self) -> None:
        """Nothing more will be written."""
        self._stream.close()

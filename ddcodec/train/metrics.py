"""metrics.jsonl: one JSON object per step."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from ddcodec.format.atomic import write_atomic


class MetricsLog:
    """Appends lines; lines after `step`, of a run that got further before it was killed, are dropped first.

    Args: path: of the file; step: the last one to keep.
    """

    def __init__(self, path: Path, step: int) -> None:
        if path.exists():
            kept = [line for line in path.read_bytes().splitlines() if _step_of(line) <= step]
            write_atomic(path, b"".join(line + b"\n" for line in kept))
        self._stream = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def write(self, step: int, phase: str, values: Mapping[str, float]) -> None:
        """Append one line; a number that is not finite becomes null."""
        plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._stream.write(json.dumps({"step": step, "phase": phase, **plain}) + "\n")


def _step_of(line: bytes) -> float:
    """Step of a line; infinity for one that was cut off."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def seconds_of(path: Path) -> float:
    """Seconds that all steps in a log took; lines that say nothing of it count as none."""
    total = 0.0
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            total += float(json.loads(line)["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
    return total

"""Bytes transferred when a file is read from a web server: its tables, one class, everything.

    python -m benchmarks.remote FILE.ddz [...] [--class NAME_OR_NUMBER] [--output TABLE]

The server runs on this machine and counts what it sends of the file (bodies of the answers); once it has range
requests, once it has none. A row is written for each; `within` says whether one class of C took at most 1.5 / C of
the file and the header, as it must with ranges where the classes are of similar size.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rows import RESULTS, append
from ddcodec.inspection import Info, info
from ddcodec.reading import load
from tests.storage.server import plain, ranges, serving

TABLE = RESULTS / "remote.tsv"
SERVERS = {"ranges": ranges, "no ranges": plain}
ALLOWED_SHARE = 1.5


def transfers(data: bytes, wanted: int | str) -> list[dict[str, Any]]:
    """Figures of one file: a row for each server and each thing that is read."""
    actions: dict[str, Callable[[str], object]] = {
        "info": info,
        "one class": lambda url: load(url, classes=[wanted]),
        "one image of one class": lambda url: load(url, classes=[wanted], per_class=1),
        "all": load,
    }
    known: Info = info(data)
    rows = []
    for kind, act in SERVERS.items():
        for what, action in actions.items():
            with serving(data, act) as server:
                started = time.perf_counter()
                action(server.url)
                seconds = time.perf_counter() - started
                row = {
                    "read": what,
                    "server": kind,
                    "classes": known.header.class_count,
                    "file_bytes": len(data),
                    "header_bytes": known.overhead_bytes,
                    "transferred_bytes": server.sent,
                    "requests": server.requests,
                    "share_percent": round(100 * server.sent / len(data), 2),
                    "within": "",
                }
            if "class" in what and kind == "ranges":
                allowed = ALLOWED_SHARE * len(data) / known.header.class_count + known.overhead_bytes
                row["within"] = row["transferred_bytes"] <= allowed
            rows.append({**row, "took": seconds})
    return rows


def main() -> None:
    """One row for each file, server and thing read; stops with 1 where one class took too much."""
    parser = argparse.ArgumentParser(description="Bytes transferred from a web server, as TSV.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--class", dest="wanted", default="0", help="name or number of the one class")
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    os.environ["no_proxy"] = "127.0.0.1"  # a proxy would not find this machine's server
    good = True
    for path in options.files:
        for row in transfers(path.read_bytes(), options.wanted):
            seconds = row.pop("took")
            append(options.output, {"file": path.name, "class": options.wanted, **row}, seconds=seconds)
            print(path.name, *(f"{key}={value}" for key, value in row.items()), f"seconds={seconds:.3f}", flush=True)
            good = good and row["within"] is not False
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

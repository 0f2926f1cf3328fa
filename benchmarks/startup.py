"""How long fresh processes take on one core: `ddcodec info`, loading a file, importing numpy and torch.

    python -m benchmarks.startup [--file FILE.ddz] [--rounds 10] [--output TABLE]

The commands take turns, after a round that is not counted and warms the disk's caches; importing torch takes part
in every other round. Rows hold medians. Stops with 1 when something of ours imported torch.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import RESULTS, ROOT, append, one_core

TABLE = RESULTS / "startup.tsv"
INFO, TORCH = "ddcodec info FILE", "import torch"
CODES = {
    "ddcodec.load(FILE)": "import ddcodec; ddcodec.load({file!r})",
    "import ddcodec; ddcodec.load": "import ddcodec; ddcodec.load",
    "import numpy": "import numpy",
    TORCH: "import torch",
    "python alone": "pass",
}
INFO_CODE = (
    "import sys; sys.argv = ['ddcodec', 'info', {file!r}]; from ddcodec.cli import main; main(standalone_mode=False)"
)
ASK = "; import sys; sys.stderr.write('torch' if 'torch' in sys.modules else '')"


def commands(file: str) -> dict[str, list[str]]:
    """What is measured, by name; the program is the one beside this interpreter."""
    script = Path(sys.executable).parent / "ddcodec"
    program = [str(script)] if script.exists() else [sys.executable, "-m", "ddcodec.cli"]
    return {INFO: [*program, "info", file]} | {
        name: [sys.executable, "-c", code.format(file=file)] for name, code in CODES.items()
    }


def seconds_of(command: Sequence[str]) -> float:
    """Wall time of one process, which must succeed."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
    return time.perf_counter() - started


def leaves_torch(code: str) -> bool:
    """Whether torch is among the imported modules at the end."""
    command = [sys.executable, "-c", code + ASK]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stderr.endswith("torch")


def main() -> None:
    """One row for each command."""
    parser = argparse.ArgumentParser(description="Seconds of fresh processes, as TSV.")
    parser.add_argument("--file", type=Path, default=RESULTS / "joint-1kib.ddz")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: at least 2")
    one_core()
    file = str(options.file.resolve())
    started = time.perf_counter()
    times: dict[str, list[float]] = {name: [] for name in commands(file)}
    for number in range(options.rounds + 1):
        for name, command in commands(file).items():
            if name != TORCH or number % 2 == 0:
                taken = seconds_of(command)
                if number:
                    times[name].append(taken)
    seconds = (time.perf_counter() - started) / len(times)
    codes = {INFO: INFO_CODE} | CODES
    good = True
    for name, found in times.items():
        median = statistics.median(found)
        torch_imported = leaves_torch(codes[name].format(file=file))
        row = {
            "what": name,
            "file": options.file.name,
            "median_s": f"{median:.4f}",
            "least_s": f"{min(found):.4f}",
            "runs": len(found),
            "share_of_torch": f"{median / statistics.median(times[TORCH]):.3f}",
            "torch_imported": "yes" if torch_imported else "no",
        }
        append(options.output, row, seconds=seconds)
        print(*row.values(), sep="\t", flush=True)
        good = good and torch_imported == (name == TORCH)
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

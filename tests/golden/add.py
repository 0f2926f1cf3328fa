"""Adds golden files that make.py made: `python -m tests.golden.add FOLDER [PREFIX ...]`, of names with one of these.

Only what is not there yet is added; a file that is there and differs from the one in FOLDER ends it before it begins.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = {"valid": "hashes.json", "invalid": "invalid.json"}


def add(folder, prefixes=("",)):
    """Names of the files that were added."""
    new = []
    for part in PARTS:
        for made in sorted((folder / part).iterdir()):
            there = HERE / part / made.name
            if there.exists() and there.read_bytes() != made.read_bytes():
                sys.exit(f"{there} would change: golden files do not")
            if not there.exists() and made.name.startswith(tuple(prefixes)):
                new.append((part, made))
    for part, index in PARTS.items():
        listed, candidates = (json.loads((where / index).read_text(encoding="utf-8")) for where in (HERE, folder))
        for made in [made for found, made in new if found == part]:
            listed[made.name] = candidates[made.name]
            (HERE / part / made.name).write_bytes(made.read_bytes())
        (HERE / index).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    return [made.name for _, made in new]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(*add(Path(sys.argv[1]), sys.argv[2:] or ("",)), sep="\n")

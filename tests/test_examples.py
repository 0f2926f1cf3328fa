"""Every script of examples/ runs from start to end, without a warning, and says what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parents[1] / "examples"
# Lines each of them prints, the numbers to be checked in brackets.
EXPECTED = {
    "train_on_a_file.py": (
        r"digits\.ddz: \d+ bytes, 100 images",
        r"accuracy on 602 real test images: ([\d.]+) %",
    ),
    "federated_client.py": (
        r"the file has (\d+) bytes",
        r"north: classes 0 1: 100 images, (\d+) bytes \(\d+%\)",
        r"east: classes 7: 50 images, .*",
        r"south: classes 3 4 5: 150 images, .*",
    ),
    "republish_old_set.py": (
        r"layout mtt: (\d+) bytes of \.pt files, (\d+) as set\.ddz",
        r"greatest error of a value: .*",
        r"intact: 100 images, content [0-9a-f]{16}\.\.\.",
        r"for DD-Ranking: images\.pt, labels\.pt, lr\.pt; values are off by (\S+) at most",
    ),
    "compare_two_sets.py": (
        r"exact\.ddz: (\d+) bytes",
        r"fitted\.ddz: (\d+) bytes",
        r"  NETS: .*",
        r"  LATN: .*",
        r"  hash: .*",
        r"same content: False; PSNR ([\d.]+) dB",
        r".*report\.html: \d+ bytes, 2 files",
    ),
}


@pytest.fixture(scope="module", params=EXPECTED)
def said(request, tmp_path_factory):
    """Name of a script, the folder it was given, and the numbers in what it said."""
    name, folder = request.param, tmp_path_factory.mktemp("example")
    done = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / name, folder],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = re.fullmatch("\n".join((*EXPECTED[name], "")), done.stdout)
    assert found is not None, done.stdout
    return name, folder, [float(number) for number in found.groups()]


def test_none_is_left_out():
    assert {path.name for path in FOLDER.glob("*.py")} == set(EXPECTED)


def test_what_it_promises(said):
    name, folder, numbers = said
    if name == "train_on_a_file.py":
        assert 70 < numbers[0] <= 100
    elif name == "federated_client.py":
        assert numbers[1] < 0.25 * numbers[0]
    elif name == "republish_old_set.py":
        before, after, error = numbers
        assert after < before / 10
        assert error < 1e-5
        assert (folder / "for_dd_ranking" / "images.pt").is_file()
    else:
        exact, fitted, decibels = numbers
        assert fitted <= 10 * 300 + 500 < exact  # metadata and content hash are not in the budget
        assert decibels > 15
        assert "fitted.ddz" in (folder / "report.html").read_text(encoding="utf-8")

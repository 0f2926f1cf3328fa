"""What `pip install ddcodec` gives, without any extra: reading, showing, verifying, decoding, exporting."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "valid" / "groups-array-everything.ddz"
EXTRAS = ("torch", "tomli_w", "fsspec", "pyarrow", "datasets", "jinja2", "matplotlib", "aiohttp")
WALL = f"""
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Wall())
"""
PROGRAM = "from ddcodec.cli import main; main(prog_name='ddcodec')"


def python(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def works(*arguments):
    done = python(WALL + PROGRAM, *arguments)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("ddcodec: ") for line in done.stderr.splitlines())  # at most a remark
    return done.stdout


def complaint(*arguments):
    done = python(WALL + PROGRAM, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("ddcodec: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("library", EXTRAS)
def test_the_wall_stands(library):
    done = python(f"{WALL}import {library}")
    assert done.returncode == 1
    assert f"No module named '{library}'" in done.stderr


def test_the_wall_can_be_missed(tmp_path):
    pytest.importorskip("torch")
    done = python(PROGRAM, "decode", GOLDEN, tmp_path / "x.pt", "--to", "pt")
    assert done.returncode == 0, done.stderr
    assert python("import torch").returncode == 0


def test_show_and_verify(tmp_path):
    assert json.loads(works("info", GOLDEN, "--json"))["class_count"] == 3
    assert "6 images of 3 classes" in works("info", GOLDEN)
    assert "intact: 6 images" in works("verify", GOLDEN)
    works("sheet", GOLDEN, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.mode == "RGB"


def test_decode(tmp_path):
    for kind in ("png", "npz", "safetensors", "imagefolder"):
        assert works("decode", GOLDEN, tmp_path / kind, "--to", kind) == f"{tmp_path / kind}: 6 images\n"
    with np.load(tmp_path / "npz", allow_pickle=False) as pack, safe_open(tmp_path / "safetensors", "numpy") as same:
        assert pack["images"].shape == (6, 3, 9, 11)
        assert np.array_equal(pack["images"], same.get_tensor("images"))
    for kind in ("png", "imagefolder"):
        assert len(list((tmp_path / kind).glob("*/*.png"))) == 6


def test_from_python():
    code = f"""
import ddcodec
s = ddcodec.load({str(GOLDEN)!r})
print(s.images.shape, s.eval_transform()(s.images).dtype, s.expanded()[0].shape)
for attempt in (s.torch, lambda: ddcodec.TorchDataset(s), s.to_hf):
    try:
        attempt()
    except ddcodec.DdzError as error:
        print(error)
"""
    done = python(WALL + code)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "(6, 3, 9, 11) float32 (6, 3, 9, 11)"
    extras = [line.partition("install ddcodec")[2][:7] for line in lines[1:]]
    assert extras == ["[train]", "[train]", "[hf]"]


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("train", ("decode", GOLDEN, "OUT", "--to", "pt")),
        ("train", ("decode", GOLDEN, "OUT", "--to", "dc")),
        ("train", ("decode", GOLDEN, "OUT", "--to", "mtt")),
        ("train", ("decode", GOLDEN, "OUT", "--to", "ddranking")),
        ("parquet", ("decode", GOLDEN, "OUT", "--to", "parquet")),
        ("train", ("eval", GOLDEN, "--test", "digits:test")),
        ("train", ("distill", "--data", "digits", "--out", "OUT")),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join((value[0], value[-1])),
)
def test_what_needs_an_extra_says_which(tmp_path, extra, arguments):
    message = complaint(*(tmp_path / "out" if part == "OUT" else part for part in arguments))
    assert f"is not installed; install ddcodec[{extra}]" in message
    assert list(tmp_path.iterdir()) == []

"""The commands: results on stdout, one line on stderr for what goes wrong, exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import ddcodec
from ddcodec.codecs.selection import class_numbers
from ddcodec.errors import InputError
from ddcodec.pipeline import encode_set
from ddcodec.sources.spec import load_spec
from ddcodec.train import demo, loop
from tests.calls import call, complaint
from tests.small_models import META, MODELS
from tests.train.fake_distiller import FakeDistiller

ROOT = Path(__file__).parents[1]
SHORT = (
    *("--set", "train.fit_steps=2", "--set", "train.joint_steps=2", "--set", "train.tune_steps=1"),
    *("--images-per-class", "3", "--checkpoint-every", "2", "--device", "cpu"),
    *("--set", "recipe.epochs=2", "--set", "recipe.width=8", "--set", "recipe.augmentation=none"),
)


@pytest.fixture(autouse=True)
def _quick_distiller(monkeypatch):
    monkeypatch.setattr(loop, "default_factory", lambda: FakeDistiller)
    monkeypatch.setattr(demo, "default_factory", lambda: FakeDistiller)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.ddz"
    path.write_bytes(encode_set(MODELS["shared by some, shuffled"], META, with_hash=True))
    return path


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "default_factory", lambda: FakeDistiller)
        call("distill", "--data", "digits", "--out", folder, "--lambda", "2", "--seed", "4", *SHORT)
    return folder


def test_from_real_images_to_a_file_and_back(run_dir, tmp_path):
    out = tmp_path / "out.ddz"
    done = call("encode", run_dir, out)
    assert done.stdout.startswith(f"{out}: {out.stat().st_size} bytes")
    assert done.stderr == ""
    found = json.loads(call("info", out, "--json").stdout)
    assert found["file_bytes"] == out.stat().st_size
    assert found["counts"] == [3] * 10
    assert found["metadata"]["recipe"]["epochs"] == 2
    assert found["metadata"]["provenance"]["seed"] == 4
    assert "intact: 30 images" in call("verify", out).stdout
    assert "within tolerance" in call("validate", run_dir, out).stdout
    call("decode", out, tmp_path / "images")
    assert len(list((tmp_path / "images").rglob("*.png"))) == 30
    assert (tmp_path / "images" / "labels.csv").exists()
    done = call("eval", out, "--test", "digits:test", "--repeats", 2, "--device", "cpu", "--json")
    assert len(json.loads(done.stdout)["accuracies"]) == 2
    done = call("eval", out, "--test", "digits:test", "--repeats", 1, "--set", "recipe.epochs=1")
    assert "accuracy" in done.stdout
    assert "network 1 of 1" in done.stderr


def test_less_in_the_file(run_dir, tmp_path):
    sizes = {}
    for name, options in {
        "full": [],
        "no hash": ["--no-hash"],
        "two": ["--no-hash", "--meta", "norm,recipe"],
        "bare": ["--no-hash", "--meta", "none"],
    }.items():
        call("encode", run_dir, tmp_path / name, *options)
        sizes[name] = (tmp_path / name).stat().st_size
    assert sizes["full"] > sizes["no hash"] > sizes["two"] > sizes["bare"]
    assert ddcodec.load(tmp_path / "two").mean == (0.5,)
    assert ddcodec.load(tmp_path / "two").classes is None
    assert "no content hash" in call("verify", tmp_path / "bare").stdout
    assert "--meta names" in complaint("encode", run_dir, tmp_path / "x", "--meta", "names")
    assert not (tmp_path / "x").exists()


def test_distill_tells_its_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "default_factory", lambda: FakeDistiller)
    arguments = ("distill", "--data", "digits", "--out", tmp_path / "run", "--device", "cpu", *SHORT)
    lines = [line for line in call(*arguments).stderr.splitlines() if line.startswith("memory: ")]
    number = r"(\d+) MiB"
    said = re.fullmatch(
        rf"memory: the run will take about {number} on top of (\d+), a joint step .* about {number}", lines[0]
    )
    found = re.fullmatch(rf"memory: peak {number}, {number} of them before the run", lines[1])
    assert int(said[1]) >= int(said[3]) >= 1
    assert said[2] == found[2]
    assert int(found[1]) >= int(found[2]) > 50
    assert len(lines) == 2
    assert "memory" not in call(*arguments, "--resume").stderr  # nothing is left to do


def test_resume_by_itself(run_dir, tmp_path):
    before = (run_dir / "result.json").read_bytes()
    call("distill", "--out", run_dir, "--resume", "--device", "cpu")  # data and options as before
    assert (run_dir / "result.json").read_bytes() == before
    assert "other options" in complaint("distill", "--out", run_dir, "--resume", "--seed", 5)
    assert "not empty" in complaint("distill", "--out", run_dir, "--data", "digits")
    assert "--data is missing" in call("distill", "--out", tmp_path / "new", "--resume", code=2).stderr


def test_a_configuration_file_and_what_overrides_it(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[train]\nseed = 1\nlambda = 3\nimages_per_class = 9\nfit_steps = 9\n")
    folder = tmp_path / "run"
    call("distill", "--data", "digits", "--out", folder, "--config", path, "--seed", 8, *SHORT)
    text = (folder / "config.toml").read_text()
    assert "seed = 8" in text
    assert "lambda = 3.0" in text
    assert "images_per_class = 3" in text
    assert "fit_steps = 2" in text


@pytest.mark.parametrize("kind", ["npz", "safetensors", "pt"])
def test_decode_to_arrays(file, tmp_path, kind):
    out = tmp_path / "arrays"
    call("decode", file, out, "--to", kind)
    if kind == "npz":
        with np.load(out) as pack:
            assert np.array_equal(pack["images"], ddcodec.load(file).images)
    if kind == "pt":
        assert len(torch.load(out, weights_only=True)["labels"]) == 5


def test_decode_some_classes(file, tmp_path):
    call("decode", file, tmp_path / "one", "--class", "c")
    assert [path.name for path in (tmp_path / "one").iterdir() if path.is_dir()] == ["02_c"]
    call("decode", file, tmp_path / "two", "--class", "0", "--class", "c")
    assert len(list((tmp_path / "two").rglob("*.png"))) == 5
    message = complaint("decode", file, tmp_path / "three", "--class", "d")
    assert message == f"{file}: there is no class 'd'; expected a name or 0..2"
    assert not (tmp_path / "three").exists()


def test_a_name_wins_over_a_number():
    assert class_numbers(["1", "b", "0"], ("1", "b", "c"), 3) == [0, 1]
    assert class_numbers([], ("1",), 1) == []
    for text in ("3", "-1", "", "²"):
        with pytest.raises(InputError, match="no class"):
            class_numbers([text], None, 3)


def test_info_in_words(file):
    text = call("info", file).stdout
    for words in ("5 images of 3 classes", "NETS", "LATN", "LABL", "hash", "provenance: seed 1", "epochs 5"):
        assert words in text


def test_info_shows_hostile_names_harmlessly(tmp_path):
    path = tmp_path / "x.ddz"
    meta = ddcodec.pipeline.Metadata(classes=("\x1b[31mred", "[bold]b[/bold]", "c\n"))
    path.write_bytes(encode_set(MODELS["pyramid"], meta))
    text = call("info", path).stdout
    assert "\x1b" not in text
    assert r"\x1b[31mred" in text
    assert "[bold]b[/bold]" in text


def test_sheet(file, tmp_path):
    call("sheet", file, tmp_path / "s.png")
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_validate_says_no(run_dir, tmp_path):
    out = tmp_path / "other.ddz"
    out.write_bytes(encode_set(MODELS["pyramid"]))
    done = call("validate", run_dir, out, code=3)
    assert f"ddcodec: {out}: section LATN" in done.stderr


READERS = {
    "decode": ("out",),
    "info": (),
    "verify": (),
    "sheet": ("out",),
    "eval": ("--test", "digits:test"),
}


@pytest.mark.parametrize("command", READERS)
def test_files_that_are_none(file, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut").write_bytes(file.read_bytes()[:-1])
    (tmp_path / "picture.ddz").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (tmp_path / "folder").mkdir()
    for name, code in {"empty": 65, "cut": 65, "picture.ddz": 65, "folder": 1, "nothing": 1}.items():
        message = complaint(command, name, *READERS[command], code=code)
        assert message.startswith(f"{name}: ")
        assert message.count(name) == 1
    assert not (tmp_path / "out").exists()


def test_decode_does_not_touch_a_folder_in_use(file, tmp_path):
    message = complaint("decode", file, tmp_path)
    assert message.startswith(f"{tmp_path}: ")
    assert "not empty" in message


def test_runs_that_are_none(file, tmp_path):
    assert complaint("encode", tmp_path / "no", tmp_path / "x").startswith(f"{tmp_path / 'no'}: ")
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "config.toml").write_text("")
    assert "no finished result" in complaint("encode", tmp_path / "r", tmp_path / "x")
    assert "no finished result" in complaint("validate", tmp_path / "r", file)


def test_bad_data_and_options(tmp_path):
    out = tmp_path / "run"
    np.savez(tmp_path / "x.npz", images=np.full((2, 4, 4), np.nan), labels=np.arange(2))
    assert "NaN" in complaint("distill", "--data", f"npz:{tmp_path / 'x.npz'}", "--out", out)
    assert "No such file" in complaint("distill", "--data", "npz:none.npz", "--out", out)
    assert "train.seed" in complaint("distill", "--data", "digits", "--out", out, "--set", "train.sed=1")
    assert "train.lambda" in complaint("distill", "--data", "digits", "--out", out, "--lambda", "nan")
    assert "toaster" in complaint("distill", "--data", "digits", "--out", out, "--device", "toaster")
    assert not out.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_absent_cuda(tmp_path):
    out = tmp_path / "run"
    assert "cuda" in complaint("distill", "--data", "digits", "--out", out, "--device", "cuda")
    assert not out.exists()


def test_eval_needs_a_test_set_that_fits(file, run_dir, tmp_path):
    assert "expected images of shape (1, 5, 6)" in complaint("eval", file, "--test", "digits:test")
    call("encode", run_dir, tmp_path / "x.ddz")
    options = ["eval", tmp_path / "x.ddz", "--test", "digits:test"]
    assert "only recipe" in complaint(*options, "--set", "train.seed=1")
    assert "recipe.epochs" in complaint(*options, "--set", "recipe.epoch=1")
    assert "repeats" in complaint(*options, "--repeats", 0)


class Interrupting(FakeDistiller):
    """The user presses Ctrl-C twice at once."""

    def step(self):
        raise KeyboardInterrupt


def test_ctrl_c(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "default_factory", lambda: Interrupting)
    assert complaint("distill", "--data", "digits", "--out", tmp_path / "run", code=130) == "interrupted"


def test_demo(tmp_path, monkeypatch):
    quick = [text for text in SHORT if "." in text]
    monkeypatch.setattr(demo, "SETTINGS", (*quick, "train.images_per_class=2"))
    monkeypatch.setattr(demo, "REPEATS", 2)
    out = tmp_path / "demo"
    for _ in range(2):  # a second time into the same folder
        text = call("demo", "--out", out, "--device", "cpu").stdout
    for words in (
        "bits: file",
        "20 decoded images",
        "random real images",
        f"all {len(load_spec('digits').images)} real",
        "sheet.png",
    ):
        assert words in text
    assert sorted(path.name for path in out.iterdir()) == ["demo.json", "digits.ddz", "images", "run"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("x")
    assert "not empty" in complaint("demo", "--out", tmp_path / "mine")


NO_TORCH = """
import sys
from click.testing import CliRunner
from ddcodec.cli import main
for arguments in (["info", FILE], ["info", FILE, "--json"], ["decode", FILE, OUT], ["verify", FILE],
                  ["sheet", FILE, OUT + ".png"], ["encode", RUN, OUT + ".ddz"],
                  ["validate", RUN, OUT + ".ddz"], ["--help"]):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, (arguments, done.output)
    assert "torch" not in sys.modules, arguments
"""


def test_torch_stays_out(file, run_dir, tmp_path):
    names = {"FILE": str(file), "OUT": str(tmp_path / "out"), "RUN": str(run_dir)}
    code = "".join(f"{name} = {value!r}\n" for name, value in names.items()) + NO_TORCH
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_as_a_program(file, tmp_path):
    command = [sys.executable, "-m", "ddcodec.cli"]
    done = subprocess.run([*command, "verify", file], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([*command, "info", "nowhere"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "ddcodec: nowhere: cannot read: No such file or directory\n"
    assert done.stdout == ""

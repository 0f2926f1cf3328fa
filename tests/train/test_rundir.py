"""Runs: what lies in their folder, resuming, and what happens when parts are damaged."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from ddcodec.errors import EncodeError, InputError
from ddcodec.pipeline import encode_set
from ddcodec.train.checkpoints import Identity, checkpoint_files, load_checkpoint, save_checkpoint
from ddcodec.train.config import Config, from_toml
from ddcodec.train.data import load_training_data
from ddcodec.train.final_state import pack_state, read_state
from ddcodec.train.loop import Stopped, run
from ddcodec.train.rundir import read_result, write_result
from tests.small_models import MODELS
from tests.train.fake_distiller import FAKE, REAL, FakeDistiller, FakeResult

ROOT = Path(__file__).parents[2]
DATA = load_training_data("digits")
SHORT = ("train.fit_steps=4", "train.joint_steps=5", "train.tune_steps=3", "train.images_per_class=2")
CONFIG = Config().with_settings([*SHORT, "run.checkpoint_every=5"])
CPU = torch.device("cpu")


def go(folder, config=CONFIG, data=DATA, **more):
    run(config, data, folder, CPU, factory=more.pop("factory", FakeDistiller), **more)
    return folder


def file_of(folder):
    model, metadata, _ = read_result(folder)
    return encode_set(model, metadata, with_hash=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return go(tmp_path_factory.mktemp("runs") / "run")


def steps_in(folder):
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_what_a_run_leaves(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        *("config.toml", "run.json", "metrics.jsonl", "sheet.png", "state.safetensors", "result.json"),
        *("checkpoint-0000005.safetensors", "checkpoint-0000010.safetensors"),
    }
    assert from_toml((finished / "config.toml").read_text()) == CONFIG
    assert steps_in(finished) == list(range(1, 13))
    line = json.loads((finished / "metrics.jsonl").read_text().splitlines()[0])
    assert line["phase"] == "fit"
    assert line["psnr_db"] is None  # infinite: JSON has no word for it
    assert (finished / "sheet.png").read_bytes().startswith(b"\x89PNG")
    model, metadata, estimate = read_result(finished)
    assert model.counts == (2,) * 10
    assert metadata.classes == tuple("0123456789")
    assert metadata.provenance["config_sha256"] == CONFIG.sha256()[:16]
    assert metadata.provenance["dataset"] == "digits"
    assert len(estimate["latent_bits"]) == 10


def test_the_same_seed_gives_the_same_bytes(finished, tmp_path):
    assert file_of(go(tmp_path / "again")) == file_of(finished)
    other = CONFIG.with_settings(["train.seed=1"])
    assert file_of(go(tmp_path / "other", other)) != file_of(finished)


def test_the_file_does_not_tell_folders(tmp_path):
    data = type(DATA)(DATA.images, DATA.labels, DATA.classes, "npz:/home/me/secret/train.npz")
    _, metadata, _ = read_result(go(tmp_path / "run", data=data))
    assert metadata.provenance["dataset"] == "npz:train.npz"


def test_sheets_on_the_way(tmp_path):
    folder = go(tmp_path / "run", CONFIG.with_settings(["run.sheet_every=6"]))
    assert sorted(path.name for path in folder.glob("sheet-*")) == ["sheet-0000006.png", "sheet-0000012.png"]


@pytest.mark.parametrize("coded", MODELS.values(), ids=MODELS)
def test_the_state_rebuilds_the_set(coded, tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(pack_state(coded))
    again = read_state(path)
    assert encode_set(again) == encode_set(coded)
    assert pack_state(again) == path.read_bytes()


class Stumbles(FakeDistiller):
    """Fails in step 8."""

    def step(self):
        if self.steps_done == 7:
            raise RuntimeError("power cut")
        return super().step()


def test_resume_after_a_failure(finished, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError):
        go(folder, factory=Stumbles)
    assert steps_in(folder) == list(range(1, 8))
    with open(folder / "metrics.jsonl", "a") as stream:
        stream.write('{"step": 8, "pha')  # a line that was cut off
    with pytest.raises(InputError, match=r"not finished|no finished result"):
        read_result(folder)
    with pytest.raises(InputError, match="--resume"):
        go(folder)
    changed = CONFIG.with_settings(["run.checkpoint_every=2"])  # has no influence on the result
    go(folder, changed, resume=True)
    assert steps_in(folder) == list(range(1, 13))
    assert file_of(folder) == file_of(finished)
    before = (folder / "state.safetensors").stat().st_mtime_ns
    go(folder, changed, resume=True)  # a finished run is left as it is
    assert (folder / "state.safetensors").stat().st_mtime_ns == before


def test_resume_starts_where_nothing_is(tmp_path, finished):
    assert file_of(go(tmp_path / "new", resume=True)) == file_of(finished)


def test_resume_refuses_another_run(finished):
    with pytest.raises(InputError, match="other options"):
        go(finished, CONFIG.with_settings(["train.seed=9"]), resume=True)
    shorter = type(DATA)(DATA.images[:-1], DATA.labels[:-1], DATA.classes, "digits")
    with pytest.raises(InputError, match="other data"):
        go(finished, data=shorter, resume=True)


def test_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        go(tmp_path / "file")
    with pytest.raises(InputError, match="not empty"):
        go(tmp_path)
    with pytest.raises(InputError, match=r"run\.json"):
        go(tmp_path, resume=True)
    for folder, words in ((tmp_path, "no run directory"), (tmp_path / "none", "no such run directory")):
        with pytest.raises(InputError, match=words):
            read_result(folder)


def test_ctrl_c_saves_a_checkpoint(tmp_path, finished):
    folder, before = tmp_path / "run", signal.getsignal(signal.SIGINT)

    def progress(done, total, phase, metrics):
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match=r"after step 3 of 12") as caught:
        go(folder, progress=progress)
    assert caught.value.exit_code == 130
    assert [step for step, _ in checkpoint_files(folder)] == [3]
    assert signal.getsignal(signal.SIGINT) is before
    assert file_of(go(folder, resume=True)) == file_of(finished)


def test_runs_outside_the_main_thread(tmp_path, finished):
    thread = threading.Thread(target=go, args=(tmp_path / "run",))
    thread.start()
    thread.join()
    assert file_of(tmp_path / "run") == file_of(finished)


class Diverges(FakeDistiller):
    """Its loss is not a number."""

    def step(self):
        return super().step() | {"loss": float("nan")}


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    with pytest.raises(EncodeError, match="step 1: loss is nan"):
        go(tmp_path / "run", factory=Diverges)
    assert not (tmp_path / "run" / "result.json").exists()


def test_checkpoints(tmp_path):
    identity = Identity("a" * 64, "b" * 64)
    shared = torch.arange(6.0)
    for step in (5, 10, 15):
        save_checkpoint(tmp_path, step, {"a": shared[:3], "b": shared, "c": torch.tensor(step)}, identity)
    assert [step for step, _ in checkpoint_files(tmp_path)] == [10, 15]
    path = checkpoint_files(tmp_path)[-1][1]
    step, state = load_checkpoint(path, identity)
    assert (step, state["a"].tolist(), int(state["c"])) == (15, [0, 1, 2], 15)
    with pytest.raises(InputError, match="another run"):
        load_checkpoint(path, Identity("a", "b"))
    path = save_checkpoint(tmp_path, 20, {"w": torch.tensor([1.0, float("nan")])}, identity)
    with pytest.raises(InputError, match=r"0000020\.safetensors: tensor w holds a NaN"):
        load_checkpoint(path, identity)
    for content in (b"", b"junk" * 9, path.read_bytes()[:-1]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            load_checkpoint(path, identity)


def damaged(finished, tmp_path, **changes):
    """A copy of a run whose files are replaced (None: taken away)."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("config.toml", "state.safetensors", "result.json"):
        (folder / name).write_bytes((finished / name).read_bytes())
    for name, content in changes.items():
        path = folder / name.replace("_", ".")
        path.unlink() if content is None else path.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["state_safetensors", "result_json"])
@pytest.mark.parametrize("content", [None, b"", b"junk", b"{}", b"[]"])
def test_missing_and_broken_parts(finished, tmp_path, name, content):
    folder = damaged(finished, tmp_path, **{name: content})
    with pytest.raises(InputError) as caught:
        read_result(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    assert name.replace("_", ".") in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mean", [float("nan")], "not finite"),
        ("mean", [0.1, 0.2], "mean"),
        ("std", [0.0], "std"),
        ("std", "x", "std"),
        ("classes", ["a"], "classes"),
        ("recipe", {"width": 1.5}, "width"),
        ("recipe", 3, "int"),
        ("estimate", {}, "missing"),
        ("estimate", 7, "int"),
    ],
)
def test_results_that_make_no_sense(finished, tmp_path, key, value, words):
    values = json.loads((finished / "result.json").read_text())
    folder = damaged(finished, tmp_path, result_json=json.dumps({**values, key: value}).encode())
    with pytest.raises(InputError, match=words) as caught:
        read_result(folder)
    assert str(folder / "result.json") in str(caught.value)


def tampered(finished, change):
    with safetensors.safe_open(finished / "state.safetensors", "numpy") as pack:
        notes = pack.metadata()
        tensors = {name: pack.get_tensor(name) for name in pack.keys()}  # noqa: SIM118
    head = json.loads(notes["ddcodec"])
    change(tensors, head["networks"][0])
    return safetensors.numpy.save(tensors, {"ddcodec": json.dumps(head)})


WEIGHT = "networks.0.pixelwise.0.weight"
CHANGES = {
    "a float": lambda t, h: t.update({WEIGHT: t[WEIGHT] * np.float32("nan")}),
    "a shape": lambda t, h: t.update({WEIGHT: t[WEIGHT][:, :1]}),
    "a missing tensor": lambda t, h: t.pop(WEIGHT),
    "a huge weight": lambda t, h: t.update({WEIGHT: t[WEIGHT] + 10**6}),
    "a shift": lambda t, h: t["networks.0.shifts"].fill(16),
    "too few shifts": lambda t, h: t.update({"networks.0.shifts": t["networks.0.shifts"][1:]}),
    "latents of another size": lambda t, h: t.update({"latents.3": t["latents.3"][:, 1:]}),
    "latents of another type": lambda t, h: t.update({"latents.3": t["latents.3"].astype(np.int64)}),
    "no latents": lambda t, h: t.pop("latents.9"),
    "groups": lambda t, h: t["group_of_class"].fill(1),
    "an order": lambda t, h: t.update({"order": np.zeros(20, np.int64)}),
    "a kind": lambda t, h: h.update(kind="JpegConfig"),
    "a field": lambda t, h: h["config"].update(levels=3),
    "a value": lambda t, h: h["config"].update(residual=9),
    "a type": lambda t, h: h["config"].update(residual="1"),
    "a negative": lambda t, h: h["config"].update(residual=-1),
    "a side": lambda t, h: h["shape"].update(height=10**9),
    "no shape": lambda t, h: h.pop("shape"),
    "a base": lambda t, h: h.update(context_base=999_999),
    "widths": lambda t, h: h.update(context_widths=[10**9]),
    "no widths": lambda t, h: h.update(context_widths=[]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_states_that_were_tampered_with(finished, tmp_path, change):
    folder = damaged(finished, tmp_path, state_safetensors=tampered(finished, change))
    with pytest.raises(InputError) as caught:
        read_result(folder)
    assert str(caught.value).startswith(f"{folder / 'state.safetensors'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [{"mean": (float("nan"),)}, {"estimate": None}, {"classes": ("a",)}])
def test_a_result_that_makes_no_sense_is_not_written(tmp_path, part):
    good = FakeDistiller(CONFIG, DATA, CPU).result()
    estimate = dict(good.estimate, training_latent_bits=float("nan"))
    part = {"estimate": estimate} if "estimate" in part else part
    bad = FakeResult(**{**vars(good), **part})
    with pytest.raises(InputError):
        write_result(tmp_path, bad)
    assert list(tmp_path.iterdir()) == []


def start(folder, factory, settings, pause="0"):
    command = [sys.executable, "-m", "tests.train.fake_distiller", str(folder), factory, *settings]
    environment = {**os.environ, "FAKE_DISTILLER_PAUSE": pause, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


FACTORIES = [pytest.param(FAKE, id="fake")]
if importlib.util.find_spec("ddcodec.train.distiller") is not None:
    FACTORIES.append(pytest.param(REAL, id="real", marks=pytest.mark.slow))
TINY = (
    *("codec.block=8", "codec.context_widths=[4]", "train.images_per_class=2", "train.fit_steps=12"),
    *("train.joint_steps=12", "train.tune_steps=4", "train.lambda=10", "matching.networks=1"),
    *("matching.width=8", "matching.stages=[2]", "matching.augmentation=crop", "run.checkpoint_every=5"),
)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_killed_run_ends_in_the_same_file(tmp_path, factory):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with start(whole, factory, TINY) as process:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    with start(killed, factory, TINY, pause="0.05") as process:
        metrics, deadline = killed / "metrics.jsonl", time.monotonic() + 300
        while not metrics.exists() or metrics.read_text().count("\n") < 13:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
    assert not (killed / "result.json").exists()
    with start(killed, factory, TINY) as process:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    assert (killed / "state.safetensors").read_bytes() == (whole / "state.safetensors").read_bytes()
    assert file_of(killed) == file_of(whole)
    assert steps_in(killed) == steps_in(whole)


def test_options_that_are_refused_leave_nothing_behind(tmp_path):
    def refuse(*_):
        raise EncodeError("no")

    with pytest.raises(EncodeError):
        go(tmp_path / "run", factory=refuse)
    assert not (tmp_path / "run").exists()

"""distill --subtasks, encode of what it made, and options that make no sense."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ddcodec.pipeline import verify
from tests.calls import call, complaint

ROOT = Path(__file__).parent.parent
QUICK = ("--data", "digits", "--device", "cpu", "--images-per-class", 2, "--set", "train.joint_steps=0")


def test_a_split_distillation(tmp_path):
    out = tmp_path / "out"
    arguments = ("distill", *QUICK, "--out", out, "--subtasks", 2)
    assert call(*arguments, "--workers", 2).stdout == f"{out}\n"
    assert call("encode", out, tmp_path / "a.ddz").stdout.startswith(f"{tmp_path / 'a.ddz'}: ")
    assert (tmp_path / "a.ddz").read_bytes() == (out / "merged.ddz").read_bytes()
    call("encode", out, tmp_path / "b.ddz", "--meta", "none", "--no-hash")
    bare = verify(tmp_path / "b.ddz")
    assert bare.sections == ("NETS", "LATN")
    assert bare.content_hash == verify(out / "merged.ddz").content_hash
    (out / "merged.ddz").unlink()
    assert "2 of 2 blocks are finished; go on" in complaint("encode", out, tmp_path / "c.ddz")
    assert "not empty" in complaint(*arguments)
    assert "another --subtasks" in complaint("distill", "--out", out, "--resume", "--subtasks", 3)
    call("distill", "--out", out, "--resume")  # as many sub-tasks as before
    assert (tmp_path / "a.ddz").read_bytes() == (out / "merged.ddz").read_bytes()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--subtasks", 11), "--subtasks 11: expected 1..10, the number of classes"),
        (("--subtasks", 0), "--subtasks 0: expected 1 or more"),
        (("--subtasks", 2, "--workers", 0), "--workers 0: expected 1 or more"),
        (("--subtasks", 2, "--threads-per-worker", 0), "--threads-per-worker 0: expected 1 or more"),
        (("--subtasks", 2, "--retries", -1), "--retries -1: expected 0 or more"),
        (("--subtasks", 2, "--address", "host:1"), "--address needs --engine ray"),
        (("--subtasks", 2, "--gpus-per-task", 1), "--gpus-per-task needs --engine ray"),
        (("--subtasks", 2, "--engine", "ray", "--gpus-per-task", -1), "--gpus-per-task -1: expected 0 or more"),
        (("--workers", 2), "--workers needs --subtasks of 2 or more"),
    ],
)
def test_options_that_make_no_sense(tmp_path, words, problem):
    assert complaint("distill", *QUICK, "--out", tmp_path / "out", *words).endswith(problem)
    assert not (tmp_path / "out").exists()


def test_without_ray(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    said = complaint("distill", *QUICK, "--out", tmp_path / "out", "--subtasks", 2, "--engine", "ray")
    assert said.endswith("--engine ray: Ray is not installed; install ddcodec[ray]")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for one process")
def test_ctrl_c(tmp_path):
    out = tmp_path / "out"
    words = ["distill", *map(str, QUICK), "--out", str(out), "--subtasks", "2", "--set", "train.fit_steps=100000"]
    command = [sys.executable, "-m", "ddcodec.cli", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (out / "blocks" / "block-001" / "metrics.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == f"ddcodec: {out}: stopped, 0 of 2 blocks are done; go on with --resume"
    assert len(list(out.glob("blocks/*/checkpoint-*"))) >= 1

"""The script for GPUs at toy size on the CPU: all stages, stopped and taken up again on a machine that has nothing."""

import json
import shutil
import sys
import tarfile

import pytest
import torch
from safetensors.torch import load, save

import ddcodec
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.plan import FULL, TOY
from benchmarks.gpu.slim import fattened, slimmed, without_moments
from benchmarks.rows import command_line, read
from ddcodec.errors import InputError


class Ticks:
    """A time that goes on by a second whenever it is asked for."""

    def __init__(self):
        self.count = 0.0

    def __call__(self):
        self.count += 1
        return self.count


def call(folder, stage, seconds):
    options = [stage, "--dry-run", "--out", str(folder / "out"), "--work", str(folder / "work")]
    return main(options, Clock(seconds, Ticks()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """After a call that was stopped in the first run, one on a fresh machine that was not, and the other stages."""
    place = tmp_path_factory.mktemp("gpu")
    assert not call(place, "dm", 7)
    shutil.rmtree(place / "work")
    assert call(place, "all", 10_000)
    return place


def test_a_run_goes_on_from_what_was_packed(folder):
    first = next((folder / "work" / "files").glob("dm-0.1kib-*.jsonl"))
    steps = [json.loads(line)["step"] for line in first.read_text().splitlines()]
    assert steps == list(range(1, 10))
    assert list((folder / "work" / first.stem).glob("checkpoint-*")), (
        "the run began anew"
    )  # it is too short for its own


def test_each_stage_has_its_rows(folder):
    rows = {name: read(folder / "out" / f"{name}.tsv") for name in ("dm", "experts", "tm", "step")}
    assert [row["kib_per_class"] for row in rows["dm"]] == ["0.1", "0.2"]
    assert [row["kib_per_class"] for row in rows["tm"]] == ["0.15"]
    for row in rows["dm"] + rows["tm"]:
        wanted = 10 * 1024 * float(row["kib_per_class"])
        assert 0.97 * wanted <= int(row["file_bytes"]) <= wanted
        assert 0 <= float(row["accuracy_percent"]) <= 100
        assert row["device"].startswith("CPU")
    assert [row["expert_epochs_done"] for row in rows["experts"]] == ["9"]
    assert [(row["loss"], row["way"]) for row in rows["step"]] == [
        *(("dm", "ours"), ("dm", "plain")),
        *(("tm", "ours"), ("tm", "ours, bf16"), ("tm", "ours, replayed"), ("tm", "plain")),
    ]
    assert all(float(row["steps_per_s"]) > 0 for row in rows["step"])
    assert [row["cosine"] for row in rows["step"]][:3] == ["", "", "1.0000"]
    assert [row["cosine"] for row in rows["step"]][4:] == ["1.0000", "1.0000"]
    assert float(rows["step"][3]["cosine"]) > 0.9


def test_rows_name_a_package_like_a_script(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/benchmarks/gpu/__main__.py", "all", "--out", "/y"])
    assert command_line() == "python -m benchmarks.gpu all --out PATH"
    monkeypatch.setattr(sys, "argv", ["/x/benchmarks/joint.py"])
    assert command_line() == "python -m benchmarks.joint"


def test_what_comes_back_is_little_and_holds_the_files(folder):
    back = list((folder / "out").iterdir())
    assert len(back) <= 8
    assert all(path.is_file() and path.stat().st_size <= 16 << 20 for path in back)
    with tarfile.open(folder / "out" / "results.tar") as pack:
        names = pack.getnames()
        assert len(names) == 6
        for name in names:
            if name.endswith(".ddz"):
                stream = pack.extractfile(name)
                (folder / name).write_bytes(stream.read())
                found = ddcodec.load(str(folder / name))
                assert len(found.labels) in (20, 30, 40)
                assert found.recipe["width"] == 8


def test_a_complete_call_is_not_repeated(folder):
    before = [(path.name, path.read_bytes()) for path in sorted((folder / "out").glob("*.tsv"))]
    shutil.rmtree(folder / "work")
    assert call(folder, "dm", 10_000)
    assert not list((folder / "work").glob("dm-*"))
    assert before == [(path.name, path.read_bytes()) for path in sorted((folder / "out").glob("*.tsv"))]


def test_without_its_device_nothing_is_written(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="cuda"):
        main(["dm", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("plan", [FULL, TOY])
def test_options_of_all_points_are_valid(plan):
    points = (*plan.dm, *plan.tm)
    configs = [plan.config(point) for point in points]
    assert len({config.sha256() for config in configs}) == len(points)
    experts = plan.experts_config()
    for point, config in zip(points, configs, strict=True):
        if point.loss == "tm":
            kept = ("experts", "together", "expert_epochs", "expert_batch", "expert_rate")
            assert all(getattr(config.tm, name) == getattr(experts.tm, name) for name in kept)
            assert config.tm.max_start + config.tm.span <= config.tm.expert_epochs


def test_half_precision_and_back():
    generator = torch.Generator().manual_seed(0)
    shadow = 20 * torch.randn(40, 64, generator=generator)
    state = {
        "group.0.shadow": shadow,
        "group.0.first": torch.randn(40, 64, generator=generator),
        "group.0.second": 1e-12 * torch.rand(40, 64, generator=generator),
        "group.0.chosen": shadow.round().to(torch.int16),
        "group.0.count": torch.tensor([7]),
        "pool.0.mean": torch.rand(3),
        "matcher.queue": torch.tensor([1, 0]),
    }
    blob = save(state, {"step": "7"})
    packed = slimmed(blob, leave_out="pool.")
    assert len(packed) < 0.6 * len(blob)
    pool = save({"pool.0.mean": state["pool.0.mean"]})
    full = load(fattened(packed, pool))
    assert {name: value.dtype for name, value in full.items()} == {name: v.dtype for name, v in state.items()}
    for name, value in state.items():
        assert torch.allclose(full[name].double(), value.double(), rtol=0.005, atol=1e-30)
    assert torch.equal(full["group.0.chosen"], state["group.0.chosen"])
    lean = load(fattened(without_moments(packed)))
    assert not lean["group.0.second"].any()
    assert int(lean["group.0.count"]) == 0
    assert torch.equal(lean["group.0.chosen"], lean["group.0.shadow"].round().to(torch.int16))
    assert "pool.0.mean" not in lean

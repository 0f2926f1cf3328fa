"""The pool of networks as a file: shared between runs, out of checkpoints, refused where it is damaged."""

import os

import pytest
import torch
from safetensors.torch import load, load_file, save_file

from ddcodec.errors import InputError
from ddcodec.train import pool_store
from ddcodec.train.checkpoints import Identity, load_checkpoint, save_checkpoint
from ddcodec.train.config import Config
from ddcodec.train.loop import run
from ddcodec.train.losses import network_pool
from ddcodec.train.losses.network_pool import NetworkPool
from ddcodec.train.losses.seam import RealImages
from tests.train.small_runs import DIGITS, SHORT, started

CPU = torch.device("cpu")
SETTINGS = (*SHORT, "matching.networks=2", "run.checkpoint_every=1")
FINISHED = ("state.safetensors", "result.json")


def pool_files(folder):
    return sorted(folder.glob("pool-*.safetensors"))


def made(config, folder, **more):
    run(config, DIGITS, folder, CPU, **more)
    return [(folder / name).read_bytes() for name in FINISHED]


def no_training(monkeypatch):
    def refuse(*arguments, **more):
        raise AssertionError("a network was trained again")

    monkeypatch.setattr(network_pool, "train_member", refuse)


@pytest.mark.parametrize("loss", ["dm", "ncfm"])
def test_a_pool_is_kept_once_and_found_again(tmp_path, monkeypatch, loss):
    config = Config().with_settings([*SETTINGS, f"train.loss={loss}"])
    first = made(config, tmp_path / "own")
    assert len(pool_files(tmp_path / "own")) == 1
    shared = config.with_settings([f"run.pool={tmp_path / 'shared'}"])
    assert shared.sha256() == config.sha256()
    assert made(shared, tmp_path / "a") == first
    assert pool_files(tmp_path / "a") == []
    (path,) = pool_files(tmp_path / "shared")
    assert path.read_bytes() == pool_files(tmp_path / "own")[0].read_bytes()
    no_training(monkeypatch)
    assert made(shared, tmp_path / "b") == first
    more = shared.with_settings(["train.images_per_class=3", "train.bytes_per_class=90"])  # another budget
    made(more, tmp_path / "c")
    assert pool_files(tmp_path / "shared") == [path]
    lines = (tmp_path / "b" / "metrics.jsonl").read_text().splitlines()
    assert sum('"phase": "pool"' in line for line in lines) == 2


def test_checkpoints_do_without_the_pool(tmp_path):
    config = Config().with_settings(SETTINGS)
    for last, held in ((5, True), (6, False), (8, False)):  # networks are trained in steps 5 and 6

        def stop(done, total, phase, metrics, last=last):
            if done == last + 1:
                raise ZeroDivisionError

        folder = tmp_path / str(last)
        with pytest.raises(ZeroDivisionError):
            run(config, DIGITS, folder, CPU, progress=stop)
        state = load_file(folder / f"checkpoint-{last:07d}.safetensors")
        assert any(name.startswith("pool.") for name in state) == held
        assert "matcher.queue" in state


@pytest.mark.parametrize("loss", ["dm", "ncfm"])
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(tmp_path, monkeypatch, loss):
    config = Config().with_settings([*SETTINGS, "run.checkpoint_every=2", f"train.loss={loss}"])
    whole = made(config, tmp_path / "whole")
    for last in (5, 6, 7, 9):

        def stop(done, total, phase, metrics, last=last):
            if done == last:
                raise ZeroDivisionError

        folder = tmp_path / str(last)
        with pytest.raises(ZeroDivisionError):
            run(config, DIGITS, folder, CPU, progress=stop)
        if last == 9:
            pool_files(folder)[0].unlink()  # a file that is gone is made anew
        with monkeypatch.context() as patch:
            if last in (6, 7):
                no_training(patch)
            assert made(config, folder, resume=True) == whole
        assert len(pool_files(folder)) == 1


def test_old_checkpoints_that_hold_the_pool(tmp_path, monkeypatch):
    config = Config().with_settings(SETTINGS)
    whole = made(config, tmp_path / "whole")
    old = started("matching.networks=2")  # it knows no folder
    while old.steps_done < 8:
        old.step()
    state = old.state()
    assert any(name.startswith("pool.") for name in state)
    folder = tmp_path / "old"

    def stop(done, total, phase, metrics):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(config, DIGITS, folder, CPU, progress=stop)
    identity = Identity(config.sha256(), DIGITS.sha256())
    save_checkpoint(folder, 8, state, identity)
    no_training(monkeypatch)
    assert made(config, folder, resume=True) == whole
    assert pool_files(folder)[0].read_bytes() == pool_files(tmp_path / "whole")[0].read_bytes()
    _, state = load_checkpoint(folder / "checkpoint-0000013.safetensors", identity)
    assert not any(name.startswith("pool.") for name in state)


def pool(folder, *more):
    config = Config().with_settings([*SETTINGS, *more])
    real = RealImages(DIGITS, torch.tensor([0.3]), torch.tensor([0.38]), CPU)
    found = NetworkPool(config, real, torch.Generator())
    found.use_folder(folder)
    return found


def test_other_pools_have_other_names(tmp_path):
    for more in ((), ("train.seed=1",), ("matching.width=5",), ("matching.stages=[1]",), ("matching.networks=1",)):
        found = pool(tmp_path, *more)
        for number in range(found.options.networks):
            found.train(number)
    assert len(pool_files(tmp_path)) == 5
    before = [path.stat().st_mtime_ns for path in pool_files(tmp_path)]
    pool(tmp_path, "train.loss=ncfm", "train.images_per_class=7").train(0)
    assert [path.stat().st_mtime_ns for path in pool_files(tmp_path)] == before


def test_a_damaged_pool_is_refused(tmp_path, monkeypatch):
    whole = pool(tmp_path)
    for number in range(2):
        whole.train(number)
    (path,) = pool_files(tmp_path)
    blob = path.read_bytes()
    tensors = load(blob)
    stamp = {"pool": whole._store._stamp}
    lacking = {name: value for name, value in tensors.items() if not name.startswith("pool.1.")}
    spoilt = {**tensors, "pool.0.mean": tensors["pool.0.mean"] * torch.nan}
    for content, words in (
        (blob[:-8], "no readable networks"),
        (b"", "no readable networks"),
        ((lacking, stamp), "expected 2 networks, found 1"),
        ((spoilt, stamp), "not finite"),
        (({**lacking, "pool.1.mean": torch.zeros(1)}, stamp), "no readable networks"),
        ((tensors, {"pool": "0"}), "of other options or data"),
    ):
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            save_file(content[0], path, content[1])
        with pytest.raises(InputError, match=words) as caught:
            pool(tmp_path).train(0)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).endswith("remove it to train them anew")
        assert "\n" not in str(caught.value)
    path.unlink()
    pool(tmp_path).train(0)
    assert not path.exists()  # not before it is complete
    monkeypatch.setattr(pool_store, "write_atomic", None)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot make this folder"):
        pool(tmp_path / "file" / "sub")
    assert os.listdir(tmp_path) == ["file"]


def test_whitened_images_have_a_pool_of_their_own(tmp_path):
    for setting in ("recipe.zca=0.1", "recipe.zca=0.0"):
        distiller = started(setting)
        distiller.use_folder(tmp_path)
        while distiller.phase != "joint":
            distiller.step()
    assert len(list(tmp_path.glob("pool-*.safetensors"))) == 2

"""Experts: trained together as if alone, kept in files, shared between runs, refused where they do not belong."""

import numpy as np
import pytest
import torch

from ddcodec.errors import InputError
from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.experts import Experts
from ddcodec.train.flat import mixed_seed
from ddcodec.train.loop import run
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.rundir import read_result
from tests.train.small_runs import DIGITS, SHORT

SETTINGS = (
    *SHORT,
    "train.loss=tm",
    "tm.experts=3",
    "tm.together=2",
    "tm.expert_epochs=2",
    "tm.span=1",
    "tm.max_start=1",
)
SETTINGS += ("tm.student_steps=2", "tm.expert_rate=0.1", "train.joint_steps=2")
CPU = torch.device("cpu")


def experts(*more):
    config = Config().with_settings([*SETTINGS, *more])
    real = RealImages(DIGITS, torch.tensor([0.3]), torch.tensor([0.38]), CPU, config.recipe.zca)
    return Experts(config, real)


@pytest.mark.parametrize("together", [False, True])
def test_experts_that_are_trained_together_are_those_trained_alone(together):
    made = experts()
    made.together = together
    assert (made.groups, made.steps, made.count(0), made.count(1)) == (2, 4, 2, 1)
    metrics = [made.train(number) for number in range(made.steps)]
    assert metrics[1]["loss"] < metrics[0]["loss"]
    images, labels = RealImages(DIGITS, torch.tensor([0.3]), torch.tensor([0.38]), CPU).all()
    generator = torch.Generator().manual_seed(mixed_seed(0, 3, 0, 0))
    orders = torch.stack([torch.randperm(len(images), generator=generator) for _ in range(2)])
    flats = [made.store.get(0, 0, row) for row in range(2)]
    assert not torch.equal(*flats)
    for rows in torch.split(orders, 256, dim=1):
        seen = augment(images[rows.flatten()], "crop", generator).reshape(2, -1, 1, 8, 8)
        for row in range(2):
            flat = flats[row].requires_grad_(True)
            (slope,) = torch.autograd.grad(made.network.loss(flat, seen[row], labels[rows[row]]), flat)
            flats[row] = (flat - 0.1 * slope).detach()
    for row in range(2):
        assert torch.allclose(made.store.get(0, 1, row), flats[row], atol=1e-5)
    assert made.store.get(1, 2).shape == (1, made.network.size)


def test_training_goes_on_where_files_end(tmp_path):
    whole = experts()
    whole.store.use_folder(tmp_path / "whole")
    parts = [experts() for _ in range(4)]
    for number in range(4):
        whole.train(number)
        parts[number].store.use_folder(tmp_path / "parts")
        parts[number].train(number)
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert "loss" not in parts[0].train(3)  # it is there: nothing is trained
    assert torch.equal(whole.store.get(0, 2, 1), whole.store.get(0, 2)[1])


def test_other_or_damaged_experts_are_refused(tmp_path):
    made = experts()
    made.store.use_folder(tmp_path)
    made.train(0)
    for more in ("train.seed=1", "tm.expert_rate=0.2", "matching.width=5", "recipe.zca=0.1"):
        other = experts(more)
        other.store.use_folder(tmp_path)
        with pytest.raises(InputError, match=r"experts-000-001\.safetensors: holds experts of other options or data"):
            other.train(1)
    path = tmp_path / "experts-000-001.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="no readable experts"):
        made.train(1)
    path.unlink()
    with pytest.raises(InputError, match="no readable experts"):
        made.train(1)


def test_experts_that_diverged_are_refused(tmp_path):
    made = experts()
    made.store.use_folder(tmp_path)
    made.train(0)
    made.store.put(0, 1, torch.full((2, made.network.size), torch.nan))
    with pytest.raises(InputError, match=r"diverged; lower tm\.expert_rate"):
        made.train(1)


def test_a_run_keeps_its_experts_in_its_folder_or_takes_those_of_another(tmp_path):
    config = Config().with_settings([*SETTINGS, "run.checkpoint_every=4"])
    run(config, DIGITS, tmp_path / "first", CPU)
    kept = sorted((tmp_path / "first" / "experts").iterdir())
    assert len(kept) == 6
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in kept]
    lent = config.with_settings([f"run.experts={tmp_path / 'first' / 'experts'}"])
    run(lent, DIGITS, tmp_path / "second", CPU)
    assert not (tmp_path / "second" / "experts").exists()
    assert before == [(path.stat().st_mtime_ns, path.read_bytes()) for path in kept]
    (first, *_), (second, *_) = (read_result(tmp_path / name) for name in ("first", "second"))
    assert all(np.array_equal(a, b) for a, b in zip(first.latents, second.latents, strict=True))
    size = max(path.stat().st_size for path in (tmp_path / "first").glob("checkpoint*"))
    assert size < 200_000


@pytest.mark.parametrize("last", [5, 7, 9])
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(tmp_path, last):
    """Experts of after the last checkpoint are in their files already when the run goes on."""
    config = Config().with_settings([*SETTINGS, "run.checkpoint_every=3"])
    run(config, DIGITS, tmp_path / "whole", CPU)

    def stop(done, total, phase, metrics):
        if done == last:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(config, DIGITS, tmp_path / "killed", CPU, progress=stop)
    run(config, DIGITS, tmp_path / "killed", CPU, resume=True)
    for name in ("state.safetensors", "result.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()

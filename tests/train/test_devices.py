"""Runs whose networks are on another device: nothing is mixed up, and the host rarely waits."""

import numpy as np
import pytest
import torch

from ddcodec.pipeline import decode
from ddcodec.train import parts
from ddcodec.train.config import Config
from ddcodec.train.distiller import Distiller
from ddcodec.train.evaluate import evaluate
from ddcodec.train.recipe import Recipe
from tests.train.pretend_device import FAR, Misplaced, Pretend
from tests.train.small_runs import DIGITS, SHORT, file_of, started

SETTINGS = {
    "dm": ("train.bytes_per_class=60",),
    "dc": ("train.loss=dc", "dc.real_batch=4", "dc.matches=2", "dc.inner_steps=1", "codec.share=group"),
    "dc on real images": ("train.loss=dc", "dc.real_batch=4", "dc.inner_steps=1", "dc.train_on=real"),
    "ncfm": ("train.loss=ncfm", "ncfm.real_batch=4", "ncfm.frequencies=8"),
    "mmd": ("train.loss=mmd", "mmd.real_batch=4"),
    "tm": (
        *("train.loss=tm", "tm.experts=2", "tm.together=2", "tm.expert_epochs=2", "tm.span=1", "tm.max_start=1"),
        *("tm.student_steps=9", "tm.batch=7", "tm.expert_batch=400"),
    ),
    "d3": (
        *("train.loss=d3", "tm.experts=2", "tm.together=2", "tm.expert_epochs=2", "tm.span=1", "tm.max_start=1"),
        *("tm.student_steps=3", "tm.batch=7", "tm.expert_batch=400", "mmd.real_batch=4"),
    ),
    "outside": ("train.loss=tests.train.losses.outside_losses:MeanColour", "outside.real_batch=4"),
    "filter": ("codec.filter_layers=2", "codec.filter_width=3"),
    "pyramid": ("codec.synthesis=pyramid", "codec.cross_level=true"),
}


def made(name, device=FAR):
    return Distiller(Config().with_settings([*SHORT, *SETTINGS[name]]), DIGITS, device)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_keeps_its_tensors_apart(name):
    with Pretend() as pretend:
        distiller = made(name)
        while distiller.steps_done < distiller.steps_total:
            before, phase = pretend.waits, distiller.phase
            distiller.step()
            if phase == "joint":
                last = pretend.waits - before
            if phase == "joint" and distiller.phase != "joint":
                state = {key: value.cpu() for key, value in distiller.state().items()}
        blob = file_of(distiller)
        assert len(decode(blob).labels) == 20
        assert last <= 12
        again = made(name)
        again.load_state(state)
        while again.steps_done < again.steps_total:
            again.step()
        assert file_of(again) == blob


def test_parts_change_nothing(monkeypatch):
    monkeypatch.setattr(parts, "_LEAST", 3)
    files = []
    for threads in (1, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        distiller = started("train.images_per_class=4", "train.bytes_per_class=120", "train.tune_steps=1")
        metrics = [distiller.step() for _ in range(distiller.steps_total)]
        files.append((metrics, file_of(distiller)))
    assert files[0] == files[1]


@pytest.mark.parametrize(("images", "count"), [(0, 1), (31, 1), (64, 2), (65, 2), (1000, 5)])
def test_parts_cover_all_images(monkeypatch, images, count):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    found = parts.by_parts(images, lambda part: list(range(part.start, part.stop)))
    assert len(found) == count
    assert [place for part in found for place in part] == list(range(images))


def test_the_other_device_changes_no_more_than_rounding():
    with Pretend():
        far = made("dm")
        for _ in range(6):
            far.step()
    near = made("dm", torch.device("cpu"))
    for _ in range(6):
        near.step()
    assert np.allclose(far.images(), near.images(), atol=1e-4)


@pytest.mark.parametrize("together", [True, False])
def test_evaluation_keeps_its_tensors_apart(together):
    images, labels = torch.from_numpy(DIGITS.images[:40]), torch.from_numpy(DIGITS.labels[:40])
    recipe = Recipe(width=4, epochs=1, batch_size=20, augmentation="flip_crop")
    with Pretend():
        found = evaluate(images, labels, images, labels, recipe, [0, 1], FAR, [0.3], [0.4], together=together)
    assert len(found.accuracies) == 2


@pytest.mark.parametrize(
    "work",
    [
        lambda far, near: far + near,
        lambda far, near: near[far],
        lambda far, near: far.index_add(0, near, far),
        lambda far, near: far.numpy(),
        lambda far, near: torch.cat([far, torch.zeros(3)]),
        lambda far, near: torch.nn.functional.linear(far.float()[None], torch.ones(1, 3)),
    ],
)
def test_the_pretence_can_fail(work):
    with Pretend():
        near = torch.arange(3)
        far = near.to(FAR)
        assert (far.device, near.device, far.cpu().device) == (FAR, torch.device("cpu"), torch.device("cpu"))
        assert far[near].device == FAR
        with pytest.raises(Misplaced):
            work(far, near)

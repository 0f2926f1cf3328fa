"""Memory that runs out, losses that are no numbers, images that hold none."""

import numpy as np
import pytest
import torch

from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.checkpoints import checkpoint_files
from ddcodec.train.config import Config
from ddcodec.train.data import from_source, load_training_data
from ddcodec.train.loop import run
from ddcodec.train.troubles import OutOfMemory, is_out_of_memory, to_lower
from tests.train.fake_distiller import FakeDistiller

DATA = load_training_data("digits")
SHORT = ("train.fit_steps=4", "train.joint_steps=5", "train.tune_steps=1", "train.images_per_class=2")
CONFIG = Config().with_settings([*SHORT, "run.checkpoint_every=3"])
CPU = torch.device("cpu")
ERRORS = (
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes."),
    RuntimeError("MPS backend out of memory"),
)


def failing(error, step):
    """A distiller that fails in a step, counted from 1."""

    class Fails(FakeDistiller):
        def step(self):
            if self.steps_done == step - 1:
                raise error
            return super().step()

    return Fails


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__ + str(error)[:9])
def test_out_of_memory_says_what_to_lower(error, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(OutOfMemory, match=r"step 8 \(joint\); the checkpoint of step 6 is kept.* lower matching.width"):
        run(CONFIG, DATA, folder, CPU, factory=failing(error, 8))
    assert [step for step, _ in checkpoint_files(folder)] == [3, 6]
    run(CONFIG, DATA, folder, CPU, resume=True, factory=FakeDistiller)
    assert (folder / "result.json").exists()


def test_out_of_memory_before_the_first_checkpoint(tmp_path):
    with pytest.raises(OutOfMemory, match=r"step 1 \(fit\); there is no checkpoint yet.*train\.images_per_class"):
        run(CONFIG, DATA, tmp_path / "run", CPU, factory=failing(MemoryError(), 1))


@pytest.mark.parametrize(
    ("phase", "settings", "first"),
    [
        ("pool", ["train.loss=dm"], "matching.real_per_class"),
        ("pool", ["train.loss=ncfm"], "matching.real_per_class"),
        ("pool", ["train.loss=tm"], "tm.together"),
        ("pool", ["train.loss=d3"], "tm.together"),
        ("joint", ["train.loss=d3"], "tm.batch"),
        ("joint", ["train.loss=dm"], "matching.width or train.images_per_class"),
        ("joint", ["matching.source=random"], "matching.width, train.images_per_class or matching.real_batch"),
        ("joint", ["train.loss=dc"], "dc.real_batch"),
        ("joint", ["train.loss=ncfm"], "ncfm.real_batch"),
        ("joint", ["train.loss=mmd"], "mmd.real_batch"),
        ("joint", ["train.loss=tm"], "tm.batch, tm.student_steps"),
        ("joint", ["train.loss=mine.module:Loss"], "outside.real_batch"),
        ("joint", ["train.loss=mine.module:Loss", "matching.source=random"], "outside.real_batch"),
        ("finalise", ["train.loss=tm"], "train.images_per_class"),
    ],
)
def test_what_to_lower_is_a_setting_of_the_loss(phase, settings, first):
    config = Config().with_settings(settings)
    found = to_lower(phase, config)
    assert found.startswith(first)
    for name in found.replace(" or ", ", ").split(", "):
        section, key = name.split(".")
        assert hasattr(getattr(config, section), key)


def test_torch_itself_is_understood():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_other_failures_pass(tmp_path):
    with pytest.raises(RuntimeError, match="power cut") as caught:
        run(CONFIG, DATA, tmp_path / "run", CPU, factory=failing(RuntimeError("power cut"), 5))
    assert type(caught.value) is RuntimeError


def test_a_diverging_run_keeps_the_last_good_checkpoint(tmp_path):
    class Diverges(FakeDistiller):
        def step(self):
            metrics = super().step()
            return metrics | {"loss": float("inf")} if self.steps_done == 6 else metrics

    with pytest.raises(EncodeError, match=r"step 6: loss is inf; the checkpoint of step 3 is kept; .*learning_rate"):
        run(CONFIG, DATA, tmp_path / "run", CPU, factory=Diverges)
    assert [step for step, _ in checkpoint_files(tmp_path / "run")] == [3]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_images_that_hold_no_number(value):
    images = np.zeros((4, 1, 2, 2), np.float32)
    images[2, 0, 1, 0] = value
    with pytest.raises(InputError, match=r"^mine: image 2 holds a value that is no number"):
        from_source(LabelledImages(images, np.array([0, 1, 0, 1]), None, "mine"))

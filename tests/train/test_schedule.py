"""Sub-tasks on local processes: the same bytes whatever happens, and what is said when something does."""

import os
import signal

import numpy as np
import pytest

from ddcodec.codecs.configs import Shape
from ddcodec.errors import DdzError, InputError
from ddcodec.pipeline import decode, load
from ddcodec.train.data import TrainingData
from ddcodec.train.loop import Stopped
from ddcodec.train.schedule.engine import Begun, Failed
from ddcodec.train.schedule.order import next_task
from ddcodec.train.schedule.plan import make_plan
from ddcodec.train.schedule.slices import explained
from ddcodec.train.start import Start
from ddcodec.train.troubles import OutOfMemory
from tests.train.small_runs import DIGITS
from tests.train.small_schedules import CONFIG, Killer, Told, distil, lines, local


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("schedule") / "out"
    return out, distil(out, local(1))


def test_what_a_schedule_leaves(undisturbed):
    out, digest = undisturbed
    found = load(out / "merged.ddz")
    assert found.classes == tuple("0123456789")
    assert found.class_counts == (2,) * 10
    assert found.content_hash() == digest
    assert found.provenance["config_sha256"] == CONFIG.sha256()[:16]
    assert found.provenance["seed"] == CONFIG.train.seed
    assert found.mean == pytest.approx([DIGITS.images.mean()], abs=1e-6)
    assert found.std == pytest.approx([DIGITS.images.std()], abs=1e-6)
    names = sorted(path.name for path in (out / "blocks").iterdir())
    assert names == sorted([*(f"block-00{n}" for n in range(5)), *(f"block-00{n}.ddz" for n in range(5))])
    assert [line["block"] for line in lines(out, "done")] == [0, 1, 2, 3, 4]


def test_two_workers_and_a_killed_one_make_the_same(undisturbed, tmp_path):
    told = Told()
    assert distil(tmp_path / "a", local(2), told=told, on_event=Killer(tmp_path / "a")) == undisturbed[1]
    (failure,) = lines(tmp_path / "a", "failure")
    assert failure["block"] == 2
    assert failure["step"] >= 10
    cause = "its worker was killed (signal 9; out of memory?)"
    assert told.lines == [f"block 2 (classes 4..5): {cause}; tried again from step {failure['step']}"]
    assert (tmp_path / "a" / "merged.ddz").read_bytes() == (undisturbed[0] / "merged.ddz").read_bytes()


class Dies:
    """An engine around another one, whose slices of one block are lost."""

    def __init__(self, engine, block, cause, may_retry):
        self._engine, self._block, self._say, self._lost = engine, block, (cause, may_retry), []
        self.slots, self.slices, self.wait_is_over = engine.slots, engine.slices, False

    def submit(self, slot, task):
        if task.number == self._block:
            self._lost.append(Failed(slot, task.number, *self._say))
        else:
            self._engine.submit(slot, task)

    def wait(self, seconds):
        found, self._lost = self._lost, []
        return [*found, *self._engine.wait(0.0 if found else seconds)]

    def stop(self):
        self._engine.stop()

    def close(self):
        self._engine.close()


def test_a_block_that_is_given_up_does_not_stop_the_others(undisturbed, tmp_path):
    told = Told()
    with pytest.raises(DdzError, match=r"1 of 5 blocks given up \(block 1 \(classes 2..3\): no room on the disk\)"):
        distil(tmp_path / "out", lambda *a: Dies(local(1)(*a), 1, "no room on the disk", True), told=told, retries=2)
    assert [line.rpartition("; ")[2] for line in told.lines] == [
        *(["tried again from step 0"] * 2),
        "given up, the other blocks go on",
    ]
    assert len(lines(tmp_path / "out", "done")) == 4
    assert not (tmp_path / "out" / "merged.ddz").exists()
    assert distil(tmp_path / "out", local(1), resume=True) == undisturbed[1]
    assert [line["block"] for line in lines(tmp_path / "out", "done")][4:] == [1]


def test_what_is_not_tried_again(tmp_path):
    told = Told()
    small = CONFIG.with_settings(["train.bytes_per_class=5"])
    with pytest.raises(DdzError, match=r"2 of 2 blocks given up \(block 0 .*train.bytes_per_class is 5"):
        distil(tmp_path / "out", local(1), small, 2, told)
    assert [line.rpartition("; ")[2] for line in told.lines] == ["given up, the other blocks go on"] * 2


def test_ctrl_c_and_going_on(undisturbed, tmp_path):
    out = tmp_path / "out"

    def interrupt(event):
        if isinstance(event, Begun) and event.task == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped, match=r"stopped, 1 of 5 blocks are done; go on with --resume"):
        distil(out, local(1, slices=1), on_event=interrupt)
    assert not (out / "blocks" / "block-001.ddz").exists()
    with pytest.raises(InputError, match="not empty"):
        distil(out, local(1))
    assert distil(out, local(2), resume=True) == undisturbed[1]


def test_folders_of_something_else(undisturbed, tmp_path):
    for changed, word in ((CONFIG.with_settings(["train.seed=5"]), "options"), (CONFIG, "--subtasks")):
        with pytest.raises(InputError, match=f"other {word}|another {word}"):
            distil(undisturbed[0], local(1), changed, 4, resume=True)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match="without --subtasks"):
        distil(tmp_path, local(1), resume=True)
    (undisturbed[0] / "blocks" / "block-003.ddz").rename(tmp_path / "kept")
    (undisturbed[0] / "blocks" / "block-003.ddz").write_bytes(b"\x89DDZ")
    with pytest.raises(InputError, match=r"block-003.ddz: .*; remove it and go on with --resume"):
        distil(undisturbed[0], local(1), resume=True)
    (tmp_path / "kept").rename(undisturbed[0] / "blocks" / "block-003.ddz")


def test_plans():
    plan = make_plan(CONFIG, DIGITS, 4)
    assert [task.classes for task in plan.tasks] == [(0, 1), (2, 3, 4), (5, 6), (7, 8, 9)]
    assert len({task.config.train.seed for task in plan.tasks}) == 4
    assert plan.identity() == make_plan(CONFIG, DIGITS, 4).identity()
    part = plan.block_data(plan.tasks[1])
    assert part.classes == ("2", "3", "4")
    assert np.array_equal(part.images[part.labels == 2], DIGITS.images[DIGITS.labels == 4])
    alone = TrainingData(part.images, part.labels, part.classes, part.name)
    assert part.sha256() != alone.sha256()
    start = Start(CONFIG, part, Shape(1, 8, 8, 4080))
    assert start.mean.tolist() == list(plan.normalisation[0])
    assert start.std.tolist() == list(plan.normalisation[1])
    for number in (0, 11):
        with pytest.raises(InputError, match=r"expected 1..10"):
            make_plan(CONFIG, DIGITS, number)


def test_the_order_keeps_slots_busy_to_the_end():
    left = dict.fromkeys(range(5), 1.0)
    assert next_task([0, 1, 2, 3, 4], left, 2, 0.25) == 0
    left |= {2: 0.75, 3: 0.75, 0: 0.0, 1: 0.0}
    assert next_task([2, 4], left, 2, 0.25, current=2) == 2  # the last one can still wait for a slice
    left |= {2: 0.5, 3: 0.5}
    assert next_task([2, 4], left, 2, 0.25, current=2) == 4
    assert next_task([2], left, 2, 0.25, current=2) == 2


def test_failures_in_words():
    assert explained(MemoryError()) == ("out of memory", True)
    assert explained(OutOfMemory("out of memory in step 3")) == ("out of memory in step 3", True)
    assert explained(OSError(28, "No space left on device")) == ("No space left on device", True)
    assert explained(InputError("nonsense")) == ("nonsense", False)
    assert explained(KeyError("x")) == ("KeyError: 'x'", False)


def test_a_merged_file_of_a_schedule_splits_into_its_blocks(undisturbed):
    from tests.test_merging import part, split

    out, _ = undisturbed
    files = split(part((out / "merged.ddz").read_bytes()))[0]
    assert files == [path.read_bytes() for path in sorted((out / "blocks").glob("*.ddz"))]
    assert decode(files[1]).provenance["block"] == [10, 2, 2]

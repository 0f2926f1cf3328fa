"""Sweeps: what they leave, going on, and what they refuse. The distiller is a fake, the rest is real."""

import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ddcodec.errors import EncodeError, InputError
from ddcodec.pipeline import decode
from ddcodec.sources.spec import load_spec
from ddcodec.train import count_search, rival_search, sweep
from ddcodec.train.config import Config
from ddcodec.train.count_search import Trial
from ddcodec.train.distiller import Distiller
from ddcodec.train.judging import judge, recipe_of
from ddcodec.train.loop import Stopped
from ddcodec.train.reproduction import stored_accuracy
from ddcodec.train.sweep import Plan, Sweep
from ddcodec.train.sweep_table import COLUMNS, SweepTable, locked
from tests.train.fake_distiller import FakeDistiller
from tests.train.small_runs import DIGITS, SHORT

TEST = load_spec("digits", "test")
CONFIG = Config().with_settings(
    [
        *("train.fit_steps=2", "train.joint_steps=3", "train.tune_steps=1", "train.images_per_class=3"),
        *("recipe.width=4", "recipe.epochs=1", "recipe.augmentation=none"),
    ]
)
RIVALS = ("real", "webp", "pixels8", "pixels32")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(count_search, "_STEPS", 3)
    monkeypatch.setattr(count_search, "_REPEATS", 1)


def make(out, *, kib=(0.5, 0.2), rivals=RIVALS, config=CONFIG, repeats=2, auto=False, **more):
    plan = Plan(config, kib, auto, rivals, repeats, "ddcodec sweep", "digits:test", more.pop("rival_repeats", None))
    factory = more.pop("factory", FakeDistiller)
    return Sweep(plan, more.pop("data", DIGITS), TEST, out, torch.device("cpu"), factory, **more)


def rows_of(out):
    header, *lines = (out / "curve.tsv").read_text().splitlines()
    assert tuple(header.split("\t")) == COLUMNS
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(count_search, "_STEPS", 3)
        patch.setattr(count_search, "_REPEATS", 1)
        make(out).run()
    return out


def test_what_a_sweep_leaves(finished):
    names = {path.name for path in finished.iterdir()}
    runs = {"0.2kib", "0.5kib", "0.2kib.ddz", "0.5kib.ddz"}
    assert names == runs | {"curve.tsv", "curve.png", "curve.lock", "choices.jsonl", "sweep.json"}
    rows = rows_of(finished)
    methods = ["distilled", *RIVALS]
    assert [(row["kib_per_class"], row["method"]) for row in rows] == [(k, m) for k in ("0.2", "0.5") for m in methods]
    for row in rows:
        size = (finished / f"{row['kib_per_class']}kib.ddz").stat().st_size
        assert (row["command"], row["seed"]) == ("ddcodec sweep", "0")
        assert float(row["seconds"]) > float(row["making_seconds"]) > 0
        assert bool(row["note"]) == row["method"].startswith("pixels")
        assert row["repeats"] == "2"
        assert 0 <= float(row["accuracy_percent"]) <= 100
        if row["method"] == "distilled":
            assert int(row["file_bytes"]) == size
            assert len(decode((finished / f"{row['kib_per_class']}kib.ddz").read_bytes())) == 30
        elif row["method"] != "real":  # the fake distiller knows no budget
            assert int(row["file_bytes"]) <= size
    assert (finished / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_numbers_of_images_were_chosen_on_held_out_ones(finished):
    lines = [json.loads(line) for line in (finished / "choices.jsonl").read_text().splitlines()]
    assert {(line["method"], line["kib_per_class"]) for line in lines} >= {("real", 0.2), ("webp", 0.5)}
    for row in rows_of(finished):
        if row["method"] in ("real", "webp"):
            kib = float(row["kib_per_class"])
            tried = {x["images_per_class"] for x in lines if (x["method"], x["kib_per_class"]) == (row["method"], kib)}
            assert int(row["images_per_class"]) in tried


def test_a_rival_that_does_not_fit_says_why(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise EncodeError("webp: no mosaic fits")

    monkeypatch.setattr(rival_search, "by_mosaic", refuse)
    table = make(tmp_path / "out", kib=(0.2,), rivals=("webp",)).run()
    assert (table.rows[1]["note"], table.rows[1]["accuracy_percent"]) == ("webp: no mosaic fits", "")


def test_the_side_of_plain_pixels_is_chosen_on_held_out_images(tmp_path, monkeypatch):
    out, asked = tmp_path / "out", []

    def measured(coded, held, recipe, device, started, real):
        assert held.name.endswith("(held out)")
        asked.append(coded.note)
        return Trial(
            coded.images_per_class, coded.file_bytes, 0.9 if coded.note == "4x4 pixels" else 0.1, 0, coded.note
        )

    monkeypatch.setattr(rival_search, "measure", measured)
    (_, row) = make(out, kib=(0.2,), rivals=("pixels8",)).run().rows
    assert asked == ["8x8 pixels", "4x4 pixels", "2x2 pixels", "1x1 pixels"]
    size = (out / "0.2kib.ddz").stat().st_size
    assert (row["note"], int(row["images_per_class"])) == ("4x4 pixels", size // 160)
    assert int(row["file_bytes"]) == 160 * (size // 160)
    lines = [json.loads(line) for line in (out / "choices.jsonl").read_text().splitlines()]
    assert [line["note"] for line in lines] == asked
    (out / "curve.tsv").unlink()
    monkeypatch.setattr(rival_search, "measure", None)  # all of it is known
    assert make(out, kib=(0.2,), rivals=("pixels8",)).run().rows[1]["note"] == "4x4 pixels"


def test_avif_without_avif(tmp_path, monkeypatch):
    monkeypatch.setattr(rival_search, "can_write", lambda kind: False)
    notes = []
    table = make(tmp_path / "out", kib=(0.2,), rivals=("avif",), note=notes.append).run()
    assert "this Pillow cannot write it" in table.rows[1]["note"]
    assert any("avif is left out" in line for line in notes)


def test_what_is_there_is_not_measured_again(finished, monkeypatch):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file() and path.name != "curve.png"}

    def no(*arguments):
        raise AssertionError("measured again")

    monkeypatch.setattr(sweep, "judge", no)
    monkeypatch.setattr(rival_search, "search_count", no)
    make(finished, kib=(0.2,)).run()
    assert {path: path.read_bytes() for path in before} == before


def test_stopped_anywhere_it_goes_on(finished, tmp_path):
    out, seen = tmp_path / "out", []

    def progress(done, total, phase, metrics):
        seen.append(done)
        if len(seen) == 8:  # in the second run
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match=r"0\.5kib: stopped after step 2 of 6; the same sweep goes on") as caught:
        make(out, progress=progress).run()
    assert caught.value.exit_code == 130
    assert {row["kib_per_class"] for row in rows_of(out)} == {"0.2"}
    make(out).run()
    parts = ("method", "kib_per_class", "images_per_class", "file_bytes", "accuracy_percent")
    assert [[row[x] for x in parts] for row in rows_of(out)] == [[row[x] for x in parts] for row in rows_of(finished)]


def test_the_number_of_images_is_chosen_for_each_budget(tmp_path):
    make(tmp_path / "out", kib=(0.1,), rivals=(), auto=True, repeats=1).run()
    (row,) = rows_of(tmp_path / "out")
    last = json.loads((tmp_path / "out" / "0.1kib" / "images-per-class.jsonl").read_text().splitlines()[-1])
    assert int(row["images_per_class"]) == last["chosen"]


def test_a_search_begins_where_the_nearest_budget_did_best(tmp_path, monkeypatch):
    lines = [
        *(("webp", 0.5, 20, 0.5), ("webp", 0.5, 28, 0.7), ("webp", 0.5, 40, 0.6)),
        *(("webp", 4.0, 99, 0.9), ("real", 1.0, 7, 0.9), ("webp", 1.0, 33, 0.1)),
    ]
    fields = ("method", "kib_per_class", "images_per_class", "accuracy")
    rest = {"file_bytes": 1, "seconds": 0.0}
    text = "".join(json.dumps(dict(zip(fields, line, strict=True)) | rest) + "\n" for line in lines)
    (tmp_path / "choices.jsonl").write_text(text + '{"method": "webp", "kib')
    asked = []

    def searched(first, most, make, judged, known, record):
        asked.append((first, [trial.images_per_class for trial in known]))
        return [Trial(2, 1, 0.5, 0.0)]

    monkeypatch.setattr(rival_search, "search_count", searched)
    found = rival_search.RivalSearch(CONFIG, DIGITS, tmp_path, torch.device("cpu"), FakeDistiller)
    monkeypatch.setattr(rival_search, "by_mosaic", lambda kind, left, count, size: count)
    monkeypatch.setattr(rival_search, "by_this_codec", lambda config, left, count, device, factory: count)
    for name, kib in (("webp", 1.0), ("webp", 0.4), ("real", 1.0)):
        assert found.best(name, kib, CONFIG, 2000) == 2
    assert asked == [(40, [33]), (25, []), (3, [7])]


@pytest.mark.parametrize(("loss", "name", "files"), [("dm", "pool", 1), ("tm", "experts", 2)])
def test_networks_are_trained_once_for_all_budgets(tmp_path, loss, name, files):
    small = ("tm.experts=1", "tm.expert_epochs=1", "tm.span=1", "tm.max_start=0", "tm.student_steps=1")
    more = (*SHORT, "recipe.width=4", "recipe.epochs=1", "recipe.augmentation=none", f"train.loss={loss}", *small)
    config, out = Config().with_settings(more), tmp_path / "out"
    make(out, kib=(0.1, 0.15), rivals=(), config=config, repeats=1, factory=Distiller).run()
    kept = sorted((out / name).iterdir())
    assert len(kept) == files
    assert not [path for path in out.glob("*kib/*") if path.name.startswith(("pool", "experts"))]
    assert len(rows_of(out)) == 2
    lent = config.with_settings([f"run.{name}={out / name}"])
    before = [path.stat().st_mtime_ns for path in kept]
    make(tmp_path / "new", kib=(0.1,), rivals=(), config=lent, repeats=1, factory=Distiller).run()
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert not (tmp_path / "new" / name).exists()
    assert (tmp_path / "new" / "0.1kib.ddz").read_bytes() == (out / "0.1kib.ddz").read_bytes()


def test_another_sweep_is_refused(finished, tmp_path):
    for changed, words in (
        (make(finished, config=CONFIG.with_settings(["train.seed=1"])), "config_sha256"),
        (make(finished, repeats=3), "repeats"),
        (make(finished, auto=True), "images_per_class"),
    ):
        with pytest.raises(InputError, match=rf"sweep\.json: is of a sweep with another {words}"):
            changed.run()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        make(tmp_path / "file").run()
    with pytest.raises(InputError, match="not from an earlier sweep"):
        make(tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("more", "words"), [({"rivals": ("jpg",)}, "rival jpg"), ({"kib": ()}, "kib"), ({"kib": (0,)}, "kib")]
)
def test_plans_that_mean_nothing(more, words, tmp_path):
    with pytest.raises(InputError, match=words):
        make(tmp_path / "out", **more)
    with pytest.raises(InputError, match="repeats"):
        make(tmp_path / "out", repeats=0)
    with pytest.raises(InputError, match="rival repeats: expected at least 1, found 0"):
        make(tmp_path / "out", rival_repeats=0)


def test_files_state_what_was_found_within_the_budget(tmp_path):
    settings = [*SHORT, "recipe.width=4", "recipe.epochs=1", "recipe.augmentation=none", "matching.augmentation=none"]
    config = Config().with_settings([*settings, "train.images_per_class=5"])
    notes = []
    table = make(tmp_path / "out", kib=(0.12,), rivals=("pixels8",), config=config, factory=Distiller, repeats=2,
                 rival_repeats=1, note=notes.append).run()  # fmt: skip
    ours, rival = table.rows
    assert (ours["repeats"], rival["repeats"]) == ("2", "1")
    blob = (tmp_path / "out" / "0.12kib.ddz").read_bytes()
    budget = 0.12 * 1024 * 10
    assert 0.97 * budget <= len(blob) == int(ours["file_bytes"]) <= budget
    dataset = decode(blob)
    stored = stored_accuracy(dataset.recipe)
    assert (stored.repeats, stored.test) == (2, "digits:test")
    assert ours["accuracy_percent"] == str(round(100 * stored.accuracy, 2))
    assert ours["std_percent"] == str(round(100 * stored.std, 2))
    found = judge(dataset, TEST, recipe_of(dataset.recipe), 2, torch.device("cpu"))
    assert (found.mean, found.std) == (stored.accuracy, stored.std)
    (tmp_path / "out" / "curve.tsv").unlink()  # stopped between the file and its row: judged anew, and the same
    make(tmp_path / "out", kib=(0.12,), rivals=(), config=config, factory=Distiller, repeats=2).run()
    assert (tmp_path / "out" / "0.12kib.ddz").read_bytes() == blob
    assert "reserve_bytes" in (tmp_path / "out" / "0.12kib" / "config.toml").read_text()


def test_rows_of_two_processes_are_all_kept(tmp_path):
    first, second = SweepTable(tmp_path, 10), SweepTable(tmp_path, 10)
    first.add("a", 1, seconds=1)
    second.add("b", 2)
    first.add("c", 1)
    assert [row["method"] for row in first.rows] == ["a", "b", "c"] == [row["method"] for row in rows_of(tmp_path)]
    assert not second.has("c", 1)
    assert SweepTable(tmp_path, 10).has("c", 1)
    with pytest.raises(KeyError, match="no column more"):
        first.add("d", 1, more=2)
    assert len(rows_of(tmp_path)) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no such lock")
def test_a_row_waits_for_its_turn(tmp_path):
    table = SweepTable(tmp_path, 10)
    with ThreadPoolExecutor(1) as pool:
        with locked(tmp_path / "curve.lock"):
            waiting = pool.submit(table.add, "a", 1)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            assert not (tmp_path / "curve.tsv").exists()
        assert waiting.result()["method"] == "a"
    assert table.has("a", 1)


def test_a_table_of_before_making_seconds(tmp_path):
    table = SweepTable(tmp_path, 10)
    table.add("a", 1, seconds=3, making_seconds=2)
    lines = [line.rpartition("\t")[0] for line in (tmp_path / "curve.tsv").read_text().splitlines()]
    (tmp_path / "curve.tsv").write_text("\n".join(lines) + "\n")
    SweepTable(tmp_path, 10).add("b", 1, making_seconds=4)
    assert [(row["seconds"], row["making_seconds"]) for row in rows_of(tmp_path)] == [("3", ""), ("", "4")]


def test_a_table_that_was_damaged(tmp_path):
    (tmp_path / "curve.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"curve\.tsv: expected columns command"):
        SweepTable(tmp_path, 10)

"""How many images a budget is spent on: the search, and the choice for a run."""

import json

import pytest
import torch

from ddcodec.errors import EncodeError, InputError
from ddcodec.pipeline import encode_set
from ddcodec.train import count_search, images_auto
from ddcodec.train.coded_real import hold_out, largest_class
from ddcodec.train.config import Config, load_config
from ddcodec.train.count_search import Trial, best_trial, first_guess, search_count, short_recipe
from ddcodec.train.distiller import Distiller
from ddcodec.train.loop import run
from ddcodec.train.recipe import Recipe
from ddcodec.train.rundir import read_result
from tests.train.fake_distiller import FakeDistiller
from tests.train.small_runs import DIGITS, SHORT, synthetic

CPU = torch.device("cpu")


def search(peak, first=10, most=1000, fits=lambda count: True, known=(), asked=None):
    """A search where the accuracy falls off on both sides of `peak`."""

    def make(count):
        if asked is not None:
            asked.append(count)
        if not fits(count):
            raise EncodeError(f"{count} do not fit")
        return count

    def judged(count, started):
        return Trial(count, 100, 1 - abs(count - peak) / 100, 0.0)

    return search_count(first, most, make, judged, known)


@pytest.mark.parametrize(("peak", "counts"), [(10, [7, 10, 14]), (21, [7, 10, 14, 20, 29]), (4, [3, 4, 5, 7, 10, 14])])
def test_the_search_follows_what_gets_better(peak, counts):
    found = [trial.images_per_class for trial in search(peak)]
    assert found == counts
    assert abs(best_trial(search(peak)).images_per_class - peak) <= 1


def test_the_search_stays_within_what_there_is_and_what_fits():
    assert [trial.images_per_class for trial in search(900, most=12)] == [7, 10, 12]
    assert [trial.images_per_class for trial in search(900, fits=lambda count: count < 12)] == [7, 10]
    assert max(trial.images_per_class for trial in search(900, first=100, fits=lambda count: count <= 9)) <= 9
    assert [trial.images_per_class for trial in search(1, first=1, most=1)] == [1]
    with pytest.raises(EncodeError, match="1 do not fit"):
        search(5, fits=lambda count: False)


def test_known_trials_are_not_made_again():
    asked: list[int] = []
    known = search(21)[:3]
    assert search(21, known=known, asked=asked) == search(21)
    assert asked == [20, 29]


def test_fewer_images_win_where_there_is_little_between_them():
    trials = [Trial(40, 1, 0.50, 0.0), Trial(10, 1, 0.48, 0.0), Trial(20, 1, 0.495, 0.0)]
    assert best_trial(trials).images_per_class == 20
    assert best_trial(trials[:2]).images_per_class == 40


def test_where_it_begins():
    assert [first_guess(1024 * kib) for kib in (0.0001, 1, 2, 4)] == [1, 36, 51, 72]
    wide = Recipe(width=128, augmentation="crop")
    assert (short_recipe(3200, wide).epochs, short_recipe(32, wide).epochs) == (8, 400)
    assert (short_recipe(32, wide).width, short_recipe(32, wide).augmentation) == (32, "crop")


def test_what_is_held_out():
    data = synthetic(each=10)
    left, held = hold_out(data, 3)
    assert (len(left.images), len(held.images), largest_class(left)) == (24, 6, 8)
    both = {image.tobytes() for image in left.images} | {image.tobytes() for image in held.images}
    assert both == {image.tobytes() for image in data.images}
    assert hold_out(data, 3)[1].images.tobytes() == held.images.tobytes() != hold_out(data, 4)[1].images.tobytes()
    with pytest.raises(InputError, match="held out"):
        hold_out(synthetic(each=4), 0)


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr(count_search, "_STEPS", 30)
    monkeypatch.setattr(count_search, "_REPEATS", 1)
    monkeypatch.setattr(count_search, "_WIDTH", 8)


CONFIG = Config().with_settings(
    [*SHORT, "train.bytes_per_class=110", "train.budget_counts=file", "recipe.width=8", "recipe.augmentation=none"]
)


def lines_in(folder):
    return [json.loads(line) for line in (folder / "images-per-class.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("_quick")
def test_a_run_that_chooses_for_itself(tmp_path):
    folder, notes = tmp_path / "run", []
    config = images_auto.with_best_count(CONFIG, DIGITS, folder, CPU, Distiller, note=notes.append)
    first, *tried, last = lines_in(folder)
    assert set(first) == {"config_sha256", "data_sha256"}
    assert last["chosen"] == config.train.images_per_class
    assert sorted(line["images_per_class"] for line in tried) == last["tried"] == list(config.train.images_tried)
    assert all(0.97 * 1100 <= line["file_bytes"] <= 1100 for line in tried)
    assert all(0 <= line["accuracy"] <= 1 for line in tried)
    assert len(notes) == len(tried) + 1
    run(config, DIGITS, folder, CPU)
    model, metadata, _ = read_result(folder)
    assert metadata.provenance["images_per_class_tried"] == last["tried"]
    assert model.counts == (last["chosen"],) * 10
    assert 0.97 * 1100 <= len(encode_set(model, metadata, with_hash=True)) <= 1100
    again = images_auto.with_best_count(CONFIG, DIGITS, folder, CPU, None, resume=True)  # measures nothing
    assert again == load_config(str(folder / "config.toml"))
    with pytest.raises(InputError, match="not empty"):
        images_auto.with_best_count(CONFIG, DIGITS, folder, CPU, Distiller)


@pytest.mark.usefixtures("_quick")
def test_a_search_that_was_stopped_goes_on(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    config = images_auto.with_best_count(CONFIG, DIGITS, whole, CPU, FakeDistiller)
    text = (whole / "images-per-class.jsonl").read_text().splitlines(keepends=True)
    cut.mkdir()
    (cut / "images-per-class.jsonl").write_text("".join(text[:2]) + text[2][:20])
    with pytest.raises(InputError, match="not empty"):
        images_auto.with_best_count(CONFIG, DIGITS, cut, CPU, FakeDistiller)
    assert images_auto.with_best_count(CONFIG, DIGITS, cut, CPU, FakeDistiller, resume=True) == config
    assert (cut / "images-per-class.jsonl").read_text().splitlines(keepends=True)[1] == text[1]
    assert [line.get("accuracy") for line in lines_in(cut)] == [line.get("accuracy") for line in lines_in(whole)]
    other = CONFIG.with_settings(["train.seed=8"])
    with pytest.raises(InputError, match="other options or data"):
        images_auto.with_best_count(other, DIGITS, cut, CPU, FakeDistiller, resume=True)
    assert lines_in(cut)[1] == lines_in(whole)[1]


def test_a_choice_needs_a_budget_and_leaves_nothing_behind_without(tmp_path):
    with pytest.raises(InputError, match="needs a budget"):
        images_auto.with_best_count(Config(), DIGITS, tmp_path / "run", CPU, Distiller)
    small = CONFIG.with_settings(["train.bytes_per_class=20"])
    with pytest.raises(EncodeError, match=r"take \d+ bytes per class"):
        images_auto.with_best_count(small, DIGITS, tmp_path / "run", CPU, Distiller)
    assert not (tmp_path / "run").exists()

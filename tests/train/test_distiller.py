"""Whole runs, very short: budgets, estimates, resuming, shapes."""

import re

import numpy as np
import pytest
import torch

from ddcodec.errors import EncodeError
from ddcodec.pipeline import decode, encode_set
from ddcodec.train import quantise
from ddcodec.train.config import Config
from ddcodec.train.loop import run
from ddcodec.train.rundir import read_result
from ddcodec.validate import validate
from tests.train.small_runs import DIGITS, FIT_ONLY, PYRAMID, RUNS, SHORT, file_of, finish, finished, started, synthetic


@pytest.mark.parametrize("name", RUNS)
def test_the_file_is_what_the_run_estimated(name):
    distiller = finished(name)
    result = distiller.result()
    report = validate(result.model, result.estimate, encode_set(result.model))
    assert report.problems == ()
    ideal = sum(row.ideal_bits for row in report.rows if row.training_bits is not None)
    trained = sum(row.training_bits for row in report.rows if row.training_bits is not None)
    assert trained == pytest.approx(ideal, rel=0.02)
    assert trained / 8 == pytest.approx(report.file_bytes - report.fixed_bytes, rel=0.02, abs=5 * report.streams)


@pytest.mark.parametrize("name", RUNS)
def test_the_images_are_those_of_the_file(name):
    distiller = finished(name)
    result = distiller.result()
    decoded = decode(encode_set(result.model))
    assert decoded.images.shape == (20, 1, 8, 8)
    assert np.abs(decoded.images - distiller.images()).max() < 0.01
    assert result.model.counts == (2,) * 10


@pytest.mark.parametrize("name", [name for name in RUNS if "own" not in name])
def test_the_choice_was_made_under_the_tables_of_the_file(name):
    """All bits of the choice but those of zeros that the file leaves out."""
    distiller = finished(name)
    coded = sum(distiller.result().estimate["latent_bits"])
    chosen = sum(group.bits for group in distiller.groups)
    if not distiller.is_pyramid:
        assert coded <= chosen + 1e-6
        assert coded == pytest.approx(chosen, rel=0.03)
    layouts = [(group.model.layout, group.model.networks().layout) for group in distiller.groups]
    assert all(mine == coded for mine, coded in layouts)


@pytest.mark.parametrize("wanted", [45, 60, 90])
@pytest.mark.parametrize("more", [(), (FIT_ONLY,), ("codec.share=class",)], ids=["joint", "fit", "class"])
def test_budgets_are_met(wanted, more):
    size = len(file_of(finish(started(f"train.bytes_per_class={wanted}", *more))))
    assert 0.94 * 10 * wanted <= size <= 10 * wanted


def test_budgets_are_met_for_colour():
    data = synthetic(each=12)
    size = len(file_of(finish(started("train.bytes_per_class=250", "train.images_per_class=3", data=data))))
    assert 0.94 * 750 <= size <= 750


def test_a_budget_that_has_to_throw_much_away_is_met():
    settings = ("train.bytes_per_class=150", "codec.context_base=0", "train.fit_steps=3")
    assert len(file_of(finish(started(*settings)))) <= 1500


@pytest.mark.parametrize("more", [(), ("codec.share=class",), ("codec.context_base=0",)])
def test_too_small_a_budget_is_refused(more):
    with pytest.raises(EncodeError, match=r"bytes_per_class is 9: .* take \d+ bytes per class") as caught:
        started("train.bytes_per_class=9", *more)
    least = int(re.search(r"take (\d+) bytes per class", str(caught.value))[1])
    started(f"train.bytes_per_class={least + 1}", *more)
    with pytest.raises(EncodeError):
        started(f"train.bytes_per_class={least - 1}", *more)


@pytest.mark.parametrize("name", ["own networks", "pyramid"])
def test_seeds(name):
    assert file_of(finish(started(*RUNS[name]))) == file_of(finished(name))
    assert file_of(finish(started(*RUNS[name], "train.seed=1"))) != file_of(finished(name))


def test_a_budget_is_never_exceeded_in_silence():
    data, met = synthetic(each=12), []
    for wanted in (35, 40, 45, 50, 55, 60):
        settings = (f"train.bytes_per_class={wanted}", "train.images_per_class=3")
        try:
            size = len(file_of(finish(started(*settings, data=data))))
        except EncodeError as error:
            least = int(re.search(r"takes? (\d+) bytes per class", str(error))[1])
            assert wanted < least < 80
            continue
        assert size <= 3 * wanted
        met.append(wanted)
    assert met[-1] == 60
    assert met[0] > 35


def test_phases_and_metrics():
    distiller = started("train.bytes_per_class=60")
    phases, metrics = [], []
    while distiller.steps_done < distiller.steps_total:
        phases.append(distiller.phase)
        metrics.append(distiller.step())
    assert phases == ["fit"] * 4 + ["pool"] + ["joint"] * 4 + ["finalise"] * 3
    assert all(np.isfinite(list(entry.values())).all() for entry in metrics)
    assert all({"rate_bits", "bytes_per_class"} <= entry.keys() for entry in metrics)
    assert metrics[5]["goal_bits"] > metrics[8]["goal_bits"]
    assert distiller.phase == "finalise"


def test_fitting_makes_images_better():
    metrics = [started(*PYRAMID, FIT_ONLY, "train.fit_steps=40").step()["psnr_db"]]
    distiller = started(*PYRAMID, FIT_ONLY, "train.fit_steps=40")
    metrics += [distiller.step()["psnr_db"] for _ in range(40)]
    assert metrics[-1] > metrics[0] + 0.5


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 9, 14), (2, 14, 9), (3, 5, 21), (4, 11, 8)])
@pytest.mark.parametrize("synthesis", ["transform", "pyramid"])
def test_shapes(channels, height, width, synthesis):
    data = synthetic(channels, height, width, each=4)
    distiller = finish(started(f"codec.synthesis={synthesis}", "train.fit_steps=2", "train.joint_steps=2", data=data))
    result = distiller.result()
    blob = encode_set(result.model)
    assert validate(result.model, result.estimate, blob).problems == ()
    images = decode(blob).images
    assert images.shape == (6, channels, height, width)
    assert np.abs(images - distiller.images()).max() < 0.01
    if synthesis == "transform":
        targets = torch.cat(distiller.targets).numpy()
        assert np.abs(images - targets).mean() < 0.1


def test_no_steps_at_all():
    nothing = ("train.fit_steps=0", FIT_ONLY, "train.tune_steps=0", "train.bytes_per_class=60")
    distiller = finish(started(*nothing))
    assert distiller.steps_done == 1
    assert len(file_of(distiller)) <= 600


def test_classes_of_different_sizes(tmp_path):
    data = synthetic(channels=1, height=8, width=8)
    kept = np.r_[0:4, 9:10, 18:27]
    data = type(data)(data.images[kept], data.labels[kept], ("a", "b", "c"), "synthetic")
    settings = ("train.images_per_class=5", "codec.share=class", "train.bytes_per_class=150", FIT_ONLY)
    config = Config().with_settings([*SHORT, *settings])
    run(config, data, tmp_path / "run", torch.device("cpu"))
    model, _, _ = read_result(tmp_path / "run")
    assert model.counts == (4, 1, 5)
    assert (tmp_path / "run" / "sheet.png").exists()


@pytest.mark.parametrize("name", ["own networks, fit only", "pyramid, fit only"])
def test_coarser_grids_never_raise_the_cost(name):
    distiller = started(*RUNS[name])
    for _ in range(4):
        distiller.step()
    (group,), (images,) = distiller.groups, distiller.targets
    group.stand_in = None
    with torch.no_grad():
        before = quantise._cost(group, images, distiller.price)
        shifts = dict(group.model.synthesis.store.shifts)
        quantise.search_shifts(group, images, distiller.price)
        after = quantise._cost(group, images, distiller.price)
    assert after < before
    assert any(shift < shifts[name] for name, shift in group.model.synthesis.store.shifts.items())
    assert all(0 <= shift <= 15 for shift in group.model.networks().shifts)
    group.model.networks().check()


def test_digits_are_what_the_tests_think():
    assert DIGITS.images.shape[1:] == (1, 8, 8)
    assert DIGITS.class_count == 10

"""Soft labels that a run issues for its own images."""

import numpy as np
import pytest
import torch

from ddcodec.errors import InputError
from ddcodec.pipeline import decode
from ddcodec.train.labelling import soft_label_file_bits, soft_labels
from tests.train.small_runs import FIT_ONLY, RUNS, file_of, finish, finished, started

TEACHERS = ("tm.experts=2", "tm.together=2", "tm.expert_epochs=1", "tm.max_start=0", "tm.span=1", "tm.student_steps=1")


def test_the_share_of_the_teachers():
    logits = torch.tensor([[[0.0, 0.0]], [[0.0, 100.0]]])  # one in doubt, one certain: 1/4 and 3/4
    label = torch.tensor([0])
    assert soft_labels(logits, label, 1.0, 16).values.tolist() == [[4, 12]]
    assert soft_labels(logits, label, 0.5, 16).values.tolist() == [[10, 6]]
    assert soft_labels(logits, label, 0.0, 16).values.tolist() == [[16, 0]]


def test_the_file_holds_what_the_teachers_say_of_its_images():
    distiller = finished("soft labels")
    dataset = decode(file_of(distiller))
    said = distiller.teacher.teach(torch.from_numpy(dataset.images))
    expected = soft_labels(said, distiller.labels, 0.5, 16)
    assert dataset.soft.kind == "probabilities"
    assert dataset.soft.unit == 16
    assert np.abs(dataset.soft.values.astype(int) - expected.values).max() <= 1  # a rounding of a pixel apart
    assert dataset.soft.floats.sum(1) == pytest.approx(1, abs=10 / 32)


@pytest.mark.parametrize(
    "more",
    [
        (),
        (FIT_ONLY,),
        ("train.loss=ncfm",),
        ("train.loss=mmd", "mmd.real_batch=5"),
        ("train.loss=tm", *TEACHERS),
        ("train.loss=d3", *TEACHERS),
    ],
)
def test_budgets_are_met_with_labels(more):
    distiller = finish(started(*RUNS["soft labels"], *more))
    size = len(file_of(distiller))
    assert 0.94 * 800 <= size <= 800
    soft = distiller.result().model.soft
    assert soft.values.shape == (20, 10)
    assert (soft.values.max(1) < 16).any()


@pytest.mark.parametrize("wanted", [64, 67, 70, 74, 79, 85, 92, 110])
def test_labels_that_change_with_the_images_do_not_keep_a_file_from_landing(wanted):
    size = len(
        file_of(finish(started(f"train.bytes_per_class={wanted}", "train.labels=soft", "train.label_share=1.0")))
    )
    assert 0.94 * 10 * wanted <= size <= 10 * wanted


def test_what_labels_are_said_to_cost_is_what_they_cost():
    with_them, without = (
        file_of(finish(started("train.lambda=2", f"train.labels={kind}"))) for kind in ("soft", "hard")
    )
    distiller = finished("soft labels")
    labels = soft_labels(distiller.teacher.teach(torch.zeros(20, 1, 8, 8)), distiller.labels, 0.5, 16)
    assert soft_label_file_bits(labels, distiller.labels) / 8 == pytest.approx(len(with_them) - len(without), abs=25)


@pytest.mark.parametrize(("loss", "more"), [("dc", ()), ("dm", ("matching.source=random",))])
def test_a_loss_without_trained_networks_has_no_teacher(loss, more):
    with pytest.raises(InputError, match=rf"train\.labels is soft: train\.loss {loss} has no networks"):
        started("train.labels=soft", f"train.loss={loss}", *more)

"""Sets that get one soft label for each sample: what changes in the file, and the command that does it."""

import dataclasses
import json

import numpy as np
import pytest
import torch

import ddcodec
from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.pipeline import Metadata, decode, encode_set, verify
from ddcodec.republish import with_soft_labels
from ddcodec.sources.spec import load_spec
from ddcodec.train.config import Config
from ddcodec.train.convnet import seeded_convnet
from ddcodec.train.data import load_training_data
from ddcodec.train.judging import prepare, recipe_of
from ddcodec.train.loop import run
from ddcodec.train.recipe import Recipe
from ddcodec.train.teachers import save_teacher
from tests.calls import call, complaint
from tests.calls import write as write_small
from tests.labelled import labelled, logits
from tests.small_models import META, MODELS
from tests.test_cli_eval import write
from tests.test_republish import sections
from tests.train.small_runs import SHORT

QUICK = ("--set", "recipe.width=8", "--set", "recipe.batch_size=64", "--set", "recipe.learning_rate=0.05")


def labels_for(dataset, unit=32, seed=0):
    shares = np.random.default_rng(seed).multinomial(
        unit, np.full(dataset.class_count, 1 / dataset.class_count), len(dataset)
    )
    return SoftLabels(shares.astype(np.int16), unit, "probabilities")


@pytest.mark.parametrize("name", [name for name in MODELS if name != "empty"])
@pytest.mark.parametrize("with_hash", [True, False])
def test_only_the_labels_change(name, with_hash):
    data = encode_set(MODELS[name], dataclasses.replace(META, classes=None), with_hash=with_hash)
    before = decode(data)
    soft = labels_for(before)
    copy = with_soft_labels(data, soft)
    old, new = sections(data), sections(copy)
    assert {kind for kind in new if old.get(kind) != new[kind]} == {"SOFT"} | ({"hash"} if with_hash else set())
    found = decode(copy)
    assert np.array_equal(found.soft.values, soft.values)
    assert (found.soft.unit, found.soft.kind) == (32, "probabilities")
    assert np.array_equal(found.images, before.images)
    assert np.array_equal(found.labels, before.labels)
    assert verify(copy).hash_stored == with_hash
    other = labels_for(before, seed=1)
    assert with_soft_labels(copy, other) == with_soft_labels(data, other)  # others are replaced


def test_it_is_what_encoding_with_the_labels_gives():
    model = MODELS["shared by some, shuffled"]
    data = encode_set(model, META, with_hash=True)
    soft = labels_for(decode(data))
    assert with_soft_labels(data, soft) == encode_set(dataclasses.replace(model, soft=soft), META, with_hash=True)


def test_a_stated_accuracy_was_reached_with_other_labels():
    data = encode_set(MODELS["pyramid"], Metadata(recipe={"epochs": 5, "accuracy": 0.5, "accuracy_repeats": 2}))
    assert decode(with_soft_labels(data, labels_for(decode(data)))).recipe == {"epochs": 5}
    bare = encode_set(MODELS["pyramid"], Metadata(recipe={"accuracy": 0.5}))
    assert "meta" not in sections(with_soft_labels(bare, labels_for(decode(bare))))


def test_labels_of_views_are_replaced(tmp_path):
    data = encode_set(MODELS["pyramid"], META)
    path = labelled(tmp_path / "views.ddz", tmp_path / "work", data, logits(10, 3), views=2)
    assert "VIEW" in sections(path.read_bytes())
    soft = labels_for(decode(data))
    copy = with_soft_labels(path.read_bytes(), soft)
    assert copy == with_soft_labels(data, soft)
    assert decode(copy).label_views is None


def test_what_does_not_fit_is_refused():
    data = encode_set(MODELS["pyramid"], META, with_hash=True)
    soft = labels_for(decode(data))
    with pytest.raises(InputError, match=r"expected shape \(5, 3\), found \(4, 3\)"):
        with_soft_labels(data, SoftLabels(soft.values[:4], 32, "probabilities"))
    header = read_container(data).header
    payloads = [Payload(kind, *part) for kind, part in sections(data).items()]
    wrong = [part._replace(data=bytes(32)) if part.kind == "hash" else part for part in payloads]
    broken = write_container(header.counts, header.shape, header.group_of_class, wrong)
    with pytest.raises(InputError, match="content hash is not that of the set"):
        with_soft_labels(broken, soft)


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "x.ddz", mean=(0.5,), std=(0.25,))


@pytest.fixture
def teacher(tmp_path):
    path = tmp_path / "t.safetensors"
    network = seeded_convnet(1, (8, 8), 10, seed=0, width=8)
    save_teacher(path, network, Recipe(width=8), (1, 8, 8), 10, (0.5,), (0.25,))
    return path


def per_sample(file, *more):
    return ("labels", "relabel", file, "--per-sample", "--device", "cpu", *more)


def test_a_teacher_labels_the_images_themselves(tmp_path, file, teacher):
    out = tmp_path / "out.ddz"
    done = call(*per_sample(file, "--teacher", teacher, "--unit", 100, "--out", out))
    assert done.stdout.startswith(f"{out}: {out.stat().st_size:,} bytes, 20 labels of 10 classes, ")
    assert " % agree with the hard label" in done.stdout
    found = ddcodec.load(out)
    assert (found.soft.unit, found.soft.kind) == (100, "probabilities")
    assert (found.soft.values.sum(axis=1) == 100).all()
    call("verify", out)
    trial = prepare(found, load_spec("digits", "test"), recipe_of(found.recipe))
    assert np.array_equal(trial.targets, found.soft.floats)  # eval trains on the probabilities
    assert trial.recipe.loss == "cross_entropy"
    hot = json.loads(call(*per_sample(file, "--teacher", teacher, "--temperature", 9, "--out", out, "--json")).stdout)
    assert hot["unit"] == 64
    assert hot["file_bytes"] == out.stat().st_size
    assert ddcodec.load(out).soft.values.max() < 32


def test_a_teacher_is_trained_kept_and_used_again(tmp_path, file):
    out, again = tmp_path / "out.ddz", tmp_path / "again.ddz"
    train = ("--train-teacher", "digits", "--teacher-epochs", 2, "--teacher-test", "digits", *QUICK)
    found = json.loads(call(*per_sample(file, *train, "--out", out, "--json")).stdout)
    kept = tmp_path / "out.teacher.safetensors"
    assert found["teacher"] == str(kept)
    assert found["teacher_epochs"] == 2
    assert min(found["teacher_score"], found["teacher_accuracy"]) > 0.3
    assert not (tmp_path / "out.ddz.partial").exists()
    call(*per_sample(file, "--teacher", kept, "--out", again))
    assert again.read_bytes() == out.read_bytes()
    words = call(*per_sample(file, *train[:4], *QUICK, "--teacher-out", tmp_path / "other", "--out", again)).stdout
    assert words.startswith(f"{tmp_path / 'other'}: right for ")
    assert (tmp_path / "other").read_bytes() != b""


def test_a_finished_run_is_labelled_as_a_file_is(tmp_path, file, teacher):
    run(Config().with_settings(SHORT), load_training_data("digits"), tmp_path / "run", torch.device("cpu"))
    call(*per_sample(tmp_path / "run", "--teacher", teacher))
    call("encode", tmp_path / "run", tmp_path / "plain.ddz", "--no-hash")
    call(*per_sample(tmp_path / "plain.ddz", "--teacher", teacher, "--out", tmp_path / "out.ddz"))
    assert (tmp_path / "run" / "labelled.ddz").read_bytes() == (tmp_path / "out.ddz").read_bytes()
    assert "--out: needed where" in call(*per_sample(file, "--teacher", teacher), code=2).stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "--per-sample: expected either --teacher or --train-teacher"),
        (("--teacher", "t", "--train-teacher", "digits"), "--per-sample: expected either"),
        (("--teacher", "t", "--views", 3), "--views: with --per-sample"),
        (("--teacher", "t", "--unit", 1), "--unit: expected 2..32767, found 1"),
        (("--teacher", "t", "--temperature", -1), "--temperature: expected a positive number"),
        (("--train-teacher", "digits", "--teacher-epochs", 0), "--teacher-epochs: expected at least 1, found 0"),
        (("--teacher", "t", "--set", "recipe.width=8"), "--set: only --train-teacher has a use for it"),
        (("--teacher", "t", "--teacher-test", "digits"), "--teacher-test: only --train-teacher"),
        (("--teacher", "nothing.safetensors"), "nothing.safetensors: no such file"),
        (("--train-teacher", "cats"), "cats: no known kind of data"),
        (("--train-teacher", "digits", "--set", "train.seed=1"), "only recipe.* has a meaning here"),
        (("--train-teacher", "digits", "--set", "recipe.depth=9"), "the teacher: "),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(tmp_path, file, more, words):
    assert words in complaint(*per_sample(file, *more, "--out", tmp_path / "out.ddz"))
    assert not (tmp_path / "out.ddz").exists()


def test_files_and_teachers_that_do_not_fit(tmp_path, file, teacher):
    out = ("--out", tmp_path / "out.ddz")
    small = write_small(tmp_path / "small.ddz")
    assert "expected a teacher of 3 classes, found 10" in complaint(*per_sample(small, "--teacher", teacher, *out))
    assert "expected images of shape (1, 5, 6)" in complaint(*per_sample(small, "--train-teacher", "digits", *out))
    shaped = tmp_path / "u.safetensors"
    network = seeded_convnet(1, (16, 16), 10, seed=0, width=8)
    save_teacher(shaped, network, Recipe(width=8), (1, 16, 16), 10, (0.5,), (0.25,))
    assert "expected a teacher for images of shape (1, 8, 8)" in complaint(*per_sample(file, "--teacher", shaped, *out))
    np.save(tmp_path / "a.npy", np.zeros((4, 3), np.float32))
    call("labels", "pack", tmp_path / "a.npy", tmp_path / "labels.ddz", "--codec", "dense", "--bits", 8)
    alone = complaint(*per_sample(tmp_path / "labels.ddz", "--teacher", teacher, *out), code=1)
    assert "labels without images" in alone
    empty = write_small(tmp_path / "empty.ddz", MODELS["empty"], dataclasses.replace(META, classes=None))
    assert "no images to label" in complaint(*per_sample(empty, "--teacher", teacher, *out))
    nowhere = tmp_path / "no" / "out.ddz"
    assert "its folder does not exist" in complaint(*per_sample(file, "--teacher", teacher, "--out", nowhere))
    assert not (tmp_path / "out.ddz").exists()


def test_views_need_what_they_needed(file):
    assert "Missing option '--teacher'" in call("labels", "relabel", file, "--views", 2, "--out", "x", code=2).stderr
    assert "Missing option '--views'" in call("labels", "relabel", file, "--teacher", "t", "--out", "x", code=2).stderr
    more = ("--teacher", "t", "--views", 2, "--train-teacher", "digits", "--out", "x")
    assert "--train-teacher: only --per-sample" in complaint("labels", "relabel", file, *more)

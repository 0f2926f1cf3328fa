"""Every layout of other projects imports to the same set."""

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.sources.adopt import adopt, measure
from ddcodec.sources.detect import LAYOUTS, read_foreign
from ddcodec.sources.foreign import Options
from tests.sources import foreign_files as files

NAMED = {"ImageFolder", "parquet", "our npz", "our safetensors", "our pt", "our PNG", "DD-Ranking"}
WITH_RATE = {"DATM", "DD-Ranking", "DD", "our npz", "our safetensors", "our pt"}


@pytest.mark.parametrize("name", files.CASES)
def test_the_same_set(name, tmp_path):
    case = files.CASES[name]
    found = read_foreign(case.write(tmp_path), case.options)
    assert found.layout == case.layout
    dataset = adopt(found)
    assert dataset.peak == 255
    assert np.array_equal(dataset.pixels, files.BYTES)
    assert np.array_equal(dataset.labels, files.LABELS)
    assert dataset.class_counts == (files.EACH,) * files.CLASSES
    assert dataset.order is None
    assert dataset.classes == (files.NAMES if name in NAMED else None)
    assert dataset.recipe.get("learning_rate") == (files.RATE if name in WITH_RATE else None)
    assert dataset.whitening == {}
    if found.domain == "normalised":
        assert dataset.normalize == files.CIFAR
        assert np.allclose(dataset.normalised(), files.NORMALISED, atol=1e-5)
        assert measure(found, dataset).greatest < 1e-5
    else:
        assert found.domain == "pixels"


def test_every_layout_is_tried():
    assert {case.layout for case in files.CASES.values()} == set(LAYOUTS)


def test_the_notes_say_what_was_assumed(tmp_path):
    found = read_foreign(files.dc(tmp_path), files.AS_CIFAR)
    assert any("entry 4 of 5" in note for note in found.notes)
    lacking = next(note for note in found.notes if note.startswith("nothing says"))
    assert "learning rate" in lacking
    assert "class names" in lacking
    assert "normalisation" not in lacking


def test_nothing_lacks_when_the_user_says_it_all(tmp_path):
    recipe = {"augmentation": "color_crop", "network": "ConvNet"}
    said = Options(normalisation=files.CIFAR, learning_rate=0.02, classes=files.NAMES, recipe=recipe)
    found = read_foreign(files.mtt(tmp_path), said)
    assert not any(note.startswith("nothing says") for note in found.notes)
    assert found.recipe == recipe | {"learning_rate": 0.02}
    assert [path.name for path in found.files] == ["labels_best.pt"]


def test_another_experiment(tmp_path):
    found = read_foreign(files.dc(tmp_path), Options(normalisation=files.CIFAR, experiment=0))
    assert np.allclose(found.images, files.NORMALISED * 0.5)
    with pytest.raises(InputError, match="--exp 5: the file has 5 entries"):
        read_foreign(tmp_path / "res_DM_CIFAR10_ConvNet_2ipc.pt", Options(experiment=5))


def test_names_mean_nothing(tmp_path):
    path = tmp_path / "images_best.npz"
    files.dc(tmp_path).rename(path)
    assert read_foreign(path, files.AS_CIFAR).layout == "dc"


def test_soft_labels_keep_their_meaning(tmp_path):
    found = read_foreign(files.datm(tmp_path), files.AS_CIFAR)
    assert found.soft_kind == "logits"
    assert np.array_equal(found.soft, files.LOGITS)
    dataset = adopt(found)
    assert np.abs(dataset.soft.floats - files.LOGITS).max() <= 0.5 / dataset.soft.unit + 1e-6
    assert read_foreign(tmp_path / "Normal", Options(in_pixels=True, labels="scores")).soft_kind == "scores"
    assert read_foreign(tmp_path / "Normal", Options(in_pixels=True, labels="hard")).soft is None


def test_kip_labels_are_scores(tmp_path):
    found = read_foreign(files.kip(tmp_path), files.AS_PIXELS)
    assert found.soft_kind == "scores"
    assert np.array_equal(found.soft, files.CENTRED)


def test_probabilities_are_seen_by_their_sum(tmp_path):
    shares = np.exp(files.LOGITS) / np.exp(files.LOGITS).sum(axis=1, keepdims=True)
    np.savez(tmp_path / "x.npz", images=files.PIXELS, labels=shares)
    assert read_foreign(tmp_path / "x.npz").soft_kind == "probabilities"


def test_one_hot_labels_are_classes(tmp_path):
    np.savez(tmp_path / "x.npz", images=files.PIXELS, labels=np.eye(3)[files.LABELS])
    found = read_foreign(tmp_path / "x.npz")
    assert found.soft is None
    assert np.array_equal(found.labels, files.LABELS)


def test_our_soft_labels_and_whitening_come_back(tmp_path):
    from ddcodec.dataset import SoftLabels, make_set
    from ddcodec.export.tensors import write_tensors

    soft = SoftLabels(np.arange(18, dtype=np.int16).reshape(6, 3), 20, "scores")
    zca = {"kind": "zca", "epsilon": 0.1, "fitted_on": "digits"}
    ours = make_set(
        files.BYTES.astype(np.int16) * 4, 255, [3, 1, 2], order=[2, 0, 0, 1, 0, 2], soft=soft, whitening=zca
    )
    for kind in ("npz", "pt", "safetensors"):
        write_tensors(ours, tmp_path / "x", kind)
        found = read_foreign(tmp_path / "x")
        again = adopt(found)
        assert found.domain == "whitened"
        assert again.whitening == zca
        assert again.labels.tolist() == [2, 0, 0, 1, 0, 2]
        assert again.soft.kind == "scores"
        assert np.allclose(again.soft.floats, soft.floats, atol=0.01)
        assert np.abs(again.images - ours.images).max() < 4 / 255


@pytest.mark.parametrize("kind", ["npz", "pt", "safetensors", "parquet", "imagefolder", "ddranking", "dc", "mtt"])
@pytest.mark.parametrize("with_soft", [False, True])
def test_our_exports_come_back(kind, with_soft, tmp_path):
    from dataclasses import replace

    from ddcodec.dataset import SoftLabels
    from ddcodec.export.kinds import write

    soft = SoftLabels(np.rint(files.LOGITS * 100).astype(np.int16), 100, "logits") if with_soft else None
    ours = replace(files.our_set(), soft=soft)
    write(ours, tmp_path / "out", kind)
    tensors = kind in ("ddranking", "dc", "mtt")
    again = adopt(read_foreign(tmp_path / "out", files.AS_CIFAR if tensors else Options()), label_bits=16)
    assert np.array_equal(again.pixels, ours.pixels)
    assert np.array_equal(again.labels, ours.labels)
    assert again.normalize == ours.normalize
    assert again.classes == (None if tensors else ours.classes)
    assert again.recipe.get("learning_rate") == (None if kind == "dc" else pytest.approx(files.RATE))
    if with_soft and kind != "dc":
        assert again.soft.kind == "logits"
        assert np.allclose(again.soft.floats, soft.floats, atol=0.001)
    else:
        assert again.soft is None


def test_our_empty_classes_stay_empty(tmp_path):
    from ddcodec.dataset import make_set
    from ddcodec.export.kinds import write

    ours = make_set(files.BYTES, 255, [4, 0, 2], classes=files.NAMES)
    write(ours, tmp_path / "out", "imagefolder")
    again = adopt(read_foreign(tmp_path / "out"))
    assert again.class_counts == (4, 0, 2)
    assert again.classes == files.NAMES
    (tmp_path / "out" / "classes.json").unlink()
    with pytest.raises(InputError, match="class folder bee has no image"):
        read_foreign(tmp_path / "out")


def test_jpeg_loses_what_it_lost_and_says_so(tmp_path):
    found = read_foreign(files.jpeg_folders(tmp_path))
    assert any("JPEG" in note for note in found.notes)
    assert np.array_equal(found.labels, files.LABELS)
    assert 0 < np.abs(found.images.astype(int) - files.BYTES).mean() < 80


def test_a_folder_out_of_order_counts_by_its_numbers(tmp_path):
    for number in range(11):  # as texts, 10 comes before 2
        files._save(tmp_path / str(number) / "x.png", np.full((3, 4, 4), number, np.uint8))
    found = read_foreign(tmp_path)
    assert found.images[:, 0, 0, 0].tolist() == list(range(11))
    assert found.labels.tolist() == list(range(11))


def test_grey_pictures_have_one_channel(tmp_path):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (5, 4), 7).save(tmp_path / name / "0.png")
    found = read_foreign(tmp_path)
    assert found.images.shape == (2, 1, 4, 5)
    assert found.classes == ("a", "b")


def test_mosaics_ask_for_their_factor(tmp_path):
    path = files.idc(tmp_path)
    assert any("--factor" in note for note in read_foreign(path).notes)
    found = read_foreign(path, Options(factor=2, decode_type="single"))
    assert found.recipe == {"factor": 2, "decode_type": "single"}
    assert not any("--factor" in note for note in found.notes)
    with pytest.raises(InputError, match="--factor"):
        read_foreign(path, Options(factor=1))

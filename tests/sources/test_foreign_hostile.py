"""Files that are damaged, hostile or merely unlike what an importer can take: one line each, nothing executed."""

import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch

from ddcodec.errors import InputError
from ddcodec.sources.detect import read_foreign
from ddcodec.sources.foreign import Options
from tests.sources import foreign_files as files
from tests.sources.complaints import complaint, saved

IMAGES, LABELS = files.images(), files.labels()


class Touch:
    """An object whose unpickling makes a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


class TensorPool:
    """Stands for a project's own class."""


@pytest.mark.parametrize("old_format", [False, True])
def test_a_pickled_program_is_not_run(tmp_path, old_format):
    path, sentinel = tmp_path / "x.pt", tmp_path / "sentinel"
    content = {"data": [[IMAGES, LABELS]], "accs_all_exps": Touch(sentinel)}
    torch.save(content, path, _use_new_zipfile_serialization=not old_format)
    text = complaint(path)
    assert "mkdir" in text
    assert "is not loaded" in text
    assert not sentinel.exists()
    torch.load(path, weights_only=False)
    assert sentinel.exists(), "the file was harmless after all"


def test_a_bare_pickle_is_not_run(tmp_path):
    path, sentinel = tmp_path / "x.pt", tmp_path / "sentinel"
    path.write_bytes(pickle.dumps(Touch(sentinel), protocol=2))
    complaint(path)
    assert not sentinel.exists()


def test_objects_in_numpy_files_are_not_run(tmp_path):
    path, sentinel = tmp_path / "x.npz", tmp_path / "sentinel"
    np.savez(path, images=files.PIXELS, labels=np.array([Touch(sentinel)], dtype=object))
    assert "pickled Python objects" in complaint(path)
    np.save(tmp_path / "x.npy", np.array([Touch(sentinel)], dtype=object))
    assert ".npy" in complaint(tmp_path / "x.npy")
    assert not sentinel.exists()


def test_a_numpy_number_of_objects_is_refused(tmp_path):
    class Hidden:
        def __reduce__(self):
            scalar = np.float64(0).__reduce__()[0]
            return scalar, (np.dtype(object), Touch(tmp_path / "sentinel"))

    complaint(saved(tmp_path, {"data": [[IMAGES, LABELS]], "accs_all_exps": Hidden()}))
    assert not (tmp_path / "sentinel").exists()


def test_a_pool_is_refused_with_advice(tmp_path):
    text = complaint(saved(tmp_path, {"pool": TensorPool()}, "pool.pt"))
    assert "TensorPool" in text
    assert "DD-RUO" in text


def with_value(value):
    broken = IMAGES.clone()
    broken[4, 2, 1, 3] = value
    return broken


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([with_value(float("nan")), LABELS], "nan in image 4, channel 2, row 1, column 3"),
        ([with_value(float("-inf")), LABELS], "-inf in image 4, channel 2"),
        ([IMAGES[0], LABELS], "images: expected a tensor (N, channels, height, width), found a tensor (3, 8, 8)"),
        ([IMAGES[:0], LABELS[:0]], "there are none"),
        ([IMAGES, LABELS[:5]], "labels: expected 6, one per image, found 5"),
        ([IMAGES, torch.zeros(6, 2, 2)], "labels: expected a tensor (N,) or (N, classes)"),
        ([IMAGES, LABELS - 1], "expected classes 0, 1, ..., found -1 at image 0"),
        ([IMAGES, LABELS + 0.5], "found 0.5 at image 0"),
        ([IMAGES, LABELS * 9_000], "18001 classes, at most 10000"),
        ([IMAGES, torch.zeros(6, 3).fill_(float("nan"))], "labels: NaN or infinity at image 0"),
        ([IMAGES.long(), LABELS], "images: expected floats or uint8, found int64"),
        ([IMAGES.to_sparse(), LABELS], "a list of 2, the first sparse tensor"),
        ({"data": [[IMAGES]]}, "expected [images, labels], found a list of 1"),
        ({"data": [[IMAGES[0], LABELS]]}, "found a tensor (3, 8, 8)"),
        ({"data": [[[[[[[IMAGES]]]]]]]}, "expected [(images, labels)]"),
        ({"images": IMAGES, "labels": LABELS, "mean": torch.zeros(2)}, "mean: 2 numbers for images of 3 channels"),
        ({"images": IMAGES, "labels": LABELS, "mean": "grey"}, "mean: expected numbers"),
        ({"images": IMAGES, "labels": LABELS, "std": torch.zeros(3)}, "std: a number is not greater than 0"),
        ({"images": IMAGES, "labels": LABELS, "classes": [1, 2, 3]}, "classes: expected a list of texts"),
        ({"images": IMAGES, "labels": LABELS, "classes": ["a", "a", "b"]}, "two classes have the same name"),
        ({"images": IMAGES, "labels": LABELS, "classes": ["a", "b"]}, "2 names for 3 classes"),
        ({"images": IMAGES, "labels": LABELS, "lr": "fast"}, "lr: expected one finite number"),
        ({"images": IMAGES, "labels": LABELS, "recipe": "{"}, "recipe: expected a map"),
        ({"images": IMAGES, "labels": LABELS, "soft_kind": "mood", "soft": IMAGES[:, 0, 0]}, "soft_kind out of"),
        ("text", "no known layout: found a value of type str"),
    ],
)
def test_contents(tmp_path, content, words):
    assert words in complaint(saved(tmp_path, content), Options(in_pixels=True))


def test_soft_labels_out_of_order(tmp_path):
    content = {"images": IMAGES, "labels": torch.from_numpy(files.LOGITS[[0, 2, 1, 3, 4, 5]])}
    path = saved(tmp_path, content)
    text = complaint(path)
    assert "soft labels are not sorted by class: row 2 is greatest for class 0, after class 1" in text
    assert "--unsorted" in text
    found = read_foreign(path, Options(normalisation=files.CIFAR, unsorted=True))
    assert found.labels.tolist() == [0, 1, 0, 1, 2, 2]


def test_numbers_that_are_no_pixels_are_not_guessed_at(tmp_path):
    path = saved(tmp_path, {"images": IMAGES, "labels": LABELS})
    text = complaint(path, Options())
    assert "--normalize" in text
    assert "--zca-from" in text
    assert read_foreign(path, Options(in_pixels=True)).domain == "pixels"
    assert read_foreign(path, Options(whitened="cifar10 train")).whitening["epsilon"] == 0.1


def test_normalising_twice_is_caught(tmp_path):
    assert "the file states mean and std" in complaint(files.our_tensors("npz")(tmp_path))
    path = saved(tmp_path, {"images": torch.from_numpy(files.PIXELS), "labels": LABELS})
    assert any("were they normalised at all" in note for note in read_foreign(path, files.AS_CIFAR).notes)
    assert not any("at all" in note for note in read_foreign(path).notes)


def test_pixels_are_not_whitened(tmp_path):
    assert "--zca-from does not apply" in complaint(files.idc(tmp_path), Options(whitened="x"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"nf": [{"net.0.weight": IMAGES[0]}], "label": LABELS}, "DDiF"),
        ({"compressor": {"bases": IMAGES}}, "Remember the Past"),
        ({"0.conv.weight": IMAGES, "0.conv.bias": LABELS}, "HaBa's styles"),
        ([{"conv.weight": IMAGES}] * 5, "list of networks' weights"),
        (torch.zeros(1, 64, 96), "SPEED's atoms"),
        (torch.eye(4).to_sparse(), "SPEED's coefficients"),
    ],
)
def test_what_must_be_rendered_is_named(tmp_path, content, words):
    text = complaint(saved(tmp_path, content))
    assert words in text
    assert "let its project render" in text


def test_folders_of_other_codecs_and_labels(tmp_path):
    (tmp_path / "codec").mkdir()
    for name in ("header.bin", "latent_l0.bin", "nn_0.bin"):
        (tmp_path / "codec" / name).write_bytes(b"TMC2")
    assert "DD-RUO's codec" in complaint(tmp_path / "codec")
    (tmp_path / "fkd" / "epoch_0").mkdir(parents=True)
    (tmp_path / "fkd" / "epoch_0" / "batch_0.tar").write_bytes(b"x")
    assert "soft labels of SRe2L" in complaint(tmp_path / "fkd")


def test_bare_images(tmp_path):
    path = saved(tmp_path, IMAGES, "images_best.pt")
    assert "has no labels" in complaint(path)
    assert "give --classes" in complaint(path, Options(layout="dd-ranking"))
    four = Options(layout="dd-ranking", classes=("a", "b", "c", "d"))
    assert "6 images do not divide among 4 classes" in complaint(path, four)
    for name in ("labels_1.pt", "labels_2.pt"):
        saved(tmp_path, LABELS, name)
    assert "labels_1.pt, labels_2.pt" in complaint(path)
    chosen = Options(normalisation=files.CIFAR, labels_file=tmp_path / "labels_2.pt")
    assert read_foreign(path, chosen).labels.tolist() == LABELS.tolist()
    with pytest.raises(InputError, match=r"labels_3\.pt: cannot read it"):
        read_foreign(path, Options(labels_file=tmp_path / "labels_3.pt"))
    saved(tmp_path, IMAGES, "images_7.pt")
    assert "several sets" not in complaint(path)
    path.rename(tmp_path / "images_9.pt")
    assert "several sets" in complaint(tmp_path)


def test_learning_rates(tmp_path):
    folder = files.datm(tmp_path)
    saved(folder, torch.tensor([1.0, 2.0]), "lr_best.pt")
    assert "lr_best.pt: learning rate: expected one finite number" in complaint(folder)
    assert read_foreign(folder, Options(in_pixels=True, learning_rate=0.5)).recipe == {"learning_rate": 0.5}


def test_things_that_are_no_sets(tmp_path):
    assert "no such file or folder" in complaint(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert "expected a folder of class folders" in complaint(tmp_path / "empty")
    (tmp_path / "x.txt").write_text("a text that is long enough")
    assert "no file of a known kind" in complaint(tmp_path / "x.txt")
    (tmp_path / "x.ddz").write_bytes(b"\x89DDZ\r\n\x1a\n and so on")
    assert "is a .ddz file already" in complaint(tmp_path / "x.ddz")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/0.png", b"x")
    assert "unpack it" in complaint(tmp_path / "x.zip")


def test_forcing_a_layout(tmp_path):
    path = files.dc(tmp_path)
    assert "is not built as layout idc; found a dict of 2 keys (accs_all_exps, data)" in complaint(
        path, Options(layout="idc")
    )
    with pytest.raises(InputError, match=r"unknown layout 'dx'; expected one of dc, fred"):
        read_foreign(path, Options(layout="dx"))


def test_parquet_columns(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"label": [1]}), path)
    assert "expected one column of pictures, or one called image; found none" in complaint(path)
    parquet.write_table(pa.table({"image": [b"x"], "fine": [1], "coarse": [1]}), path)
    assert "one called label; found fine, coarse" in complaint(path)
    parquet.write_table(pa.table({"image": [b"x"], "label": [1]}), path)
    assert "row 0: is no PNG" in complaint(path)
    parquet.write_table(pa.table({"image": pa.array([None], pa.binary()), "label": [1]}), path)
    assert "row 0: has no bytes of a picture" in complaint(path)


@pytest.mark.parametrize(("library", "name"), [("torch", "DC"), ("pyarrow", "parquet")])
def test_a_missing_library_is_named(tmp_path, monkeypatch, library, name):
    path = files.CASES[name].write(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "ddcodec.sources.torch_file", raising=False)
    assert f"{library} is not installed; install ddcodec[" in complaint(path)

"""Data through the `datasets` library, from files that lie here."""

import sys

import numpy as np
import pytest
from PIL import Image

from ddcodec.errors import DdzError, InputError
from ddcodec.export.parquet import write_parquet
from ddcodec.sources.spec import Spec, label_of, load_spec, parse_spec
from ddcodec.train.data import load_training_data
from tests.views.small_sets import NAMES, ORDER, full_set, small_set

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def eight_bits(s):
    """(N, channels, height, width) float32 of whole 8-bit steps, in the original order."""
    return (np.floor(np.clip(s.images.astype(np.float64), 0, 1) * 255 + 0.5) / 255).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_of_parquet_files(tmp_path, channels, capfd):
    s = full_set() if channels == 3 else small_set(channels)
    folder = tmp_path / "birds"
    folder.mkdir()
    write_parquet(s, folder / "train-0.parquet")
    write_parquet(s, folder / "test-0.parquet")
    found = load_spec(f"hf:{folder}")
    assert (found.classes, found.labels.tolist(), found.name) == (NAMES, ORDER, f"hf:{folder}")
    assert found.images.dtype == np.float32
    assert np.allclose(found.images, eight_bits(s), atol=1e-6)
    assert load_spec(f"hf:{folder}:test").images.shape == load_spec(f"hf:{folder}", "test").images.shape
    assert label_of(f"hf:{folder}", "test") == "hf:birds:test"
    assert "examples/s" not in capfd.readouterr().err
    assert not datasets.are_progress_bars_disabled()


def test_one_file_has_no_splits(tmp_path):
    write_parquet(small_set(3), tmp_path / "x.parquet")
    path = tmp_path / "x.parquet"
    assert load_spec(f"hf:{path}:test").labels.tolist() == load_spec(f"hf:{path}").labels.tolist() == ORDER


def save(folder, features=None, **columns):
    folder.mkdir()
    datasets.Dataset.from_dict(columns, features=features).to_parquet(str(folder / "train.parquet"))
    return f"hf:{folder}"


def pictures(count, size=(6, 4)):
    return [Image.new("L", size, color) for color in range(count)]


def test_labels_that_are_words_or_undeclared_numbers(tmp_path):
    words = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    found = load_spec(save(tmp_path / "words", words, image=pictures(3), label=["b", "a", "b"]))
    assert (found.labels.tolist(), found.classes) == ([1, 0, 1], ("a", "b"))
    plain = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int8")})
    found = load_spec(save(tmp_path / "plain", plain, image=pictures(3), label=[1, 0, 2]))
    assert (found.labels.tolist(), found.classes) == ([1, 0, 2], None)


def test_the_finest_of_several_labels_by_name(tmp_path):
    many = datasets.Features(
        {
            "img": datasets.Image(),
            "coarse_label": datasets.ClassLabel(names=["x"]),
            "fine_label": datasets.ClassLabel(names=["p", "q"]),
        }
    )
    found = load_spec(save(tmp_path / "two", many, img=pictures(2), coarse_label=[0, 0], fine_label=[1, 0]))
    assert (found.labels.tolist(), found.classes) == ([1, 0], ("p", "q"))


def complaint(text):
    with pytest.raises(InputError) as caught:
        load_training_data(text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(parse_spec(text).path)
    return message


def test_what_is_refused(tmp_path):
    image, label = datasets.Image(), datasets.ClassLabel(names=["a", "b"])
    both = datasets.Features({"image": image, "label": label})
    assert "no image column" in complaint(save(tmp_path / "1", label=[0, 1]))
    assert "no label column" in complaint(save(tmp_path / "2", datasets.Features({"image": image}), image=pictures(2)))
    two = datasets.Features({"x": label, "y": label, "image": image})
    assert "2 label columns" in complaint(save(tmp_path / "3", two, x=[0], y=[1], image=pictures(1)))
    assert "found -1 at image 1" in complaint(save(tmp_path / "4", both, image=pictures(2), label=[0, -1]))
    sizes = [*pictures(1), *pictures(1, (5, 5))]
    assert "one size" in complaint(save(tmp_path / "5", both, image=sizes, label=[0, 1]))
    assert "no image in row 1" in complaint(save(tmp_path / "6", both, image=[*pictures(1), None], label=[0, 1]))
    some = save(tmp_path / "7", both, image=pictures(2), label=[0, 0])
    assert 'Unknown split "test"' in complaint(f"{some}:test")
    with pytest.raises(InputError, match=r"class 1 \(b\) has no images"):
        load_training_data(some)
    assert "cannot load split train through datasets" in complaint(f"hf:{tmp_path}/none")
    assert "cannot load split train" in complaint("hf:nobody/nothing")


def test_without_the_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DdzError, match=r"datasets is not installed; install ddcodec\[hf\]"):
        load_spec("hf:owner/name")


def test_texts():
    assert parse_spec("hf:owner/name") == Spec("hf", "owner/name", None)
    assert parse_spec("hf:owner/name:validation") == Spec("hf", "owner/name", "validation")
    assert label_of("hf:owner/name", "test") == "hf:owner/name:test"
    assert label_of("hf:/secret/place/x/") == "hf:x:train"

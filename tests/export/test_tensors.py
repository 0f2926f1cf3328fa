"""Sets as files of arrays, read back by other hands."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from ddcodec.dataset import make_set
from ddcodec.errors import InputError
from ddcodec.export.tensors import write_tensors
from ddcodec.sources.npz import load_npz
from tests.views.small_sets import RECIPE, full_set, small_set

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 2, 4, 3))
DATASET = make_set(PIXELS, 255, (2, 0, 3), order=[2, 0, 2, 0, 2], classes=("a", "b", "c"), mean=(0.5, 0.4), std=(1, 2))


def test_npz(tmp_path):
    path = tmp_path / "x.npz"
    write_tensors(DATASET, path, "npz")
    with np.load(path, allow_pickle=False) as pack:
        assert np.array_equal(pack["images"], DATASET.images)
        assert np.array_equal(pack["labels"], DATASET.labels)
        assert pack["classes"].tolist() == ["a", "b", "c"]
        assert pack["mean"].tolist() == pytest.approx([0.5, 0.4])
    again = load_npz(str(path))  # our own reader understands it, small sides and all
    assert np.array_equal(again.images, DATASET.images)
    first = path.read_bytes()
    write_tensors(DATASET, path, "npz")
    assert path.read_bytes() == first


def test_safetensors(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(DATASET, path, "safetensors")
    with safe_open(path, "numpy") as pack:
        assert np.array_equal(pack.get_tensor("images"), DATASET.images)
        assert np.array_equal(pack.get_tensor("labels"), DATASET.labels)
        assert json.loads(pack.metadata()["classes"]) == ["a", "b", "c"]


def test_pt_is_read_without_trust(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "x.pt"
    write_tensors(DATASET, path, "pt")
    pack = torch.load(path, weights_only=True)
    assert np.array_equal(pack["images"].numpy(), DATASET.images)
    assert pack["labels"].dtype == torch.int64
    assert pack["classes"] == ["a", "b", "c"]


def test_without_metadata(tmp_path):
    plain = make_set(PIXELS, 255, (5,))
    for kind in ("npz", "safetensors", "pt"):
        write_tensors(plain, tmp_path / kind, kind)
    with np.load(tmp_path / "npz") as pack:
        assert sorted(pack.files) == ["images", "labels", "layout"]


WHITENING = {"kind": "zca", "epsilon": 0.1}


def test_npz_with_everything(tmp_path):
    s = full_set()
    write_tensors(s, tmp_path / "a", "npz")
    with np.load(tmp_path / "a", allow_pickle=False) as pack:
        assert np.array_equal(pack["images"], s.images)  # not normalised
        assert np.array_equal(pack["soft"], s.soft.floats)
        assert (str(pack["soft_kind"]), json.loads(str(pack["recipe"]))) == ("logits", RECIPE)
        assert (pack["learning_rate"].shape, float(pack["learning_rate"])) == ((), 0.25)
        assert pack["soft"].dtype == np.float32
    write_tensors(small_set(whitening=WHITENING), tmp_path / "b", "npz")
    with np.load(tmp_path / "b", allow_pickle=False) as pack:
        assert json.loads(str(pack["whitening"])) == WHITENING


def test_safetensors_with_everything(tmp_path):
    s = full_set(whitening=WHITENING)
    write_tensors(s, tmp_path / "x", "safetensors")
    with safe_open(tmp_path / "x", "numpy") as pack:
        assert np.array_equal(pack.get_tensor("soft"), s.soft.floats)
        assert float(pack.get_tensor("learning_rate")) == 0.25
        notes = pack.metadata()
    assert notes["soft_kind"] == "logits"
    assert json.loads(notes["recipe"]) == RECIPE
    assert json.loads(notes["whitening"]) == WHITENING


def test_pt_with_everything(tmp_path):
    torch = pytest.importorskip("torch")
    s = full_set(whitening=WHITENING, recipe={**RECIPE, "x-steps": np.arange(3)})
    write_tensors(s, tmp_path / "x", "pt")
    pack = torch.load(tmp_path / "x", weights_only=True)
    assert np.array_equal(pack["soft"].numpy(), s.soft.floats)
    assert (pack["soft_kind"], pack["whitening"]) == ("logits", WHITENING)
    assert pack["recipe"] == {**RECIPE, "x-steps": [0, 1, 2]}
    assert (pack["learning_rate"].shape, float(pack["learning_rate"])) == ((), 0.25)


def test_unknown_kind(tmp_path):
    with pytest.raises(InputError, match="npz, pt, safetensors"):
        write_tensors(DATASET, tmp_path / "x", "mat")
    assert list(tmp_path.iterdir()) == []

"""The Hugging Face dataset, built without a network."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from ddcodec.errors import DdzError, InputError
from tests.views.small_sets import NAMES, ORDER, RECIPE, full_set, small_set


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return pytest.importorskip("datasets")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_columns(datasets, channels, mode):
    s = small_set(channels)
    found = s.to_hf()
    assert isinstance(found.features["image"], datasets.Image)
    assert found.features["label"].names == list(NAMES)
    assert found["label"][:] == ORDER
    assert sorted(found.features) == ["image", "label"]
    expected = np.floor(np.clip(s.images.astype(np.float64), 0, 1) * 255 + 0.5)
    for row, pixels in zip(found, expected, strict=True):
        assert row["image"].mode == mode
        assert np.array_equal(np.asarray(row["image"]).reshape(4, 6, channels).transpose(2, 0, 1), pixels)


def test_soft_labels_and_recipe(datasets):
    s = full_set()
    found = s.to_hf()
    assert np.array_equal(np.float32(found["soft"][:]), s.soft.floats)
    assert found.features["soft"].feature.dtype == "float32"
    notes = json.loads(found.info.description)
    assert notes["recipe"] == RECIPE
    assert notes["mean"] == [0.5, 0.4, 0.25]
    assert notes["soft_kind"] == "logits"
    assert small_set(classes=None).to_hf().features["label"].names == ["0", "1", "2"]


def test_files_are_png(datasets):
    found = small_set().to_hf().cast_column("image", datasets.Image(decode=False))
    with Image.open(io.BytesIO(found[0]["image"]["bytes"])) as picture:
        assert picture.format == "PNG"


def test_what_does_not_fit(monkeypatch):
    with pytest.raises(InputError, match="two have the name 'ant'"):
        small_set(classes=("ant", "bee", "ant")).to_hf()
    with pytest.raises(InputError, match=r"1\.\.4 channels"):
        small_set(5).to_hf()
    with pytest.raises(InputError, match="whitened"):
        small_set(whitening={"kind": "zca"}).to_hf()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DdzError, match=r"^datasets is not installed; install ddcodec\[hf\]$"):
        small_set().to_hf()

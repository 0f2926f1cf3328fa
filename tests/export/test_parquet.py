"""Parquet files, read back by pyarrow and by Hugging Face's library, offline."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from ddcodec.errors import DdzError, InputError
from ddcodec.export.parquet import write_parquet
from ddcodec.views.pixels import to_bytes
from tests.views.small_sets import NAMES, ORDER, RECIPE, full_set, small_set


def eight_bits(s):
    """(N, channels, height, width) uint8 in the original order."""
    return np.floor(np.clip(s.images.astype(np.float64), 0, 1) * 255 + 0.5).astype(np.uint8)


def test_read_by_pyarrow(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    s = full_set()
    write_parquet(s, tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert [str(table.schema.field(name).type) for name in table.column_names] == [
        *("struct<bytes: binary, path: string>", "int64", "list<element: float>"),
    ]
    assert table.column_names == ["image", "label", "soft"]
    assert table["label"].to_pylist() == ORDER
    assert np.array_equal(np.float32(table["soft"].to_pylist()), s.soft.floats)
    for row, pixels in zip(table["image"].to_pylist(), eight_bits(s), strict=True):
        with Image.open(io.BytesIO(row["bytes"])) as picture:
            assert np.array_equal(np.asarray(picture).transpose(2, 0, 1), pixels)
    assert table["image"].to_pylist()[1]["path"] == "00001.png"
    notes = json.loads(table.schema.metadata[b"ddcodec"])
    assert (notes["recipe"], notes["std"], notes["soft_kind"]) == (RECIPE, [0.5, 0.25, 2.0], "logits")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_read_by_datasets(monkeypatch, tmp_path, channels):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    datasets = pytest.importorskip("datasets")
    s = full_set() if channels == 3 else small_set(channels)
    write_parquet(s, tmp_path / "x.parquet")
    found = datasets.Dataset.from_parquet(str(tmp_path / "x.parquet"), cache_dir=str(tmp_path / "cache"))
    assert isinstance(found.features["image"], datasets.Image)
    assert isinstance(found.features["label"], datasets.ClassLabel)
    assert found.features["label"].names == list(NAMES)
    assert found["label"][:] == ORDER
    for row, pixels in zip(found, eight_bits(s), strict=True):
        assert np.array_equal(np.asarray(row["image"]).reshape(4, 6, channels).transpose(2, 0, 1), pixels)
    if channels == 3:
        assert np.array_equal(np.float32(found["soft"][:]), s.soft.floats)
        assert found.features == s.to_hf().features


def test_same_bytes_again(tmp_path):
    pytest.importorskip("pyarrow")
    for name in "ab":
        write_parquet(full_set(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_does_not_fit_leaves_the_old_file(monkeypatch, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("old")
    for wrong in (small_set(5), small_set(whitening={"kind": "zca"}), small_set(classes=("a", "a", "b"))):
        with pytest.raises(InputError):
            write_parquet(wrong, path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DdzError, match=r"^pyarrow is not installed; install ddcodec\[parquet\]$"):
        write_parquet(small_set(), path)
    assert path.read_text() == "old"
    assert [part.name for part in tmp_path.iterdir()] == ["x.parquet"]


def test_eight_bits_are_those_of_the_png_folder():
    s = small_set(order=None)
    assert np.array_equal(eight_bits(s), to_bytes(s.pixels, s.peak))

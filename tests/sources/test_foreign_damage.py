"""Files that are cut short, flipped, or unfold without bound, and folders of pictures gone wrong."""

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddcodec.errors import DdzError, LimitError
from ddcodec.sources import trees
from ddcodec.sources.detect import read_foreign
from ddcodec.sources.foreign import Options
from tests.sources import foreign_files as files
from tests.sources.complaints import complaint, saved


@pytest.mark.parametrize("name", ["DC", "MTT", "our npz", "our safetensors", "parquet"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.97])
def test_cut_short(tmp_path, name, part):
    case = files.CASES[name]
    path = case.write(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    complaint(path, case.options)


@pytest.mark.parametrize("name", ["DC", "MTT", "our npz", "our safetensors", "parquet", "our pt"])
def test_flipped_bytes_never_end_in_another_exception(tmp_path, name):
    case = files.CASES[name]
    path = case.write(tmp_path)
    whole, rng = path.read_bytes(), np.random.default_rng(5)
    for _ in range(40):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            broken[place] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        with contextlib.suppress(DdzError):
            read_foreign(path, case.options)


def test_a_torch_archive_that_unfolds(tmp_path):
    path = files.dc(tmp_path)
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
    assert "is compressed, which torch.save never does" in complaint(packed)


def test_a_tensor_that_is_wider_than_its_numbers(tmp_path):
    wide = torch.zeros(1).expand(2**20, 3, 64, 64)  # 4 bytes in the file, 48 GB when unfolded
    path = saved(tmp_path, [wide, files.labels()])
    assert path.stat().st_size < 10_000
    with pytest.raises(LimitError, match="pixels"):
        read_foreign(path)


def npz_member(path, shape, data=b"", descr="<f4"):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue() + data)
    return path


def test_an_array_that_claims_more_than_it_has(tmp_path):
    text = complaint(npz_member(tmp_path / "x.npz", (2**20, 3, 1024, 1024), b"\0" * 64))
    assert "array images claims shape (1048576, 3, 1024, 1024)" in text


def test_an_array_that_unfolds_without_bound(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, images=np.zeros((100, 3, 64, 64)), labels=np.zeros(100, int))
    monkeypatch.setattr("ddcodec.sources.named_arrays._MAX_BYTES", 10**6)
    assert "array images unfolds to" in complaint(path)


def test_a_npy_that_claims_more_than_it_has(tmp_path):
    path = tmp_path / "images.npy"
    header = io.BytesIO()
    claim = {"descr": "<f4", "fortran_order": False, "shape": (2**20, 3, 1024, 1024)}
    np.lib.format.write_array_header_1_0(header, claim)
    path.write_bytes(header.getvalue() + b"\0" * 64)
    assert "not a usable .npy file" in complaint(path)


def test_npy_files_are_bare_tensors(tmp_path):
    np.save(tmp_path / "images.npy", files.BYTES)
    np.save(tmp_path / "labels.npy", files.LABELS)
    found = read_foreign(tmp_path / "images.npy")
    assert np.array_equal(found.images, files.BYTES)
    assert found.domain == "pixels"


def picture(path: Path, size=(8, 8), mode="RGB"):
    path.parent.mkdir(exist_ok=True)
    Image.new(mode, size).save(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: picture(folder / "b" / "1.png", (8, 9)), "1.png: has 8x9 pixels, but"),
        (
            lambda folder: (folder / "b" / "1.png").write_text("<html>not found</html>"),
            "1.png: is no PNG, JPEG or WebP",
        ),
        (lambda folder: (folder / "c").mkdir(), "class folder c has no image"),
        (lambda folder: picture(folder / "b" / "1.png", mode="RGBA"), "1.png: mode RGBA"),
        (lambda folder: picture(folder / "b" / "1.png", mode="I;16"), "1.png: mode I;16"),
        (lambda folder: picture(folder / "1.png"), "1.png lies outside the class folders"),
        (lambda folder: (folder / "b" / "deeper").mkdir(), "b/deeper: a folder inside a class folder"),
        (
            lambda folder: (folder / "a" / "0.png").write_bytes((folder / "a" / "0.png").read_bytes()[:45]),
            "0.png: a damaged image",
        ),
    ],
)
def test_picture_folders(tmp_path, spoil, words):
    for name in ("a", "b"):
        picture(tmp_path / name / "0.png")
    assert len(read_foreign(tmp_path).images) == 2
    spoil(tmp_path)
    assert words in complaint(tmp_path, Options())


def test_a_picture_that_unfolds_without_bound(tmp_path, monkeypatch):
    picture(tmp_path / "a" / "0.png", (300, 300))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000)
    assert "too many pixels" in complaint(tmp_path, Options())


def test_the_limits_hold(tmp_path, monkeypatch):
    small = trees.Limits(pixels=1_000)
    monkeypatch.setattr(trees, "Limits", lambda: small)
    with pytest.raises(LimitError, match="pixels"):
        read_foreign(files.dc(tmp_path))

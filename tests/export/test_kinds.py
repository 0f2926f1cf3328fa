"""Every kind of export by its word, from Python and from the command line."""

import pytest
from click.testing import CliRunner

from ddcodec.cli import main
from ddcodec.errors import InputError
from ddcodec.export.kinds import KINDS, write
from ddcodec.pipeline import encode_set
from tests.small_models import META, MODELS
from tests.views.small_sets import full_set

FOLDERS = {
    "png": ["00_ant", "02_cat", "labels.csv"],
    "imagefolder": ["ant", "bee", "cat", "classes.json"],
    "ddranking": ["images.pt", "labels.pt", "lr.pt"],
    "mtt": ["images_best.pt", "labels_best.pt", "lr_best.pt"],
}
STARTS = {"npz": b"PK", "pt": b"PK", "dc": b"PK", "parquet": b"PAR1", "safetensors": b""}
NEEDS = {"pt": "torch", "dc": "torch", "mtt": "torch", "ddranking": "torch", "parquet": "pyarrow"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(tmp_path, kind):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    write(full_set(), tmp_path / "out", kind)
    if kind in FOLDERS:
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FOLDERS[kind]
    else:
        assert (tmp_path / "out").read_bytes().startswith(STARTS[kind])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", KINDS)
def test_from_the_command_line(tmp_path, kind):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    (tmp_path / "x.ddz").write_bytes(encode_set(MODELS["shared by some, shuffled"], META, with_hash=True))
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["decode", str(tmp_path / "x.ddz"), str(out), "--to", kind])
    assert (done.exit_code, done.stderr, done.stdout) == (0, "", f"{out}: 5 images\n")
    assert out.is_dir() == (kind in FOLDERS)


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_in_use_is_left_alone(tmp_path, kind):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    (tmp_path / "note").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write(full_set(), tmp_path, kind)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_unknown_kind(tmp_path):
    with pytest.raises(InputError, match="expected one of png, npz"):
        write(full_set(), tmp_path / "out", "mat")
    assert list(tmp_path.iterdir()) == []

"""The command `import`: one line on stdout, notes on stderr, nothing on disk when it fails."""

import hashlib
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ddcodec
from ddcodec import pipeline
from ddcodec.cli import main
from ddcodec.train import imported
from tests import calls
from tests.sources import foreign_files as files


@pytest.fixture
def taken(monkeypatch):
    """The sets that are given to the encoder."""
    found = []

    def exact_result(dataset, real=imported.exact_result):
        found.append(dataset)
        return real(dataset)

    monkeypatch.setattr(imported, "exact_result", exact_result)
    return found


def call(*arguments, code=0):
    return calls.call("import", *arguments, code=code)


def complaint(*arguments):
    return "ddcodec: " + calls.complaint("import", *arguments)


def test_tensors_to_a_file(tmp_path, taken):
    images, out = files.mtt(tmp_path), tmp_path / "out.ddz"
    given = ("--lr", "0.02", "--normalize", "mtt-cifar10", "--classes", "ant,bee, cat", "--recipe", "depth=3")
    done = call(images, tmp_path / "labels_best.pt", *given, "-o", out)
    size = len(out.read_bytes())
    assert done.stdout.startswith(
        f"{out}: {size} bytes, {size / 3:.1f} per class; 6 images of 3 classes, layout mtt, n"
    )
    assert "rounded to 1/255: greatest error" in done.stdout
    assert "note: nothing says: augmentation" in done.stderr
    dataset = taken[0]
    assert np.array_equal(dataset.pixels, files.BYTES)
    assert dataset.normalize == files.CIFAR
    assert dataset.classes == files.NAMES
    assert dataset.recipe == {"depth": 3, "learning_rate": 0.02}
    assert dataset.provenance == {
        "dataset": "import:images_best.pt",
        "version": ddcodec.__version__,
        "imported_from": "images_best.pt",
        "layout": "mtt",
        "source_sha256": hashlib.sha256(images.read_bytes()).hexdigest()[:16],
    }


def test_through_the_real_encoder_and_back(tmp_path):
    out = tmp_path / "x.ddz"
    call(files.datm(tmp_path), "-o", out, "--normalize", "mtt-cifar10", "--label-bits", 12)
    again = ddcodec.load(out)
    assert np.array_equal(again.pixels, files.BYTES)
    assert np.abs(again.normalised() - files.NORMALISED).max() < 1e-5
    assert np.abs(again.soft.floats - files.LOGITS).max() < 0.01
    assert again.recipe == {"learning_rate": files.RATE}
    assert again.provenance["layout"] == "datm"


def test_a_folder_to_a_run_directory(tmp_path, taken):
    source = tmp_path / "run"
    source.mkdir()
    files.datm(source)
    out = tmp_path / "new" / "run"
    call(source / "Normal", "--zca-from", "cifar10 train", "-o", out, "--dataset", "cifar10", "--bits", "10")
    assert sorted(path.name for path in out.iterdir()) == ["import.json", "result.json", "state.safetensors"]
    report = json.loads((out / "import.json").read_text())
    assert report["layout"] == "datm"
    assert report["domain"] == "whitened"
    assert report["options"]["bits"] == 10
    assert report["options"]["zca_from"] == "cifar10 train"
    assert report["soft_kind"] == "logits"
    assert set(report["sources"]) == {"Normal", "labels_best.pt", "lr_best.pt"}
    assert report["sources"]["lr_best.pt"] == hashlib.sha256((source / "Normal/lr_best.pt").read_bytes()).hexdigest()
    assert taken[0].whitening == {"kind": "zca", "fitted_on": "cifar10 train", "epsilon": 0.1}
    assert taken[0].provenance["dataset"] == "cifar10"
    assert taken[0].soft.kind == "logits"
    assert str(tmp_path) not in (out / "import.json").read_text()


def test_json(tmp_path, taken):
    out = tmp_path / "x.ddz"
    found = json.loads(call(files.named_folders(tmp_path / "in"), "-o", out, "--json").stdout)
    assert found["out"] == str(out)
    assert found["bytes"] == out.stat().st_size
    assert found["greatest"] == 0
    assert found["peak"] == 255
    assert found["class_count"] == 3


def test_class_names_from_a_file(tmp_path, taken):
    names = tmp_path / "names.txt"
    names.write_text("ant\nbee\ncat\n\n")
    call(files.idc(tmp_path), "-o", tmp_path / "x.ddz", "--classes", f"@{names}", "--factor", 2)
    assert taken[0].classes == files.NAMES
    assert taken[0].recipe == {"factor": 2}


def test_mean_and_std_in_numbers(tmp_path, taken):
    mean, std = (",".join(map(str, values)) for values in files.CIFAR)
    call(files.dc(tmp_path), "-o", tmp_path / "x.ddz", "--mean", mean, "--std", std, "--exp", 4, "--max-error", 0.01)
    assert taken[0].normalize == files.CIFAR
    assert taken[0].peak == int(np.ceil(50 / min(files.CIFAR.std)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "no pixels in 0..1"),
        (("--normalize", "cifar100"), "no normalisation is called 'cifar100'; the nearest: "),
        (("--normalize", "mnist-vico"), "mean: 1 numbers for images of 3 channels"),
        (("--normalize", "imagenet", "--zca-from", "x"), "exclude each other"),
        (("--mean", "1,2,3"), "--mean and --std go together"),
        (("--mean", "1,2,x", "--std", "1,1,1"), "--mean: expected numbers with commas"),
        (("--normalize", "imagenet", "--classes", "a,b"), "2 names for 3 classes"),
        (("--normalize", "imagenet", "--classes", "@nowhere"), "cannot read nowhere"),
        (("--normalize", "imagenet", "--classes", "a,,b"), "a name is empty"),
        (("--normalize", "imagenet", "--recipe", "epochs"), "--recipe epochs: expected KEY=VALUE"),
        (("--normalize", "imagenet", "--recipe", "epochs=many"), "recipe.epochs is not of type int"),
        (("--normalize", "imagenet", "--labels", "logits"), "asks for (N, classes) numbers"),
        (("--normalize", "imagenet", "--as", "idc"), "is not built as layout idc"),
        (("--normalize", "imagenet", "--as", "d"), "unknown layout 'd'"),
        (("--normalize", "imagenet", "--bits", "40"), "--bits: expected 4..16"),
    ],
)
def test_complaints(tmp_path, taken, options, words):
    source, out = files.mtt(tmp_path), tmp_path / "new" / "x.ddz"
    before = sorted(tmp_path.rglob("*"))
    text = complaint(source, "-o", out, *options)
    assert words in text
    assert text.startswith(f"ddcodec: {source}: ")
    assert sorted(tmp_path.rglob("*")) == before
    assert taken == []


def test_a_run_directory_in_use_is_left_alone(tmp_path, taken):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "x").write_text("mine")
    assert "the folder is not empty" in complaint(files.idc(tmp_path), "-o", tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["x"]


def test_budgets_need_lossy(tmp_path):
    for arguments in (("--bytes-per-class", 100), ("--lossy",), ("--lossy", "--lambda", 1, "--bytes-per-class", 9)):
        done = call(files.idc(tmp_path), "-o", tmp_path / "x", *arguments, code=2)
        assert "--lossy" in done.stderr


def test_lossy_fits_a_budget(tmp_path):
    given = (files.datm(tmp_path), "--normalize", "mtt-cifar10", "--lossy")
    call(*given, "--bytes-per-class", 200, "-o", tmp_path / "x.ddz")
    budget, again = 3 * 200, ddcodec.load(tmp_path / "x.ddz")
    sections = pipeline.info(tmp_path / "x.ddz").section_bytes
    assert "SOFT" in sections
    without = encode_with(tmp_path / "x.ddz")
    assert 0.8 * budget < without <= budget
    assert again.normalize == files.CIFAR
    assert again.provenance["layout"] == "datm"
    assert np.abs(again.soft.floats - files.LOGITS).max() < 0.1
    exact = files.BYTES / np.float32(255)
    rough = again.pixels / np.float32(again.peak)
    assert 0 < np.abs(rough - exact).mean() < 0.25


def encode_with(path):
    """Bytes of the file without what a budget does not count: metadata and content hash."""
    found = pipeline.info(path)
    return found.file_bytes - sum(found.section_bytes[kind] + 15 for kind in ("meta", "hash"))


def test_lossy_to_a_run_directory(tmp_path):
    call(files.mtt(tmp_path), "--normalize", "cifar10-vico", "--lossy", "--lambda", 2, "-o", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "import.json").read_text())["layout"] == "mtt"
    written = tmp_path / "x.ddz"
    assert CliRunner().invoke(main, ["encode", str(tmp_path / "run"), str(written)]).exit_code == 0
    checked = CliRunner().invoke(main, ["validate", str(tmp_path / "run"), str(written)])
    assert checked.exit_code == 0, checked.output
    assert ddcodec.load(written).provenance["imported_from"] == "images_best.pt"


def test_a_hostile_file_ends_in_one_line(tmp_path, taken):
    class Program:
        def __reduce__(self):
            return print, ("it ran",)

    torch.save([Program()], tmp_path / "x.pt")
    text = complaint(tmp_path / "x.pt", "-o", tmp_path / "x.ddz")
    assert "print" in text
    assert "is not loaded" in text
    assert not (tmp_path / "x.ddz").exists()


def test_a_protocol_fills_the_recipe_and_options_win(tmp_path):
    given = (files.mtt(tmp_path), "--normalize", "mtt-cifar10", "--protocol", "mtt", "--lr", "0.03")
    call(*given, "--recipe", "epochs=7", "-o", tmp_path / "x.ddz")
    recipe = ddcodec.load(tmp_path / "x.ddz").recipe
    assert (recipe["network"], recipe["width"], recipe["epochs"]) == ("convnet", 128, 7)
    assert recipe["learning_rate"] == 0.03
    assert recipe["augmentation"] == "color_crop_cutout_flip_scale_rotate"
    assert "dm" in complaint(*given[:3], "--protocol", "md", "-o", tmp_path / "y.ddz")

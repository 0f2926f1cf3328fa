"""The commands that show files: report, preview."""

import sys

import numpy as np
import pytest
from PIL import Image

import ddcodec
from ddcodec.cli.gathering import short_names
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.export.stretch import display_levels
from ddcodec.format.container import Payload, read_container, write_container
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import encode_set
from ddcodec.validate import network_bits
from tests.calls import call, complaint, write
from tests.small_models import MODELS, model

# report


def test_report(tmp_path):
    file, out = write(tmp_path / "x.ddz", with_hash=True), tmp_path / "r.html"
    done = call("report", file, "-o", out, "--title", "A <set>")
    assert done.stdout == f"{out}: {out.stat().st_size} bytes, 1 file\n"
    page = out.read_text()
    assert "<h1><bdi>A &lt;set&gt;</bdi></h1>" in page
    assert ddcodec.load(file).content_hash().hex() in page
    assert "Estimate against bytes" not in page
    assert str(tmp_path) not in page


def test_report_of_several(tmp_path):
    (tmp_path / "a").mkdir()
    first, second = write(tmp_path / "x.ddz"), write(tmp_path / "a" / "x.ddz", MODELS["one class"], None)
    call("report", first, second, "-o", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert f"{tmp_path.name}/x.ddz" in page
    assert "a/x.ddz" in page
    done = call("report", first, second, "-o", tmp_path / "q.html", "--run", tmp_path, code=2)
    assert "--run goes with one FILE" in done.stderr
    assert not (tmp_path / "q.html").exists()
    assert short_names(("p/x", "q/y")) == ["x", "y"]


@pytest.fixture
def run_dir(tmp_path):
    from ddcodec.train.rundir import write_result

    coded = model(counts=(300, 200, 100))
    _, bits = encode_class_streams(coded.networks, coded.group_of_class, coded.latents)
    groups = [network_bits(net) for net in coded.networks]
    estimate = {
        "latent_bits": bits,
        "network_bits": groups,
        "training_latent_bits": sum(bits),
        "training_network_bits": sum(groups),
    }
    folder = tmp_path / "run-9"
    folder.mkdir()
    result = {"model": coded, "mean": (0.5,), "std": (0.25,), "classes": None, "recipe": {}, "estimate": estimate}
    result["whitening"] = {}
    write_result(folder, type("Result", (), result))
    return folder


def test_report_with_the_run(run_dir, tmp_path):
    file, out = write(tmp_path / "x.ddz", model(counts=(300, 200, 100))), tmp_path / "r.html"
    call("report", file, "-o", out, "--run", run_dir)
    assert "Held against the run run-9: within tolerance" in out.read_text()
    call("report", write(run_dir / "x.ddz"), "-o", out)  # found by itself; a file of another run
    assert "section LATN is not what this run encodes to" in out.read_text()
    assert "no finished result" in complaint("report", file, "-o", tmp_path / "q.html", "--run", tmp_path)
    assert not (tmp_path / "q.html").exists()


def test_report_of_damage(tmp_path):
    good, bad, out = write(tmp_path / "x.ddz"), tmp_path / "bad.ddz", tmp_path / "r.html"
    bad.write_bytes(good.read_bytes()[:-1])
    assert complaint("report", good, bad, "-o", out, code=65).startswith(f"{bad}: ")
    assert complaint("report", good, tmp_path / "no.ddz", "-o", out).startswith(f"{tmp_path / 'no.ddz'}: ")
    assert not out.exists()


def test_report_of_a_wrong_content_hash(tmp_path):
    container = read_container(encode_set(MODELS["pyramid"]))
    header, parts = container.header, [("NETS", 1, container.payload("NETS")), ("LATN", 1, container.payload("LATN"))]
    payloads = [Payload(*part) for part in (*parts, ("hash", 1, bytes(32)))]
    file = tmp_path / "x.ddz"
    file.write_bytes(write_container(header.counts, header.shape, header.group_of_class, payloads))
    assert "content hash" in complaint("report", file, "-o", tmp_path / "r.html", code=65)
    assert not (tmp_path / "r.html").exists()


def test_report_without_jinja2(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    message = complaint("report", write(tmp_path / "x.ddz"), "-o", tmp_path / "r.html")
    assert message == "jinja2 is not installed; install ddcodec[report]"


# preview


def test_preview(tmp_path):
    file, out = write(tmp_path / "x.ddz"), tmp_path / "s.png"
    done = call("preview", file, out)
    with Image.open(out) as whole:
        assert done.stdout == f"{out}: {whole.width}x{whole.height} pixels, 5 images\n"
        size = whole.size
    call("preview", file, out, "--class", "c", "--class", "0", "--per-class", 2, "--scale", 5)
    with Image.open(out) as part:
        assert part.height == 2 * (25 + 2) + 2
        assert part.width < size[0]


def test_preview_draws_the_images(tmp_path):
    file, out = write(tmp_path / "x.ddz", metadata=None), tmp_path / "s.png"
    call("preview", file, out, "--class", "2", "--per-class", 1, "--scale", 4)
    part = ddcodec.load(file, classes=[2], per_class=1)
    ((low, high),), _ = display_levels(part)
    expected = np.floor(np.clip((part.pixels[0, 0] - low) / (high - low), 0, 1) * 255 + 0.5)
    with Image.open(out) as picture:
        found = np.asarray(picture)[2:22, -26:-2, 0].astype(int)
    assert np.abs(found - expected.repeat(4, 0).repeat(4, 1)).max() <= 1  # float32 against float64


def test_preview_stretches_and_says_so(tmp_path):
    whitening = {"kind": "zca", "epsilon": 0.1}
    file = write(tmp_path / "x.ddz", metadata=Metadata(whitening=whitening))
    done = call("preview", file, tmp_path / "s.png")
    assert done.stderr == f"ddcodec: {file}: values are whitened; each channel is stretched to its middle 99 %\n"


def test_preview_of_bad_requests(tmp_path):
    file, out = write(tmp_path / "x.ddz"), tmp_path / "s.png"
    assert "no class 'd'" in complaint("preview", file, out, "--class", "d")
    for options in (("--per-class", 0), ("--per-class", 51), ("--scale", 0)):
        call("preview", file, out, *options, code=2)
    file.write_bytes(file.read_bytes()[:-1])
    assert complaint("preview", file, out, code=65).startswith(f"{file}: ")
    assert not out.exists()


def test_preview_of_many_classes_says_what_it_leaves_out(tmp_path):
    file = write(tmp_path / "x.ddz", model(groups=(0,) * 101, counts=(1,) * 101), None)
    done = call("preview", file, tmp_path / "s.png")
    assert "the first 100 of 101 classes are drawn" in done.stderr


def test_sheet_is_what_preview_was(tmp_path):
    file = write(tmp_path / "x.ddz")
    call("sheet", file, tmp_path / "a.png")
    call("preview", file, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    text = call("--help").stdout
    assert "preview" in text
    assert "sheet " not in text

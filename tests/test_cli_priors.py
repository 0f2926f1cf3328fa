"""What the commands do with files of priors."""

import json

import numpy as np
import pytest
from PIL import Image

import ddcodec
from ddcodec.export.sheet import with_draws
from tests.calls import call, complaint, write
from tests.prior_models import prior_model
from tests.small_models import GREY, META, MODELS


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "x.ddz", prior_model(), META, with_hash=True)


def test_decode_gives_means(file, tmp_path):
    call("decode", file, tmp_path / "out.npz", "--to", "npz")
    with np.load(tmp_path / "out.npz") as arrays:
        assert len(arrays["images"]) == 5


def test_decode_draws_samples(file, tmp_path):
    out = tmp_path / "out.npz"
    done = call("decode", file, out, "--to", "npz", "--samples-per-class", 4, "--seed", 7)
    assert done.stdout == f"{out}: 8 images\n"
    drawn = ddcodec.load(file).sampled(4, 7)
    with np.load(out) as arrays:
        assert np.array_equal(arrays["images"], drawn.images)
        assert arrays["labels"].tolist() == drawn.labels.tolist()
    call("decode", file, tmp_path / "again.npz", "--to", "npz", "--samples-per-class", 4, "--class", "c")
    with np.load(tmp_path / "again.npz") as arrays:
        assert np.array_equal(arrays["images"], ddcodec.load(file).sampled(4).images[4:])


@pytest.mark.parametrize("kind", ["png", "pt", "imagefolder"])
def test_samples_in_other_forms(file, tmp_path, kind):
    done = call("decode", file, tmp_path / "out", "--to", kind, "--samples-per-class", 2)
    assert done.stdout == f"{tmp_path / 'out'}: 4 images\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--samples-per-class", 0), "samples of each class: expected at least 1, found 0"),
        (("--samples-per-class", 1, "--seed", -1), "seed: expected 0..18446744073709551615, found -1"),
        (("--samples-per-class", 1, "--seed", 2**64), f"seed: expected 0..18446744073709551615, found {2**64}"),
        (
            ("--samples-per-class", 10**10),
            "10,000,000,000 samples of each class are 20,000,000,000 images, the limit is 4,194,304",
        ),
    ],
)
def test_samples_that_cannot_be_drawn(file, tmp_path, options, text):
    assert complaint("decode", file, tmp_path / "out", *options) == f"{file}: {text}"
    assert not (tmp_path / "out").exists()


def test_samples_of_a_set_without_priors(tmp_path):
    file = write(tmp_path / "x.ddz")
    found = complaint("decode", file, tmp_path / "out", "--samples-per-class", 3)
    assert found == f"{file}: the set has no priors to draw samples from"
    done = call("decode", file, tmp_path / "out", "--seed", 3, code=2)
    assert "--seed goes with --samples-per-class" in done.stderr


def test_info(file, tmp_path):
    found = json.loads(call("info", file, "--json").stdout)
    assert found["representation"] == "priors"
    (group,) = found["priors"]
    assert (group["classes"], group["priors"], group["dimensions"]) == (3, 5, 3)
    assert group["decoder_weights"] == (3 + 1) * 2 * 3 * 3 + (2 * 16 + 1) * 3 + 3 * 9 + 1
    assert group["latent_bytes"] == sum(found["class_bytes"])
    assert 0 < group["decoder_bytes"] < found["section_bytes"]["NETS"]
    text = call("info", file).stdout
    assert "5 priors of 3 classes, 1x5x6" in text
    assert "representation: priors\npriors of networks 0: 5 of 3 classes, 3 dimensions, " in text
    mixed = write(tmp_path / "y.ddz", MODELS["priors beside a transform"], None)
    assert "representation: priors and transform" in call("info", mixed).stdout
    plain = json.loads(call("info", write(tmp_path / "z.ddz"), "--json").stdout)
    assert (plain["representation"], plain["priors"]) == ("pyramid", None)


def test_preview_shows_draws_behind_means(file, tmp_path):
    out, found = tmp_path / "p.png", ddcodec.load(file)
    assert "15 images" in call("preview", file, out, "--draws", 2, "--scale", 1).stdout
    shown = with_draws(found, 2)
    assert shown.class_counts == (9, 0, 6)
    rows = [found.pixels, found.priors.draw(0), found.priors.draw(1)]
    assert np.array_equal(shown.pixels, np.concatenate([[row[prior] for row in rows] for prior in range(5)]))
    with Image.open(out) as picture:
        assert picture.width > 9 * (GREY.width + 2)
    assert "5 images" in call("preview", file, out, "--draws", 0).stdout


def test_report_verify_and_diff(file, tmp_path):
    other = prior_model()
    other.latents[0][1, 5] += 3  # a log-scale
    second = write(tmp_path / "y.ddz", other, META, with_hash=True)
    assert "intact: 5 images" in call("verify", file).stdout
    call("report", file, "-o", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert ddcodec.load(file).content_hash().hex() in page
    assert "3 dimensions, " in page
    assert "decoder of 199 weights, " in page
    assert "s = s.sampled(50, seed=0)" in page
    found = json.loads(call("diff", file, second, "--json", code=1).stdout)
    assert [row["number"] for row in found["latents"]] == [0]
    assert found["latents"][0]["differing"] == 1
    assert found["pixels"] == []
    assert not found["same_content"]

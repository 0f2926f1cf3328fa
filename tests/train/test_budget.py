"""Budgets that count the whole file, and what the options make of them."""

import re

import pytest
import torch

from ddcodec.errors import EncodeError
from ddcodec.pipeline import encode_set
from ddcodec.train.config import Config, from_toml
from ddcodec.train.loop import run
from ddcodec.train.provenance import provenance_of
from ddcodec.train.rundir import read_result
from tests.train.small_runs import DIGITS, FIT_ONLY, SHORT, started, synthetic


def whole_file(folder, data, *settings):
    """The default file of a run."""
    run(Config().with_settings([*SHORT, "train.budget_counts=file", *settings]), data, folder, torch.device("cpu"))
    model, metadata, _ = read_result(folder)
    return len(encode_set(model, metadata, with_hash=True))


@pytest.mark.parametrize("wanted", [80, 102.4, 204.8, 512])
@pytest.mark.parametrize("more", [(), (FIT_ONLY,), ("codec.share=class",)], ids=["joint", "fit", "class"])
def test_the_whole_file_meets_the_budget(wanted, more, tmp_path):
    size = whole_file(tmp_path / "run", DIGITS, f"train.bytes_per_class={wanted}", "train.images_per_class=6", *more)
    assert 0.97 * 10 * wanted <= size <= 10 * wanted


def test_more_to_say_leaves_less_for_the_images(tmp_path):
    data = synthetic(each=12)
    long = type(data)(data.images, data.labels, tuple(c * 60 for c in "abc"), data.name)
    settings = ("train.bytes_per_class=350", "train.images_per_class=3", "train.images_tried=[3, 4]", FIT_ONLY)
    sizes = [whole_file(tmp_path / part.name / str(i), part, *settings) for i, part in enumerate((data, long))]
    assert all(0.97 * 1050 <= size <= 1050 for size in sizes)
    latents = [sum(read_result(tmp_path / "synthetic" / str(i))[2]["latent_bits"]) for i in range(2)]
    assert latents[0] - latents[1] > 8 * 150


@pytest.mark.parametrize("more", [(), ("codec.share=class",), ("codec.context_base=0",)])
def test_the_smallest_feasible_budget_is_named(more):
    settings = ("train.budget_counts=file", *more)
    with pytest.raises(EncodeError, match=r"is 30: .* metadata and hash take \d+ bytes per class \(0\.\d+ KiB\)") as e:
        started("train.bytes_per_class=30", *settings)
    least, kib = int(re.search(r"take (\d+) bytes", str(e.value))[1]), float(re.search(r"\((.*) KiB", str(e.value))[1])
    assert least <= 1024 * kib < least + 1.1
    started(f"train.bytes_per_class={least + 1}", *settings)
    with pytest.raises(EncodeError):
        started(f"train.bytes_per_class={least - 1}", *settings)


def test_options_of_today_leave_hashes_of_yesterday_alone():
    assert "budget_counts" not in Config().to_toml()
    assert "images_tried" not in Config().to_toml()
    counted = Config().with_settings(["train.budget_counts=file", "train.images_tried=[4, 6]"])
    assert from_toml(counted.to_toml()) == counted
    assert counted.sha256() != Config().sha256()
    assert provenance_of(counted, "digits")["images_per_class_tried"] == [4, 6]
    assert "images_per_class_tried" not in provenance_of(Config(), "digits")

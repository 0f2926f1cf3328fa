"""Real images in a given number of bytes: by this codec, as mosaics, as plain pixels."""

import numpy as np
import pytest
import torch
from PIL import Image

from ddcodec.errors import EncodeError
from ddcodec.train.coded_real import by_mosaic, by_this_codec, first_of_each, in_bytes
from ddcodec.train.config import Config
from ddcodec.train.distiller import Distiller
from ddcodec.train.rival_codecs import avif_at_budget, can_write, decode_mosaic, webp_at_budget
from tests.train.small_runs import DIGITS, SHORT, synthetic

CPU = torch.device("cpu")


def test_this_codec_fills_the_bytes():
    config = in_bytes(Config().with_settings(SHORT), 1500, 10)
    coded = by_this_codec(config, DIGITS, 5, CPU, Distiller)
    assert 0.97 * 1500 <= coded.file_bytes <= 1500
    assert coded.dataset.class_counts == (5,) * 10
    originals = first_of_each(DIGITS, 5).images
    assert np.abs(coded.dataset.images - originals).mean() < 0.1
    with pytest.raises(EncodeError, match="bytes per class"):
        by_this_codec(in_bytes(config, 300, 10), DIGITS, 5, CPU, Distiller)


@pytest.mark.parametrize(
    "kind", ["webp", pytest.param("avif", marks=pytest.mark.skipif(not can_write("avif"), reason=""))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_mosaics(kind, channels):
    data = synthetic(channels=channels, height=16, width=16)
    coded = by_mosaic(kind, data, 3, 1500)
    assert coded.file_bytes <= 1500
    assert coded.dataset.class_counts == (3, 3, 3)
    originals = first_of_each(data, 3).images
    assert np.abs(coded.dataset.images - originals).mean() < 0.1
    assert coded.dataset.mean == pytest.approx(data.images.mean(axis=(0, 2, 3)).tolist(), abs=1e-5)
    with pytest.raises(EncodeError, match=f"{kind}: no .* mosaic of 9 images fits 50 bytes"):
        by_mosaic(kind, data, 3, 50)


def test_the_finest_quality_that_fits_is_taken():
    pixels = np.rint(synthetic(height=16, width=16).images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    budgets = (500, 900, 2000)
    choices = [webp_at_budget(pixels, size) for size in budgets]
    assert [choice.psnr_db for choice in choices] == sorted(choice.psnr_db for choice in choices)
    for size, choice in zip(budgets, choices, strict=True):
        assert len(choice.blob) <= size
        assert np.array_equal(decode_mosaic(choice.blob, 27, (16, 16)), choice.images)


@pytest.mark.skipif(not can_write("avif"), reason="this Pillow has no AVIF")
def test_avif_of_grey_images():
    pixels = np.rint(first_of_each(DIGITS, 3).images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    choice = avif_at_budget(pixels, 900, speed=9)
    assert len(choice.blob) <= 900
    assert choice.images.shape == pixels.shape


def test_what_pillow_can_write(monkeypatch):
    assert can_write("webp")
    assert not can_write("nothing")
    Image.init()
    monkeypatch.delitem(Image.SAVE, "WEBP")
    assert not can_write("webp")


def test_two_channels_have_no_mosaic():
    with pytest.raises(EncodeError, match="webp: expected 1 or 3 channels, found 2"):
        by_mosaic("webp", synthetic(channels=2), 2, 9000)

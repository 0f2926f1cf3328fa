"""Options of the networks, refused where the format or the bases have no room for them."""

import pytest

from ddcodec.codecs.configs import PyramidConfig, Shape
from ddcodec.errors import EncodeError
from ddcodec.train.config import CodecOptions
from ddcodec.train.presets import PYRAMID_WIDTHS, codec_config, smallest_block

COLOUR, GREY = Shape(3, 32, 32, 4080), Shape(1, 8, 8, 4080)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"block": 12}, "block"),
        ({"preset": "v9", "synthesis": "pyramid"}, "preset"),
        ({"filter_layers": 1, "filter_width": 4}, "filter_layers"),
        ({"filter_layers": 5, "filter_width": 4}, "filter_layers"),
        ({"filter_layers": 3, "filter_width": 65}, "filter_width"),
        ({"filter_layers": 3}, "filter_width"),
        ({"filter_base": 9}, "filter_base"),
        ({"filter_base": 1}, "filter_base"),
        ({"context_base": 9}, "context_base"),
        ({"context_base": 2}, "context_base"),
        ({"context_base": 1, "synthesis": "pyramid"}, "context_base"),
        ({"context_base": 0, "context_widths": (4,) * 5}, "context_widths"),
    ],
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(EncodeError, match=words):
        codec_config(CodecOptions(**options), COLOUR)


def test_bases_are_taken_where_they_fit():
    config, widths, base = codec_config(CodecOptions(), COLOUR)
    assert (config.filter_base, base, widths) == (2, 1, (32, 32))
    config, _, base = codec_config(CodecOptions(), GREY)
    assert (config.filter_base, config.filter_widths, base) == (0, (), 1)
    with pytest.raises(EncodeError, match="filter_base"):
        codec_config(CodecOptions(filter_base=2), GREY)
    config, widths, base = codec_config(CodecOptions(filter_base=0, context_base=0, context_widths=(7,)), COLOUR)
    assert (config.filter_base, config.filter_widths, base, widths) == (0, (), 0, (7,))


@pytest.mark.parametrize("preset", PYRAMID_WIDTHS)
def test_pyramids(preset):
    config, _, base = codec_config(CodecOptions(synthesis="pyramid", preset=preset), GREY)
    assert isinstance(config, PyramidConfig)
    assert (config.widths, len(config.channels), base) == (PYRAMID_WIDTHS[preset], 4, 0)


def test_blocks_are_no_larger_than_images():
    assert [smallest_block(*size, 16) for size in ((3, 3), (4, 5), (8, 8), (9, 2), (40, 40))] == [4, 8, 8, 16, 16]

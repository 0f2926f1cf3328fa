"""Names for network sizes, and the configuration that a run's options ask for."""

from __future__ import annotations

from ddcodec.codecs.base_networks import BASES, matching_base
from ddcodec.codecs.configs import Config, PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.networks import MAX_CONTEXT_LAYERS, context_input_count
from ddcodec.errors import EncodeError
from ddcodec.train.config import CodecOptions

# hidden 1x1 widths by the names of arXiv 2507.17221's code; "v4-480" is what the paper calls its largest
PYRAMID_WIDTHS: dict[str, tuple[int, ...]] = {
    "": (16,),
    "v0": (40,),
    "v0-0": (24,),
    "v1": (40, 20),
    "v2": (20, 20, 20),
    "v3": (128, 40),
    "v3-2": (160,),
    "v3-3": (80, 40),
    "v3-4": (240,),
    "v4": (160, 40),
    "v4-480": (480,),
    "v5": (240, 40),
    "v5-1": (240,),
    "v5-640": (640,),
    "v5-3": (480,),
    "v6": (320, 40),
    "v7": (480, 40),
}


def smallest_block(height: int, width: int, wanted: int) -> int:
    """Transform block: the wanted size, but no larger than needed to cover the image, and at least 4."""
    if wanted not in (4, 8, 16, 32):
        raise EncodeError(f"codec.block is {wanted}, expected 4, 8, 16 or 32")
    block = 4
    while block < min(wanted, max(height, width)):
        block *= 2
    return block


def _known_base(option: str, base_id: int, kind: str, fits: int) -> int:
    """The base that an option asks for, -1 being the newest that fits, or 0."""
    if base_id < 0:
        return matching_base(kind, fits)
    known = [number for number, base in BASES.items() if (base.kind, base.fits) == (kind, fits)]
    if base_id and base_id not in known:
        raise EncodeError(f"codec.{option} {base_id} is not a {kind!r} base that fits; there are {known}")
    return base_id


def codec_config(options: CodecOptions, shape: Shape) -> tuple[Config, tuple[int, ...], int]:
    """Configuration of the synthesis, context widths and context base that the options mean.

    The transform starts with every diagonal coded; unused ones are cut when the set is finished.
    Raises: EncodeError for an unknown preset, a base that does not fit, or sizes beyond the format's.
    """
    config: Config
    if options.synthesis == "pyramid":
        if options.preset not in PYRAMID_WIDTHS:
            known = ", ".join(name for name in PYRAMID_WIDTHS if name)
            raise EncodeError(f"codec.preset {options.preset!r} is unknown; there are {known}")
        smaller = min(shape.height, shape.width)
        levels = 6 if smaller >= 64 else smaller.bit_length()
        config = PyramidConfig((options.channels,) * levels, options.cross_level, PYRAMID_WIDTHS[options.preset], 2)
    else:
        block = smallest_block(shape.height, shape.width, options.block)
        filter_base, widths = options.filter_base, (options.filter_width,) * (options.filter_layers - 1)
        if options.filter_layers:
            if options.filter_layers not in (2, 3, 4) or not 1 <= options.filter_width <= 64:
                found = f"{options.filter_layers} layers of width {options.filter_width}"
                raise EncodeError(f"codec.filter_layers, filter_width: expected 2..4 layers of 1..64, found {found}")
            filter_base = 0
        else:
            filter_base = _known_base("filter_base", filter_base, "filter", shape.channels)
        if filter_base:
            widths = BASES[filter_base].widths
        config = TransformConfig(block, (2 * block - 1,) * shape.channels, widths, filter_base)
    inputs = context_input_count(shape, config)
    context_base = _known_base("context_base", options.context_base, f"context {config.synthesis}", inputs)
    if not context_base and len(options.context_widths) > MAX_CONTEXT_LAYERS:
        raise EncodeError(f"codec.context_widths: expected 1..{MAX_CONTEXT_LAYERS}, found {options.context_widths}")
    return config, BASES[context_base].widths if context_base else options.context_widths, context_base

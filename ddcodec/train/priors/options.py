"""What a set of priors may be told, and decoders by name; quiet, since runs of before there were priors have hashes."""

from dataclasses import dataclass

from ddcodec.codecs.prior_config import DIMENSIONS_MAX, PriorConfig
from ddcodec.codecs.specs import Shape
from ddcodec.errors import EncodeError
from ddcodec.train.options import option


@dataclass(frozen=True)
class PriorOptions:
    """Priors and their decoder; train.images_per_class says how many priors a class has.

    preset: name of a decoder, see `PRESETS`. dimensions, channels: in place of the preset's, 0 and none for those.
    leak: what negative activations are divided by, as a power of two. samples: draws of each prior in a step of the
    joint phase. with_means: whether the images of the means take part in it, too. spread: what a draw's deviation
    starts from, in parts of the means'. grid: step of the weights, in parts of their deviation; 0: as fine as the
    format allows, for comparison. seeded: whether weights are coded against the random numbers that they start from,
    which cost nothing. exact_from: share of the joint phase after which numbers are rounded. decoder_rate: learning
    rate of the decoder.
    """

    preset: str = option("4kib", quiet=True)
    dimensions: int = option(0, low=0, high=DIMENSIONS_MAX, quiet=True)
    channels: tuple[int, ...] = option((), low=1, quiet=True)
    leak: int = option(3, low=0, high=15, quiet=True)
    samples: int = option(1, low=0, quiet=True)
    with_means: bool = option(False, quiet=True)
    spread: float = option(0.3, low=0, quiet=True)
    grid: float = option(0.5, low=0, high=4, quiet=True)
    seeded: bool = option(True, quiet=True)
    exact_from: float = option(0.4, low=0, high=1, quiet=True)
    decoder_rate: float = option(0.002, low=1e-9, quiet=True)


@dataclass(frozen=True)
class Decoder:
    """A decoder by size: channels before and after each doubling, of which smaller images use the first ones.

    start: least side of the first planes in pixels; linear, kernel, dimensions: as in `PriorConfig`, dimensions 0
    for as many as the first planes have.
    """

    dimensions: int
    channels: tuple[int, ...]
    start: int
    linear: bool = True
    kernel: int = 4


PRESETS = {
    "1kib": Decoder(16, (32, 24, 16, 12), 4),
    "4kib": Decoder(32, (64, 48, 32, 16), 4),
    "10kib": Decoder(64, (128, 64, 48, 32), 4),
    # those of D3 at 64x64, with batch normalisation folded into the layers around it
    "d3-small": Decoder(64, (256, 128, 64, 32, 32, 32), 2),
    "d3-medium": Decoder(2048, (512, 256, 128, 64, 32, 32), 2, kernel=3),
    "d3-large": Decoder(0, (1024, 512, 256, 128, 64, 64), 2, linear=False, kernel=3),
}


def prior_config(options: PriorOptions, shape: Shape) -> PriorConfig:
    """The decoder that the options mean for images of a shape, with neutral tables.

    Raises: EncodeError for an unknown preset, or sizes beyond the format's.
    """
    if options.preset not in PRESETS:
        raise EncodeError(f"prior.preset {options.preset!r} is unknown; there are {', '.join(PRESETS)}")
    preset = PRESETS[options.preset]
    channels = options.channels or _fitting(preset, min(shape.height, shape.width))
    doublings = len(channels) - 1
    first = channels[0] * -(-shape.height >> doublings) * -(-shape.width >> doublings)
    dimensions = options.dimensions or preset.dimensions or first
    config = PriorConfig(
        *(dimensions, preset.linear, channels, preset.kernel, options.leak),
        *(STEP, 34, 26, 64, 4),
    )
    if not (1 <= dimensions <= DIMENSIONS_MAX and doublings <= 8 and max(channels) <= 1024):
        raise EncodeError(f"prior: {dimensions} dimensions and channels {channels} are beyond the format's")
    config.check(shape)
    return config


STEP = 104
"""Index of the step that means start with: half a unit of the decoder's input."""


def _fitting(preset: Decoder, side: int) -> tuple[int, ...]:
    """Channels for images of a side: so many doublings that the first planes are not smaller than the preset's."""
    doublings = 0
    while -(-side >> (doublings + 1)) >= preset.start and doublings < 8:
        doublings += 1
    channels = preset.channels[: doublings + 1]
    return channels + channels[-1:] * (doublings + 1 - len(channels))

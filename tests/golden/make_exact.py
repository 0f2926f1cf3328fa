"""Golden files of pixels coded as they are (spec section 7b), wide values and soft labels; called by make.py."""

import numpy as np

from ddcodec.codecs.base_networks import BASES, matching_base
from ddcodec.codecs.configs import PixelConfig, Shape, TransformConfig
from ddcodec.codecs.pixel_layout import INPUT_COUNT
from ddcodec.dataset import SOFT_KINDS, SoftLabels, make_set
from ddcodec.entropy.coder import Encoder
from ddcodec.entropy.values import centred_rows, checksum24
from ddcodec.entropy.wide import push_wide
from ddcodec.format.wire import pack_varint
from ddcodec.pipeline import EncodedModel, encode_pixels, encode_set
from tests.golden.parts import TRANSFORM, changed, draft, latn, longer, model, nets, networks, stream

OWN = 0


def ramp(shape, counts, seed, noise, reach=1.0):
    """Pixels (N, channels, height, width) that rise along both axes, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((shape.height, shape.width))
    slope = shape.peak * reach * (0.2 + 0.05 * y + 0.03 * x)
    size = (sum(counts), shape.channels, shape.height, shape.width)
    return np.clip(np.rint(slope + rng.laplace(0, noise, size)), -32_768, 32_767).astype(np.int16)


def pixel_networks(shape, config, seed, context_base, widths=(4, 3), changes=0.2):
    """Networks of pixels; the predictors differ from those of the base in a share of the weights."""
    if context_base:
        widths = BASES[context_base].widths
    return networks(shape, config, seed, widths, context_base, changes, reach=300, shift=9)


def exact(nets_, groups, counts, pixels, order=None, soft=None):
    """A set of given pixels."""
    parts = np.split(pixels.reshape(len(pixels), -1), np.cumsum(counts)[:-1])
    return EncodedModel(nets_, groups, parts, order, soft)


def soft_labels(samples, classes, kind, unit, seed, centre, spread):
    """Soft labels of some spread (int16, clipped)."""
    values = np.rint(centre + np.random.default_rng(seed).laplace(0, spread, (samples, classes)))
    return SoftLabels(np.clip(values, -32_768, 32_767).astype(np.int16), unit, SOFT_KINDS[kind])


def valid_exact_files():
    """Name -> bytes."""
    base = matching_base("context 4", INPUT_COUNT)
    colour, grey = Shape(3, 6, 7, 255), Shape(1, 5, 6, 32_767)
    two, four = Shape(2, 3, 4, 1_023), Shape(4, 4, 3, 255)
    wide = PixelConfig(True, 7, 16)
    files = {
        "pixels-rgb-base": encode_pixels(make_set(ramp(colour, (2, 1), 20, 4), 255, (2, 1))),
        "pixels-grey-wide": encode_set(
            exact([pixel_networks(grey, wide, 21, base)], (0, 0), (2, 1), ramp(grey, (2, 1), 21, 6_000)), with_hash=True
        ),
        "pixels-own-context": encode_set(
            exact([pixel_networks(two, PixelConfig(False, -3, 6), 22, OWN)], (0,), (3,), ramp(two, (3,), 22, 1, 0.2))
        ),
        "pixels-of-four-channels": encode_set(
            exact(
                [pixel_networks(four, PixelConfig(True, 1, 8), 23, base, changes=0)],
                (0,),
                (2,),
                np.tile(ramp(four, (1,), 23, 2), (2, 1, 1, 1)),
            )
        ),
        "pixels-levels": encode_set(levelled_set(colour), with_hash=True),
        "pixels-extreme": encode_set(extreme(four), with_hash=True),
        "pixels-and-transform": encode_set(mixed(colour, base), with_hash=True),
    }
    return files | soft_files()


def extreme(shape):
    """The ends of the range, under networks of the greatest weights."""
    rng = np.random.default_rng(24)
    nets_ = [
        networks(shape, PixelConfig(True, depth, 16), depth + 8, (3,), OWN, reach=32_000, shift=15) for depth in (8, -8)
    ]
    pixels = rng.choice([-32_768, 32_767, 0], (3, shape.channels, shape.height, shape.width)).astype(np.int16)
    return exact(nets_, (0, 1), (1, 2), pixels)


def levelled_set(shape):
    """Two groups with few levels: near one another under the base, at the ends of the range under own networks."""
    rng, levels = np.random.default_rng(27), ((3, 17, 18, 90, 200), (-32_768, 0, 32_767))
    base = matching_base("context 4", INPUT_COUNT)
    nets_ = [
        pixel_networks(shape, PixelConfig(True, -1, 3, levels[0]), 27, base, changes=0.0),
        networks(shape, PixelConfig(False, -2, 2, levels[1]), 28, (3,), OWN, reach=300, shift=9),
    ]
    size = shape.channels * shape.height * shape.width
    parts = [rng.integers(0, len(some), (n, size)).astype(np.int16) for some, n in zip(levels, (2, 1), strict=True)]
    return EncodedModel(nets_, (0, 1), parts)


def mixed(shape, base):
    """A group of pixels beside a group of the transform, unsorted, with soft labels."""
    coded = model([networks(shape, TransformConfig(4, (4, 2, 2)), 25, (4,))], (0,), (2,), 25)
    nets_ = [coded.networks[0], pixel_networks(shape, PixelConfig(True, 0, 7), 25, base, changes=0.0)]
    pixels = ramp(shape, (1,), 25, 3).reshape(1, -1)
    soft = soft_labels(3, 2, 1, 32_767, 25, 16_000, 5_000)
    return EncodedModel(nets_, (0, 1), [coded.latents[0], pixels], np.array([1, 0, 0]), soft)


def soft_files():
    """Small sets of the transform with soft labels."""
    tiny = networks(Shape(1, 2, 2, 255), TransformConfig(4, (2,)), 26, (2,))
    sets = {
        "soft-logits": ((2, 1, 2), False, 0, 1_000, 0, 3_000),
        "soft-scores-unsorted": ((2, 2), True, 2, 255, -100, 9),
        "soft-probabilities-one-class": ((3,), False, 1, 32_767, 32_767, 0.1),
        "soft-extremes": ((1, 2), False, 0, 1, 0, 60_000),
    }
    files = {}
    for name, (counts, unsorted, kind, unit, centre, spread) in sets.items():
        coded = model([tiny], (0,) * len(counts), counts, 26)
        soft = soft_labels(sum(counts), len(counts), kind, unit, 26, centre, spread)
        order = np.array([1, 0, 0, 1]) if unsorted else None
        files[name] = encode_set(EncodedModel([tiny], coded.group_of_class, coded.latents, order, soft), with_hash=True)
    return files


# The smallest file of pixels: one of one channel, its own context network all zero.
PIXELS = [4, 0, 8, 16, 0, 0, 1, 1]  # synthesis, centred, depth field, reach, no levels, no base, one layer of 1
UNCHANGED = b"\xff" * 6  # predictor and two context layers, W and b each


def wide_stream(value, mean=0, scale=0, checksum=None):
    """A stream of one wide value."""
    values = np.array([value], np.int64)
    encoder = Encoder(checksum24(values, "<i2") if checksum is None else checksum)
    push_wide(encoder, values, np.array([mean]), np.array([scale]))
    return encoder.bytes()


def soft(kind=0, unit=1, own=(32_768, 0), others=(32_768, 0), coded=None):
    """SOFT of one sample and one class."""
    head = pack_varint(kind) + pack_varint(unit)
    head += b"".join(pack_varint(mean) + bytes([scale]) for mean, scale in (own, others))
    return head + (wide_stream(0) if coded is None else coded)


def constant_pixels(centred, depth, mean):
    """NETS whose context network answers `mean` (before the depth's factor) and scale index 0."""
    fields = [4, centred, depth + 8, 16, 0, 0, 1, 1]
    coded = stream([mean, 0], centred_rows(np.full(2, 63)), dtype="<i4")
    return nets(fields, UNCHANGED[:-1] + b"\x3f\x00", coded)


def levelled(levels):
    """NETS with these varints of levels, all other numbers zero."""
    return nets([*PIXELS[:4], len(levels), *levels, *PIXELS[5:]], UNCHANGED)


def invalid_exact_files():
    """Name (rule first) -> (draft, error class, payload and place in it of the fault)."""
    net, lat, soft_place = 0, 1, 2
    bad, one = "FormatError", (1, 1, (1, 1, 1, 1), 0)
    highest = constant_pixels(1, 4, 16_383), latn(wide_stream(32_768, 16 * 32_767, 32))
    far = constant_pixels(0, 8, 0), latn(wide_stream(-40_000, 0, 64))

    def pixels(network, latents=None, header=one):
        return draft(network, latents, header)

    def softened(payload, error, place):
        return draft(soft=payload), error, soft_place, place

    return {
        "X1-centred-2": (pixels(changed(PIXELS, 1, 2)), bad, net, 2),
        "X2-depth-17": (pixels(changed(PIXELS, 2, 17)), bad, net, 3),
        "X3-reach-0": (pixels(changed(PIXELS, 3, 0)), bad, net, 4),
        "X3-reach-17": (pixels(changed(PIXELS, 3, 17)), bad, net, 4),
        "X4-one-level": (pixels(levelled([32_768])), bad, net, 5),
        "X4-257-levels": (pixels(changed(PIXELS, 4, 257)), bad, net, 5),
        "X4-level-too-large": (pixels(levelled([65_535, 0])), bad, net, 9),
        "X5-level-2": (pixels(levelled([32_768, 0]), latn(wide_stream(2))), bad, lat, 1),
        "X5-level-below-0": (pixels(levelled([32_768, 0]), latn(wide_stream(-1))), bad, lat, 1),
        "G3-context-for-pixels": (pixels(changed(PIXELS, 5, 1)), bad, net, 6),
        "G3-context-of-pixels": (pixels(changed(TRANSFORM, 5, 3)), bad, net, 6),
        "W2-pixel-field": (pixels(nets([4, 0], b"")), "TruncatedError", net, 3),
        "E1-pixels": (pixels(nets(PIXELS, UNCHANGED), latn(b"")), bad, lat, 1),
        "E2-pixels": (pixels(nets(PIXELS, UNCHANGED), latn(wide_stream(0, checksum=1))), "ChecksumError", lat, 1),
        "E3-pixels": (pixels(nets(PIXELS, UNCHANGED), latn(longer())), "ChecksumError", lat, 1),
        "E5-pixel-without-escape": (pixels(*highest, (1, 1, (1, 1, 1, 32_767), 0)), bad, lat, 1),
        "E5-pixel-with-low-bits": (pixels(*far), bad, lat, 1),
        "S1-kind-3": softened(soft(kind=3), bad, 0),
        "S2-unit-0": softened(soft(unit=0), bad, 1),
        "S2-unit-32768": softened(soft(unit=32_768), bad, 1),
        "S3-mean": softened(soft(own=(65_536, 0)), bad, 2),
        "S3-mean-of-others": softened(soft(others=(65_536, 0)), bad, 6),
        "S3-scale": softened(soft(own=(32_768, 176)), bad, 5),
        "S3-scale-of-others": softened(soft(others=(32_768, 255)), bad, 9),
        "S4-no-images": (
            draft(latents=latn(b""), header=(1, 0, (1, 1, 1, 1), 0), soft=soft()),
            *(bad, soft_place, 0),
        ),
        "W2-soft-scale": softened(soft()[:5], "TruncatedError", 5),
        "W2-soft-nothing": softened(b"", "TruncatedError", 0),
        "E1-soft": softened(soft(coded=b""), bad, 10),
        "E2-soft": softened(soft(coded=wide_stream(0, checksum=1)), "ChecksumError", 10),
        "E3-soft": softened(soft(coded=longer()), "ChecksumError", 10),
        "E5-soft": softened(soft(own=(65_535, 0), coded=wide_stream(32_768, 16 * 32_767)), bad, 10),
        "limit-soft_labels": (
            draft(latents=b"", header=(10_000, 1, (1, 1, 1, 1), 0), soft=soft()),
            *("soft_labels", soft_place, None),
        ),
    }

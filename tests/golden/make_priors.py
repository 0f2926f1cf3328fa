"""Golden files of priors (spec section 7c); called by make.py."""

import numpy as np

from ddcodec.codecs.configs import PriorConfig, Shape, TransformConfig
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.dataset import SoftLabels
from ddcodec.entropy.coder import Encoder
from ddcodec.entropy.values import centred_rows, checksum24, push_batch
from ddcodec.format.wire import pack_varint
from ddcodec.pipeline import EncodedModel, encode_set
from tests.golden.parts import changed, draft, latn, model, nets, networks, weights

RANGES = ((0, 127), (0, 63), (-16_384, 16_383), (0, 63))


def decoder(shape, config, seed, reach=60, shift=6):
    """Random layers; tables that differ from their defaults here and there."""
    rng, tensors, shifts = np.random.default_rng(seed), [], []
    for place, spec in enumerate(config.tensors(shape)):
        if spec.base is None:
            tensors.append(rng.integers(-reach, reach + 1, spec.shape))
            shifts.append(shift)
        elif place < len(RANGES):
            tensors.append(np.clip(spec.base + rng.integers(-6, 7, spec.shape), *RANGES[place]))
            shifts.append(0)
        else:  # against a seed
            few = rng.random(spec.shape) < 0.1
            tensors.append(spec.base + np.where(few, rng.integers(-reach, reach + 1, spec.shape), 0))
            shifts.append(spec.base_shift)
    return GroupNetworks(shape, config, (), 0, tuple(tensors), tuple(shifts))


def latents(config, counts, seed, means=12, spreads=5):
    """Of each class."""
    rng, z = np.random.default_rng(seed), config.dimensions
    return [
        np.concatenate([rng.integers(-far, far + 1, (n, z)) for far in (means, spreads)], axis=1).astype(np.int16)
        for n in counts
    ]


def valid_prior_files():
    """Name -> bytes."""
    colour, grey, small = Shape(3, 11, 13, 4_080), Shape(1, 9, 6, 255), Shape(2, 5, 4, 1_023)
    linear = PriorConfig(6, True, (4, 3, 2), 4, 3, 92, 36, 30, 58, 4)
    straight = PriorConfig(12, False, (2, 2, 2), 3, 2, 72, 34, 28, 64, 8)  # planes of 3x2
    flat = PriorConfig(20, False, (1,), 3, 15, 100, 40, 34, 70, 1)
    wild = PriorConfig(6, True, (2, 3), 4, 0, 127, 60, 60, 127, 32)
    seeded = PriorConfig(5, True, (4, 3, 2), 4, 3, 92, 36, 30, 58, 4, 2**32 - 1, (7, 90, 6, 92, 7, 94, 6, 96))
    beside = PriorConfig(4, True, (3, 2), 3, 1, 88, 34, 30, 64, 4)
    other = networks(small, TransformConfig(4, (4, 3)), 43, (4,))
    mixed = EncodedModel(
        [decoder(small, beside, 43), other, decoder(small, flat, 44)],
        (0, 1, 0, 2),
        [
            *latents(beside, (2,), 43),
            *model([other], (0,), (2,), 43).latents,
            *latents(beside, (1,), 44),
            *latents(flat, (1,), 45),
        ],
        np.array([2, 0, 1, 3, 0, 1]),
        SoftLabels(np.random.default_rng(43).integers(-900, 900, (6, 4)).astype(np.int16), 256, "logits"),
    )
    far = latents(wild, (2,), 46, 30_000, 30_000)
    far[0][:, ::2][:, :3] = 0  # every other mean, or no draw would differ from another
    extreme = EncodedModel([decoder(small, wild, 46, 32_000, 15)], (0,), far)
    sets = {
        "priors-linear-4": EncodedModel([decoder(colour, linear, 41)], (0, 0, 0), latents(linear, (3, 0, 2), 41)),
        "priors-straight-3": EncodedModel(
            [decoder(grey, straight, 42)], (0, 0), latents(straight, (1, 2), 42), np.array([1, 0, 1])
        ),
        "priors-seeded": EncodedModel([decoder(colour, seeded, 47)], (0, 0), latents(seeded, (2, 1), 47)),
        "priors-and-transform": mixed,
        "priors-extreme": extreme,
    }
    return {name: encode_set(coded, with_hash=True) for name, coded in sets.items()}


# The smallest file of priors: one of one dimension, images of one pixel, no linear layer, no doubling, no seed.
PRIORS = [5, 1, 0, 0, 1, 3, 0, 0, 0, 0, 64, 1, 0]
TENSORS = 6  # four tables, W and b of the last layer
BASED = b"\xff" * TENSORS


def prior_stream(checksum=None, more=False):
    """A stream of one prior of one dimension, both of whose numbers are 0; more: another value behind its checksum."""
    own = checksum24(np.zeros(2), "<i2") if checksum is None else checksum
    encoder = Encoder(1 if more else own)
    if more:
        encoder.push_uniform(own, 24)
    for _ in range(2):
        push_batch(encoder, np.zeros(1, np.int64), centred_rows(np.array([0])))
    return encoder.bytes()


def blob(fields, tensors, coded=b""):
    """A group blob without its size; all tensors equal their bases."""
    return b"".join(map(pack_varint, fields)) + b"\xff" * tensors + coded


def two_groups():
    """The smaller decoder would do, and so would the larger: together they have too many weights."""
    parts = [blob([5, 1, 1, 1, 1, 1, *PRIORS[5:]], 10), blob([5, 2_046, 1, 0, 1, *PRIORS[5:]], 8)]
    return b"".join(pack_varint(len(part)) + part for part in parts)


def invalid_prior_files():
    """Name (rule first) -> (draft, error class, payload and place in it of the fault)."""
    net, lat = 0, 1
    bad, large = "FormatError", (1, 1, (1, 4_096, 4_096, 255), 0)

    def with_field(place, *values, header=(1, 1, (1, 1, 1, 1), 0), fault=None):
        made = changed(PRIORS, place, *values)
        return draft(made, header=header), bad, net, 1 + (place if fault is None else fault)

    def with_table(place, value):
        return draft(nets(PRIORS, *weights([value], place, TENSORS))), bad, net, 1

    def with_latents(stream, error=bad):
        return draft(nets(PRIORS, BASED), latn(stream)), error, lat, 1

    nine = nets([*PRIORS[:3], 9, *[1] * 10, *PRIORS[5:]], BASED)
    doubled = nets([5, 1, 1, 1, 1, 1, *PRIORS[5:]])
    huge = nets([5, 2_048, 1, 0, 1, *PRIORS[5:]])
    sized = (1, 0, (1, 128, 128, 255), 0)
    return {
        "R1-no-dimension": with_field(1, 0),
        "R1-4097-dimensions": with_field(1, 4_097),
        "R2-linear-2": (draft(changed(PRIORS, 2, 2)), bad, net, 3),
        "R2-dimensions": with_field(1, 2, fault=4),
        "R3-nine-doublings": (draft(nine), bad, net, 4),
        "R3-no-channel": with_field(4, 0),
        "R3-1025-channels": with_field(4, 1_025),
        "R4-kernel-2": with_field(5, 2),
        "R4-kernel-5": with_field(5, 5),
        "R4-leak-16": with_field(6, 16),
        "R5-step-128": with_field(7, 128),
        "R5-scale-of-means": with_field(8, 64),
        "R5-scale-of-log-scales": with_field(9, 64),
        "R5-offset-128": with_field(10, 128),
        "R5-log-scale-step-0": with_field(11, 0),
        "R5-log-scale-step-33": with_field(11, 33),
        "R6-first-planes": with_field(2, 1, header=large, fault=4),
        "R6-doubled-planes": (draft(doubled, header=large), bad, net, 5),
        "R7-step-128": with_table(0, 128),
        "R7-step-below-0": with_table(0, -1),
        "R7-scale-of-means-64": with_table(1, 64),
        "R7-scale-of-means-below-0": with_table(1, -1),
        "R7-centre-16384": with_table(2, 16_384),
        "R7-centre-below-16384": with_table(2, -16_385),
        "R7-scale-of-log-scales-64": with_table(3, 64),
        "R7-scale-of-log-scales-below-0": with_table(3, -1),
        "R8-shift-16": (draft(nets([*PRIORS[:12], 1, 16, 0])), bad, net, 14),
        "R8-gain-128": (draft(nets([*PRIORS[:12], 1, 0, 128])), bad, net, 15),
        "W1-seed-of-weights": (draft(nets(PRIORS[:12], b"\xff\xff\xff\xff\x10")), bad, net, 13),
        "N2-weight-on-a-seed": (
            draft(nets([*PRIORS[:12], 1, 0, 127], *weights([32_767] * 9, 4, TENSORS))),
            *(bad, net, 1),
        ),
        "N1-shift-of-a-decoder": (draft(nets(PRIORS, b"\xff" * 4 + b"\x00\x10")), bad, net, 6 + len(PRIORS)),
        "G4-descriptor-of-a-table": (draft(nets(PRIORS, b"\x40")), bad, net, 1 + len(PRIORS)),
        "G6-weights-of-a-decoder": (draft(huge, latn(b""), sized), "weights", net, None),
        "G6-weights-of-two-groups": (
            draft(two_groups(), latn(b"", b""), (2, 0, (1, 128, 128, 255), 1)),
            *("weights", net, None),
        ),
        "W2-prior-field": (draft(nets([5, 1, 0], b"")), "TruncatedError", net, 4),
        "E1-priors": with_latents(b""),
        "E2-priors": with_latents(prior_stream(checksum=1), "ChecksumError"),
        "E3-priors": with_latents(prior_stream(more=True), "ChecksumError"),
    }

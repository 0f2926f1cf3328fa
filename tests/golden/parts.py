"""What golden files are put together from: random networks and latents, and payloads byte by byte."""

import numpy as np

from ddcodec.codecs.labels import label_pmf
from ddcodec.codecs.networks import GroupNetworks, tensor_specs
from ddcodec.entropy.coder import Encoder
from ddcodec.entropy.values import centred_rows, checksum24, push_batch
from ddcodec.format.wire import pack_varint
from ddcodec.pipeline import EncodedModel
from tests.hostile.mutate import Draft


def networks(shape, config, seed, widths=(5,), context_base=0, changed=0.0, reach=40, shift=5):
    """Networks with random tensors; those with a base differ from it in a share `changed` of the elements."""
    rng = np.random.default_rng(seed)
    tensors, shifts = [], []
    for spec in tensor_specs(shape, config, widths, context_base):
        if spec.name == "steps":
            rows = np.sort(rng.integers(24, 44, spec.shape), axis=1)
            tensors.append(np.diff(rows, axis=1, prepend=0))
        elif spec.base is not None:
            tensors.append(spec.base + np.where(rng.random(spec.shape) < changed, rng.integers(-9, 10, spec.shape), 0))
        else:
            tensors.append(rng.integers(-reach, reach + 1, spec.shape))
        shifts.append(shift if spec.base is None else spec.base_shift)
    return GroupNetworks(shape, config, tuple(widths), context_base, tuple(tensors), tuple(shifts))


def model(nets, groups, counts, seed, reach=12, order=False):
    """A set of random latents."""
    rng = np.random.default_rng(seed)
    latents = [
        np.rint(rng.laplace(0, reach / 3, (n, nets[g].latents_per_image))).clip(-31_774, 31_774).astype(np.int16)
        for n, g in zip(counts, groups, strict=True)
    ]
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)) if order else None
    return EncodedModel(nets, groups, latents, labels)


# The smallest file: one image of one pixel, a pyramid of one latent, all weights zero or the base's.
FIELDS = [1, 1, 1, 0, 0, 0, 0, 1, 1]  # synthesis, L, K_0, template, no hidden, no residual, no base, one layer of 1
TENSORS = 7  # taps, W and b of the 1x1 layer and of two context layers
TRANSFORM = [2, 2, 1, 0, 0, 0, 1, 1]  # synthesis, block 4, D_0, no base, no filter, no base, one layer of 1
TRANSFORM_TENSORS = 6  # steps, colours, W and b of two context layers
ROW = centred_rows(np.array([0]))  # what an all-zero context network answers


def stream(values, rows=None, checksum=None, dtype="<i2"):
    """A stream of one batch."""
    values = np.asarray(values, np.int64)
    encoder = Encoder(checksum24(values, dtype) if checksum is None else checksum)
    push_batch(encoder, values, np.repeat(ROW, len(values)) if rows is None else rows)
    return encoder.bytes()


def nets(fields=FIELDS, descriptors=b"\xff" * TENSORS, coded=b""):
    """NETS of one group; fields: varints."""
    blob = b"".join(map(pack_varint, fields)) + descriptors + coded
    return pack_varint(len(blob)) + blob


def weights(values, where=0, count=TENSORS):
    """Descriptors and stream of a file in which one tensor, which has a base, is coded."""
    descriptors = bytearray(b"\xff" * count)
    descriptors[where] = 63
    return bytes(descriptors), stream(values, centred_rows(np.full(len(values), 63)), dtype="<i4")


def latn(*streams):
    """LATN of these streams."""
    return b"".join(pack_varint(len(part)) for part in streams) + b"".join(streams)


def draft(network=None, latents=None, header=(1, 1, (1, 1, 1, 1), 0), labels=None, soft=None):
    """A file around these payloads."""
    payloads = [["NETS", 1, network or nets()], ["LATN", 1, latn(stream([0])) if latents is None else latents]]
    if labels is not None:
        payloads.append(["LABL", 1, labels])
    if soft is not None:
        payloads.append(["SOFT", 1, soft])
    return Draft(header=[list(part) if isinstance(part, tuple) else part for part in header], payloads=payloads)


def changed(fields, place, *values):
    """Some fields replaced from `place` on."""
    return nets([*fields[:place], *values, *fields[place + len(values) :]])


def labelled(labels, counts=(1, 1), checksum=None):
    """A file with LABL; its images are of one latent each."""
    order = np.array(labels, np.int32)
    encoder = Encoder(checksum24(order, "<u2") if checksum is None else checksum)
    encoder.push_pmf(order, label_pmf(counts))
    streams = [stream([0] * n) if n else b"" for n in counts]
    same = counts[0] if len(set(counts)) == 1 else list(counts)
    return draft(None, latn(*streams), (len(counts), same, (1, 1, 1, 1), 0), encoder.bytes())


def escape(exponent):
    """A stream of one escaped value whose exponent may be too large."""
    encoder = Encoder(0)
    encoder.push_uniform(exponent, 4)
    encoder.push_uniform(0, 1)
    encoder.push_table(np.array([63], np.int32), ROW)
    return encoder.bytes()


def longer():
    """A stream with another value behind its checksum."""
    encoder = Encoder(1)
    encoder.push_uniform(checksum24(np.zeros(1), "<i2"), 24)
    push_batch(encoder, np.zeros(1, np.int64), ROW)
    return encoder.bytes()

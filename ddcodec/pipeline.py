"""Whole files: networks and latents in, bytes out; reading and inspection are offered from here, too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.labels import encode_labels
from ddcodec.codecs.latent import encode_latents
from ddcodec.codecs.networks import GroupNetworks, encode_groups
from ddcodec.codecs.pixel_fit import pixel_latents, pixel_networks
from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.dataset import DistilledSet, SoftLabels, make_set, sample_labels
from ddcodec.errors import EncodeError
from ddcodec.format import constants as c
from ddcodec.format.container import Payload, write_container
from ddcodec.format.metadata import Metadata, pack_metadata
from ddcodec.format.records import Shape
from ddcodec.inspection import Info, info
from ddcodec.limits import Limits
from ddcodec.reading import decode, labels_of, load, load_labels, read_file
from ddcodec.rendering import priors_of, render
from ddcodec.verification import VerifyReport, verify

__all__ = [
    "EncodedModel",
    "Info",
    "Metadata",
    "VerifyReport",
    "decode",
    "encode_pixels",
    "encode_set",
    "exact_model",
    "info",
    "labels_of",
    "load",
    "load_labels",
    "metadata_of",
    "read_file",
    "verify",
]


@dataclass(frozen=True, eq=False)
class EncodedModel:
    """A set in coded form.

    Fields: networks, one for each group; group_of_class, C integers in order of first use; latents, for each
    class (images, latents per image) int16; order, (N,) class of each sample in the original order, or None
    when that is sorted by class; soft, soft labels in the original order, or None.
    """

    networks: Sequence[GroupNetworks]
    group_of_class: Sequence[int]
    latents: Sequence[NDArray[np.int16]]
    order: NDArray[np.int64] | None = None
    soft: SoftLabels | None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """Images of each class."""
        return tuple(len(part) for part in self.latents)

    @property
    def shape(self) -> Shape:
        """Shape and peak of the images."""
        first = self.networks[0].shape
        return Shape(first.channels, first.height, first.width, first.peak)

    def render(self) -> NDArray[np.int16]:
        """Pixels (N, channels, height, width) int16, sorted by class."""
        return render(self.networks, self.group_of_class, self.latents, self.shape)

    def decoded(self) -> DistilledSet:
        """The set that the coded form stands for, without metadata."""
        pixels, counts = self.render(), self.counts
        priors = priors_of(self.networks, self.group_of_class, self.latents, pixels, counts)
        return make_set(pixels, self.shape.peak, counts, order=self.order, soft=self.soft, priors=priors)


def encode_set(
    model: EncodedModel,
    metadata: Metadata | None = None,
    *,
    with_hash: bool = False,
    limits: Limits | None = None,
) -> bytes:
    """Write a set as one file; the same arguments give the same bytes.

    Args:
        model: the coded set; an `order` that is sorted by class is left out, as the format demands.
        metadata: what else the file shall say.
        with_hash: add the SHA-256 of the decoded set, which costs about 45 bytes.
        limits: ceilings the file shall meet; None takes those that readers have by default.
    Raises: EncodeError for what the format cannot hold; LimitError.
    """
    limits = Limits() if limits is None else limits
    counts, shape, groups = model.counts, model.shape, model.group_of_class
    if len(groups) != len(counts) or set(groups) != set(range(len(model.networks))):
        raise EncodeError("group_of_class does not fit the latents and networks")
    if any(tuple(vars(net.shape).values()) != tuple(shape) for net in model.networks):
        raise EncodeError("the groups' networks build images of different shapes")
    per_image = [model.networks[group].latents_per_image for group in groups]
    limits.check("latents", sum(n * each for n, each in zip(counts, per_image, strict=True)))
    limits.check("weights", sum(net.weight_count for net in model.networks))
    payloads = [
        Payload("NETS", c.CODEC, encode_groups(list(model.networks))),
        Payload("LATN", c.CODEC, encode_latents(model.networks, groups, model.latents)),
    ]
    if model.soft is not None:
        limits.check("soft_labels", model.soft.values.size)
    payloads += label_payloads(model)
    if with_hash:
        payloads.append(Payload("hash", c.CODEC, model.decoded().content_hash()))
    packed = pack_metadata(metadata or Metadata(), len(counts), shape.channels)
    if packed:
        payloads.append(Payload("meta", c.CODEC, packed))
    return write_container(counts, shape, groups, payloads, limits)


def label_payloads(model: EncodedModel) -> list[Payload]:
    """Sections LABL and SOFT, as far as a set has them; an order that is sorted by class has none."""
    payloads, counts, order = [], model.counts, model.order
    if order is not None and bool((np.diff(order) >= 0).all()) and len(order) == sum(counts):
        order = None
    if order is not None:
        payloads.append(Payload("LABL", c.CODEC, encode_labels(order, counts)))
    if model.soft is not None:
        payloads.append(Payload("SOFT", c.CODEC, encode_soft_labels(model.soft, sample_labels(order, counts))))
    return payloads


def exact_model(dataset: DistilledSet) -> EncodedModel:
    """A set whose pixel integers are coded as they are (synthesis 4, spec section 7b)."""
    networks = pixel_networks(dataset.pixels, dataset.peak)
    latents = np.split(pixel_latents(networks, dataset.pixels), np.cumsum(dataset.class_counts)[:-1])
    return EncodedModel([networks], [0] * dataset.class_count, latents, dataset.order, dataset.soft)


def metadata_of(dataset: DistilledSet) -> Metadata:
    """What a file says about a set besides its images and labels."""
    names = ("classes", "mean", "std", "recipe", "provenance", "whitening", "extra")
    return Metadata(**{name: getattr(dataset, name) for name in names})


def encode_pixels(dataset: DistilledSet, *, with_hash: bool = True, limits: Limits | None = None) -> bytes:
    """Write a set as one file that gives its pixel integers, labels and metadata back exactly.

    Raises: EncodeError for what the format cannot hold; LimitError.
    """
    return encode_set(exact_model(dataset), metadata_of(dataset), with_hash=with_hash, limits=limits)

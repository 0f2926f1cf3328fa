"""A set that comes from elsewhere as the result of a run: kept exactly, or fitted under a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ddcodec.codecs.labels import encode_labels
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.soft_labels import encode_soft_labels
from ddcodec.dataset import DistilledSet, sample_labels
from ddcodec.errors import InputError
from ddcodec.pipeline import EncodedModel, exact_model
from ddcodec.train.outcome import Result
from ddcodec.validate import network_bits

if TYPE_CHECKING:
    from ddcodec.train.distiller import Distiller

_SECTION_BYTES = 16  # an entry of the header, at most
Progress = Callable[[int, int, str, Mapping[str, float]], None]


def exact_result(dataset: DistilledSet) -> Result:
    """The set with its very pixel integers; needs no torch."""
    model = exact_model(dataset)
    latent_bits = encode_class_streams(model.networks, model.group_of_class, model.latents)[1]
    networks = [network_bits(net) for net in model.networks]
    estimate = {
        "latent_bits": latent_bits,
        "network_bits": networks,
        "training_latent_bits": sum(latent_bits),
        "training_network_bits": sum(networks),
    }
    return _result(model, dataset, estimate)


def fit_set(
    dataset: DistilledSet,
    bytes_per_class: float | None = None,
    lambda_: float | None = None,
    progress: Progress | None = None,
) -> Result:
    """The set as latents of the transform, of least squared error for their size.

    Args:
        bytes_per_class: size of the whole file, without metadata and content hash, over the number of classes; or
        lambda_: weight of the error against a bit.
    Raises: InputError for a set without images; EncodeError for a budget that nothing meets.
    """
    if not len(dataset):
        raise InputError("the set has no images to fit")
    distiller = _distiller(dataset, bytes_per_class, lambda_)
    while distiller.steps_done < distiller.steps_total:
        metrics = distiller.step()
        if progress is not None:
            progress(distiller.steps_done, distiller.steps_total, distiller.phase, metrics)
    found = distiller.result()
    model = replace(found.model, order=dataset.order, soft=dataset.soft)
    return _result(model, dataset, found.estimate)


def _distiller(dataset: DistilledSet, bytes_per_class: float | None, lambda_: float | None) -> Distiller:
    import torch

    from ddcodec.train.config import Config
    from ddcodec.train.data import TrainingData
    from ddcodec.train.distiller import Distiller

    images = dataset.pixels.astype(np.float32) / np.float32(dataset.peak)
    labels = sample_labels(None, dataset.class_counts)
    names = dataset.classes or tuple(map(str, range(dataset.class_count)))  # says how many there are, used or not
    options = {"images_per_class": max(dataset.class_counts), "joint_steps": 0}
    price = {"lambda": lambda_ or 0.0}
    if bytes_per_class is not None:
        price = {"bytes_per_class": max(1.0, bytes_per_class - _label_bytes(dataset) / dataset.class_count)}
    config = Config().updated({"train": options | price})
    return Distiller(config, TrainingData(images, labels, names, "import"), torch.device("cpu"))


def _label_bytes(dataset: DistilledSet) -> int:
    """What the sections of labels will take of the file: labels are charged, too."""
    size = 0
    if dataset.order is not None:
        size += _SECTION_BYTES + len(encode_labels(dataset.order, dataset.class_counts))
    if dataset.soft is not None:
        size += _SECTION_BYTES + len(encode_soft_labels(dataset.soft, dataset.labels))
    return size


def _result(model: EncodedModel, dataset: DistilledSet, estimate: Mapping[str, Any]) -> Result:
    return Result(model, dataset.mean, dataset.std, dataset.classes, dataset.recipe, estimate, dataset.whitening)

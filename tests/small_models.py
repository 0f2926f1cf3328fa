"""Coded sets of a few small images, with random networks and latents."""

import numpy as np

from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.networks import GroupNetworks, tensor_specs
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import EncodedModel
from tests.prior_models import STRAIGHT, prior_latents, prior_model, prior_networks

GREY = Shape(1, 5, 6, 255)
PYRAMID = PyramidConfig((1, 1), False, (), 0)
TRANSFORM = TransformConfig(4, (4,))
COUNTS = (3, 0, 2)
ORDER = np.array([2, 0, 0, 2, 0], dtype=np.int64)
META = Metadata(
    classes=("a", "b", "c"),
    mean=(0.5,),
    std=(0.25,),
    recipe={"epochs": 5},
    provenance={"seed": 1},
    extra={"x-y": 2},
)


def networks(config, shape=GREY, seed=0, widths=(4,)):
    """Small random networks."""
    rng = np.random.default_rng(seed)
    tensors, shifts = [], []
    for spec in tensor_specs(shape, config, widths, 0):
        tensors.append(rng.integers(-3, 4, spec.shape) if spec.base is None else spec.base)
        shifts.append(3 if spec.base is None else spec.base_shift)
    return GroupNetworks(shape, config, tuple(widths), 0, tuple(tensors), tuple(shifts))


def model(configs=(PYRAMID,), groups=(0, 0, 0), counts=COUNTS, order=None, seed=5):
    nets = [networks(config, seed=number) for number, config in enumerate(configs)]
    rng = np.random.default_rng(seed)
    latents = [
        rng.integers(-40, 41, (count, nets[group].latents_per_image)).astype(np.int16)
        for count, group in zip(counts, groups, strict=True)
    ]
    return EncodedModel(nets, groups, latents, order)


MODELS = {
    "pyramid": model(),
    "transform": model((TRANSFORM,)),
    "a group for each class": model((PYRAMID, TRANSFORM, PYRAMID), (0, 1, 2)),
    "shared by some, shuffled": model((PYRAMID, TRANSFORM), (0, 1, 0), order=ORDER),
    "one class": model(groups=(0,), counts=(2,)),
    "priors": prior_model(order=ORDER),
    "priors beside a transform": EncodedModel(
        [prior_networks(GREY, STRAIGHT, 3), networks(TRANSFORM)],
        (0, 1, 0),
        [prior_latents(STRAIGHT, (2,), 3)[0], model((TRANSFORM,)).latents[2], prior_latents(STRAIGHT, (1,), 4)[0]],
    ),
    "empty": model(groups=(0, 0), counts=(0, 0)),
}

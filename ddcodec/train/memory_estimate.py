"""How much memory a run will about take, from what its networks keep of a few images.

The passes through networks decide it (`pass_bytes`): matching networks, and in the fit the context network, which
looks at all latents of a group at once. The phases are taken for themselves, since what one has freed serves the next:

    start    two float64 copies of the real images, for their mean and deviation
    fit      the context network's look at the synthetic images of the largest group
    prepare  real images, normalised, and a training batch, or the statistics of a pool
    joint    what was prepared, and the real and the synthetic images of one step
             (tm: one step of the student at a time, and the parameters after every one)

On the CPU a quarter is added for workspaces of convolutions and what malloc keeps and does not use. Left out: libraries
and real images that are there before the run, and whatever a loss of another package does beside one pass with a graph
and one without.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ddcodec.codecs.configs import Shape
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.flat import FlatNetwork, at_once
from ddcodec.train.losses.names import is_outside
from ddcodec.train.losses.random_dm import real_piece
from ddcodec.train.model import GroupModel
from ddcodec.train.pass_bytes import context_bytes, pass_bytes
from ddcodec.train.pool import STAT_BATCH, TRAIN_BATCH
from ddcodec.train.presets import codec_config
from ddcodec.train.priors.options import prior_config

_FLOAT = 4
_COPIES_OF_PIXELS = 6
"""Of each synthetic image: rendered, leaf, normalised, augmented, gradient, and one between."""
_COPIES_OF_LATENTS = 8
"""Of each latent, as many as pixels: shadow, whole, leaf, two moments, gradient, slope, direction."""


@dataclass(frozen=True)
class Estimate:
    """Bytes at the peak of each phase, beside what is there before the run; before `margin`.

    margin: what to multiply them by.
    """

    start: int
    fit: int
    prepare: int
    joint: int
    margin: float

    @property
    def peak(self) -> int:
        """Of the run, with the margin."""
        return int(self.margin * max(self.start, self.fit, self.prepare, self.joint))


class _Sizes:
    """Counts of a run, and the bytes that follow from them."""

    def __init__(self, config: Config, data: TrainingData, device: torch.device) -> None:
        self.config, self.device, self.data = config, device, data
        channels, height, width = (int(side) for side in data.images.shape[1:])
        self.network = FlatNetwork(
            channels, (height, width), data.class_count, config.matching.width, device,
            precision=config.matching.precision,
        )  # fmt: skip
        self.passes = pass_bytes(self.network, (channels, height, width), device)
        self.classes = data.class_count
        self.per_class = torch.bincount(torch.from_numpy(data.labels), minlength=self.classes)
        self.synthetic = self.at_most(config.train.images_per_class) * self.images_of_each()
        self.all = len(data.images)
        self.pixels = _FLOAT * channels * height * width
        self.parameters = _FLOAT * self.network.size
        self.features = self.network.shapes["head.weight"][1]
        self.on_cpu = device.type != "cuda"

    def images_of_each(self) -> int:
        """Images that a step of the joint phase makes of a latent image, or of a prior."""
        prior = self.config.prior
        is_prior = self.config.codec.representation == "prior"
        return max(1, prior.samples + prior.with_means) if is_prior else 1

    def at_most(self, each: int) -> int:
        """Real images if a class has no more than that; 0: of all."""
        return int(self.per_class.clamp(max=each or self.all).sum() if each else self.all)

    def own(self) -> int:
        """Synthetic images and latents, on the CPU."""
        copies = _COPIES_OF_PIXELS + (_COPIES_OF_LATENTS if self.on_cpu else 0)
        return copies * self.synthetic * self.pixels

    def fit(self) -> int:
        """The context network at the images of the largest group, or the decoder of priors at all of them."""
        codec = self.config.codec
        if codec.representation == "prior":
            return self.decoders()
        each = {"all": self.classes, "class": 1, "group": codec.group_size}[codec.share]
        counts = self.per_class.clamp(max=self.config.train.images_per_class)
        images = int(max(counts[first : first + each].sum() for first in range(0, self.classes, each)))
        channels, height, width = (int(side) for side in self.data.images.shape[1:])
        shape = Shape(channels, height, width, 4080)
        return context_bytes(GroupModel(shape, *codec_config(codec, shape), seed=0)).graph(images)

    def decoders(self) -> int:
        """Activations of every stage of the decoder, twice for the activation function, and their gradients."""
        channels, height, width = (int(side) for side in self.data.images.shape[1:])
        shape = Shape(channels, height, width, 4080)
        config = prior_config(self.config.prior, shape)
        sides = [config.size_hw(shape, stage) for stage in range(config.stages + 1)]
        numbers = sum(count * h * w for count, (h, w) in zip(config.channels, sides, strict=True))
        return 3 * _FLOAT * numbers * self.synthetic

    def pool(self) -> int:
        """Every member: network, scales, means and last-layer gradients of every class."""
        matching, values = self.config.matching, 2 + self.classes + self.classes**2
        return matching.networks * len(matching.stages) * (self.parameters + _FLOAT * self.features * values)

    def normalised(self) -> int:
        """All real images, with the one before the division on the CPU."""
        return self.all * self.pixels * (2 if self.on_cpu else 1)

    def prepare_pool(self) -> int:
        """A training batch, or the statistics of the chosen images."""
        chosen = self.at_most(self.config.matching.real_per_class)
        rows = chosen * (self.pixels + _FLOAT * (3 * self.features + self.classes**2))
        statistics = rows + self.passes.blind(min(STAT_BATCH, chosen))
        return self.pool() + self.normalised() + max(statistics, self.passes.graph(min(TRAIN_BATCH, self.all)))

    def prepare_experts(self) -> int:
        """A batch for each expert of a group, or one expert after the other."""
        options = self.config.tm
        at_a_time = options.together if at_once(torch.empty(0, device=self.device)) else 1
        batch = self.passes.graph(at_a_time * min(options.expert_batch, self.all))
        return self.normalised() + 3 * options.together * self.parameters + batch

    def joint(self, loss: str) -> int:
        """A step of a loss, without its preparations."""
        passes, config, synthetic = self.passes, self.config, self.synthetic
        if loss == "d3":
            return max(self.joint("tm"), self.joint("mmd"))
        if loss == "tm":
            path = (config.tm.student_steps + 4) * self.parameters
            return path + passes.twice(min(config.tm.batch, synthetic))
        if loss == "dm":
            return passes.graph(synthetic)
        each = {"random": config.matching.real_batch, "dc": config.dc.real_batch}
        each |= {"ncfm": config.ncfm.real_batch, "mmd": config.mmd.real_batch}
        real = self.classes * each.get(loss, config.outside.real_batch)
        drawn = 2 * real * self.pixels
        if loss == "dc":
            return drawn + max(passes.graph(real), passes.twice(synthetic))
        if loss == "outside":
            return drawn + passes.blind(real) + passes.graph(synthetic)
        if loss == "random":
            kept = 2 * _FLOAT * real * self.features
            return kept + max(passes.blind(min(real, real_piece(self.device))), passes.graph(synthetic))
        if loss == "mmd":
            return drawn + self.kernels(real) + max(passes.blind(real), passes.graph(synthetic))
        angles = 3 * _FLOAT * config.ncfm.frequencies * (real + synthetic)
        return drawn + angles + max(passes.blind(real), passes.graph(synthetic))

    def kernels(self, real: int) -> int:
        """Features, and pairs of images of one class: distances, and each Gaussian with what its gradient needs."""
        pairs = (real**2 + real * self.synthetic + self.synthetic**2) // self.classes
        widths = len(self.config.mmd.bandwidths)
        return _FLOAT * (3 * self.features * (real + self.synthetic) + (3 + 2 * widths) * pairs)


def estimate(config: Config, data: TrainingData, device: torch.device) -> Estimate:
    """About how many bytes a run adds at its peak: on CUDA on the device, else to the process.

    Measured on the CPU, dm with 200 to 300 images of 32x32 pixels: 80 to 145 % of what runs took (one and the same run
    took 560 to 1010 MiB from one time to the next).

    Args: config, data, device: of the run.
    """
    sizes = _Sizes(config, data, device)
    start, fit = (sizes.own() + 4 * data.images.nbytes, sizes.own() + sizes.fit()) if sizes.on_cpu else (0, 0)
    margin = 1 + sizes.on_cpu / 4
    if not config.train.joint_steps:
        return Estimate(start, fit, 0, sizes.own(), margin)
    loss = "outside" if is_outside(config.train.loss) else config.train.loss
    if loss == "dm" and config.matching.source == "random":
        loss = "random"
    pooled = loss in ("dm", "ncfm", "mmd")
    prepare = sizes.prepare_pool() if pooled else sizes.prepare_experts() if loss in ("tm", "d3") else 0
    held = sizes.pool() if pooled else 0
    held += sizes.decoders() if config.codec.representation == "prior" else 0
    return Estimate(start, fit, sizes.own() + prepare, sizes.own() + held + sizes.joint(loss), margin)

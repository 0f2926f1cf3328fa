"""From the name of a loss to the matcher that works with it."""

from __future__ import annotations

import torch

from ddcodec.train.config import Config
from ddcodec.train.losses.d3 import AlternatingMatching
from ddcodec.train.losses.dc import GradientMatching
from ddcodec.train.losses.dm import DistributionMatching
from ddcodec.train.losses.mmd import KernelMatching
from ddcodec.train.losses.names import is_outside
from ddcodec.train.losses.ncfm import CharacteristicMatching
from ddcodec.train.losses.outside import load_outside
from ddcodec.train.losses.random_dm import RandomMatching
from ddcodec.train.losses.seam import Matcher, MatcherFactory, RealImages
from ddcodec.train.losses.tm import TrajectoryMatching

_FACTORIES: dict[str, MatcherFactory] = {
    "dm": DistributionMatching,
    "dc": GradientMatching,
    "ncfm": CharacteristicMatching,
    "tm": TrajectoryMatching,
    "mmd": KernelMatching,
    "d3": AlternatingMatching,
}


def make_matcher(config: Config, real: RealImages, generator: torch.Generator) -> Matcher:
    """The matcher for train.loss; no random number is drawn.

    Raises: InputError for an outside loss that cannot be had, or options that do not go together.
    """
    name = config.train.loss
    factory = load_outside(name) if is_outside(name) else _FACTORIES[name]
    if name == "dm" and config.matching.source == "random":
        factory = RandomMatching
    return factory(config, real, generator)

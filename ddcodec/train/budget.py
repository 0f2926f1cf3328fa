"""The byte budget of a run: what it counts, and what is left of it for container, networks and latents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ddcodec.codecs.networks import GroupNetworks
from ddcodec.errors import EncodeError
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import EncodedModel, encode_set
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.provenance import provenance_of


@dataclass(frozen=True)
class Budget:
    """per_class: the wanted bytes, 0.0 for no budget; classes: how many; extra: bytes of metadata, hash and
    reserve, as far as they count."""

    per_class: float
    classes: int
    extra: int

    @property
    def set_bytes(self) -> float:
        """Bytes for all but metadata and hash; 0.0 without a budget, negative where those alone are too much."""
        return self.per_class * self.classes - self.extra if self.per_class else 0.0

    def refusal(self, least: float, why: str) -> EncodeError:
        """The error for a budget that cannot be met.

        Args: least: bytes without metadata and hash that would do; why: in words, before "take ... bytes".
        """
        needed = math.ceil((least + self.extra) / self.classes)
        kib = math.ceil(needed / 1.024) / 1000
        counted = f"{why}, metadata and hash" if self.extra else why
        return EncodeError(
            f"train.bytes_per_class is {self.per_class:g}: {counted} take {needed} bytes per class ({kib:g} KiB);"
            " ask for more, or for fewer images"
        )


def budget_of(
    config: Config,
    data: TrainingData,
    networks: Sequence[GroupNetworks],
    group_of_class: Sequence[int],
    mean: Sequence[float],
    std: Sequence[float],
) -> Budget:
    """The budget that the options ask for.

    Args: networks: one for each group, as they are so far; group_of_class: C integers; mean, std: a float per channel.
    """
    train = config.train
    if not train.bytes_per_class or train.budget_counts == "set":
        return Budget(train.bytes_per_class, data.class_count, 0)
    metadata = Metadata(
        classes=data.classes,
        mean=tuple(mean),
        std=tuple(std),
        recipe=config.recipe.to_dict(),
        provenance=provenance_of(config, data.name, data.whole),
    )
    empty = [np.zeros((0, networks[group].latents_per_image), np.int16) for group in group_of_class]
    model = EncodedModel(list(networks), list(group_of_class), empty)
    extra = len(encode_set(model, metadata, with_hash=True)) - len(encode_set(model)) + train.reserve_bytes
    return Budget(train.bytes_per_class, data.class_count, extra)

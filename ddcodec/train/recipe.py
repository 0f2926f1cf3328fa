"""How a classifier is trained on a set: the part of a configuration that travels in the file."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcodec.errors import EncodeError
from ddcodec.train.augment import check_policy
from ddcodec.train.networks.names import USUAL_WIDTH as USUAL_WIDTH

CHOICES = {
    "norm": ("", "instance", "batch", "layer"),
    "optimizer": ("sgd", "adamw"),
    "schedule": ("step", "cosine"),
    "loss": ("cross_entropy", "soft_cross_entropy", "mse"),
}
_FIRST_FIELDS = 9  # those that `to_dict` always has


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained; it travels with a distilled set, so that figures can be repeated.

    Fields:
        network: "convnet", "resnet18", "vgg11", "alexnet" or "vit". width: channels (of the first stage; of a token
            of vit). depth: blocks of a convnet, 0 = by image size, or of a vit, 0 = 12.
        epochs, batch_size (images), learning_rate, momentum (of AdamW: its first beta), weight_decay.
        augmentation: see `augment`; not applied to a set that is trained on soft labels of its views, which are
            augmented already.
        norm: "instance", "batch", "layer" (the only one of vit), or "" for the network's own, which is instance for
            convnet and vgg11, batch for resnet18, none for alexnet.
        optimizer: "sgd" or "adamw".
        schedule: "step", x 0.1 from epoch epochs // 2 + 1 on, or "cosine", down to 0.
        loss: "cross_entropy" against the labels, soft ones where the set has them; "soft_cross_entropy", the same
            but refused without soft labels; "mse", the mean square of outputs minus labels (of hard labels:
            centred one-hot vectors). Labels of the kind "scores" are always regressed; soft labels of views say
            themselves which loss and temperature they are meant for.
        factor: each stored image is a mosaic of factor x factor images. label_temperature: soft labels that are
            logits are divided by it before the softmax.
        zca: greater than 0: networks see images whitened by ZCA with this epsilon (1.0 is white), fitted on the real
            training images, in place of the normalisation of each channel; augmentation comes after it. Distillation
            matches such images, too. The set's own images stay pictures.
        draws_per_epoch, with_means: of a set that has priors: fresh draws of each in an epoch, and whether the decoded
            means are trained on beside them. They mean nothing for other sets.
    Raises: EncodeError for values that mean nothing.
    """

    network: str = "convnet"
    width: int = 128
    depth: int = 0
    epochs: int = 300
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 256
    augmentation: str = "flip_crop"
    norm: str = ""
    optimizer: str = "sgd"
    schedule: str = "step"
    loss: str = "cross_entropy"
    factor: int = 1
    label_temperature: float = 1.0
    zca: float = 0.0
    draws_per_epoch: int = 1
    with_means: bool = True

    def __post_init__(self) -> None:
        if self.network not in USUAL_WIDTH:
            known = ", ".join(USUAL_WIDTH)
            raise EncodeError(
                f"recipe: unknown network {self.network!r}; known: {known} (override with --set recipe.network=convnet)"
            )
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                known = " or ".join(choice for choice in choices if choice)
                raise EncodeError(f"recipe: {name}: expected {known}, found {getattr(self, name)!r}")
        if min(self.width, self.epochs, self.batch_size, self.factor) < 1 or self.depth < 0:
            raise EncodeError("recipe: width, epochs, batch_size and factor must be positive, depth not negative")
        if self.learning_rate <= 0 or self.weight_decay < 0 or not 0 <= self.momentum < 1:
            raise EncodeError("recipe: need learning_rate > 0, weight_decay >= 0, 0 <= momentum < 1")
        if not self.label_temperature > 0:
            raise EncodeError("recipe: need label_temperature > 0")
        if not 0 <= self.zca < math.inf:
            raise EncodeError(f"recipe: zca: expected an epsilon greater than 0, or 0 for none, found {self.zca}")
        if self.draws_per_epoch < 0 or not (self.draws_per_epoch or self.with_means):
            raise EncodeError("recipe: need draws_per_epoch >= 0, and at least 1 where with_means is false")
        check_policy(self.augmentation)

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, which is 0..epochs - 1."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate if epoch <= self.epochs // 2 else self.learning_rate * 0.1

    def to_dict(self) -> dict[str, str | int | float]:
        """Fields by name; norm and those after it only where they differ from their defaults.

        Files and run directories of before these fields existed thus keep their bytes and hashes.

        Args: none.
        Returns: a new dict of plain strings, integers and floats.
        Raises: nothing.
        """
        fields = dataclasses.fields(self)
        values = {field.name: (getattr(self, field.name), field.default) for field in fields}
        first = [field.name for field in fields[:_FIRST_FIELDS]]
        return {name: value for name, (value, default) in values.items() if name in first or value != default}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Recipe":
        """The reverse of `to_dict`; missing fields take their defaults.

        Args:
            fields: names and values; an integer may stand for a float.
        Returns: the recipe.
        Raises: EncodeError for an unknown name or a value of the wrong type.
        """
        kinds = {field.name: type(field.default) for field in dataclasses.fields(cls)}
        checked: dict[str, Any] = {}
        for name, value in fields.items():
            if name not in kinds:
                raise EncodeError(f"recipe: unknown field {name!r}")
            if kinds[name] is float and type(value) is int:
                value = float(value)
            if type(value) is not kinds[name]:
                raise EncodeError(f"recipe: {name} is a {kinds[name].__name__}, found {value!r}")
            checked[name] = value
        return cls(**checked)

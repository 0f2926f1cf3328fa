"""What a recipe asks for, made: network, optimiser, loss."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.errors import EncodeError
from ddcodec.train.convnet import seeded_convnet
from ddcodec.train.recipe import Recipe
from ddcodec.train.resnet import norm_layer, seeded_resnet18

_SECOND_BETA = 0.999


def make_network(recipe: Recipe, channels: int, size_hw: tuple[int, int], classes: int, seed: int) -> nn.Module:
    """A fresh network on the CPU whose weights depend on `seed` alone.

    Args: channels, size_hw: of the images; classes: number of outputs.
    Raises: EncodeError when the images are too small for it.
    """
    if recipe.network == "resnet18":
        norm = recipe.norm or "batch"
        return seeded_resnet18(channels, size_hw, classes, seed=seed, width=recipe.width, norm=norm)
    network = seeded_convnet(channels, size_hw, classes, seed=seed, width=recipe.width, depth=recipe.depth)
    if recipe.norm == "batch":  # both kinds begin with scale 1 and shift 0, so that no random number is missed
        for place, layer in enumerate(network.body):
            if isinstance(layer, nn.GroupNorm):
                network.body[place] = norm_layer("batch", layer.num_channels)
    return network


def make_optimiser(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser; its learning rate is set anew in each epoch (`Recipe.rate`)."""
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, _SECOND_BETA)
        return torch.optim.AdamW(network.parameters(), recipe.learning_rate, betas, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        network.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay
    )


def make_loss(recipe: Recipe, labels: Tensor, classes: int) -> tuple[Callable[[Tensor, Tensor], Tensor], Tensor]:
    """The loss, and the targets it takes.

    Args: labels: (N,) integer, or (N, classes) float.
    Returns: a function of outputs (B, classes) and targets of the same images; (N,) int64 or (N, classes) float32.
    Raises: EncodeError for "soft_cross_entropy" without soft labels.
    """
    if labels.ndim == 1 and recipe.loss == "soft_cross_entropy":
        raise EncodeError("recipe: loss soft_cross_entropy needs soft labels, and the set has none")
    if recipe.loss != "mse":
        return functional.cross_entropy, labels.to(torch.float32 if labels.ndim == 2 else torch.int64)
    if labels.ndim == 1:
        labels = functional.one_hot(labels.to(torch.int64), classes) - 1 / classes
    return functional.mse_loss, labels.to(torch.float32)

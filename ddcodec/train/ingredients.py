"""What a recipe asks for, made: network, optimiser, loss."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.errors import EncodeError
from ddcodec.train.convnet import seeded_convnet
from ddcodec.train.networks.alexnet import AlexNet
from ddcodec.train.networks.norms import norm_layer
from ddcodec.train.networks.vgg11 import VGG11
from ddcodec.train.networks.vit import ViT
from ddcodec.train.recipe import Recipe
from ddcodec.train.resnet import seeded_resnet18

_SECOND_BETA = 0.999


def make_network(recipe: Recipe, channels: int, size_hw: tuple[int, int], classes: int, seed: int) -> nn.Module:
    """A fresh network on the CPU whose weights depend on `seed` alone.

    Args: channels, size_hw: of the images; classes: number of outputs.
    Raises: EncodeError when the images are too small for it, or it has no such norm.
    """
    width, norm = recipe.width, recipe.norm
    if recipe.network == "resnet18":
        return seeded_resnet18(channels, size_hw, classes, seed=seed, width=width, norm=norm or "batch")
    if recipe.network != "convnet":
        # Only the CPU generator is seeded and restored: initialisation happens there on every machine.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            if recipe.network == "vgg11":
                return VGG11(channels, size_hw, classes, width, norm or "instance")
            if recipe.network == "alexnet":
                return AlexNet(channels, size_hw, classes, width, norm)
            return ViT(channels, size_hw, classes, width, recipe.depth, norm or "layer")
    network = seeded_convnet(channels, size_hw, classes, seed=seed, width=width, depth=recipe.depth)
    if norm in ("batch", "layer"):  # all kinds begin with scale 1 and shift 0, so that no random number is missed
        for place, layer in enumerate(network.body):
            if isinstance(layer, nn.GroupNorm):
                network.body[place] = norm_layer(norm, layer.num_channels)
    return network


def make_optimiser(recipe: Recipe, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """The optimiser; its learning rate is set anew in each epoch (`Recipe.rate`)."""
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, _SECOND_BETA)
        return torch.optim.AdamW(parameters, recipe.learning_rate, betas, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(parameters, recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay)


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

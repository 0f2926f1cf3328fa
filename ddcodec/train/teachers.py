"""Teachers: trained networks that issue soft labels, read from a file and put together."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.errors import EncodeError, InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.train.convnet import ConvNet, default_depth
from ddcodec.train.evaluate import Normalise
from ddcodec.train.flat import FlatNetwork
from ddcodec.train.ingredients import make_network
from ddcodec.train.networks.names import USUAL_WIDTH
from ddcodec.train.recipe import Recipe
from ddcodec.train.teacher_files import FORMAT, NOTES, TeacherFile, read_teacher_file

_WIDTH_MAX = 4_096
_FIRST = dict.fromkeys(USUAL_WIDTH, "body.0.weight") | {"vit": "patches.weight"}  # its first side is the width
Shape = tuple[int, int, int]


class Together(nn.Module):
    """Logits that stand for the mean of several networks' probabilities: its logarithm. Of one network, its logits."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Tensor) -> Tensor:
        """(N, classes) of images (N, C, H, W)."""
        logits = [network(images) for network in self.networks]
        if len(logits) == 1:
            only: Tensor = logits[0]
            return only
        chances = torch.stack([functional.log_softmax(part, dim=1) for part in logits])
        return torch.logsumexp(chances, dim=0) - math.log(len(logits))


def save_teacher(
    path: Path,
    network: nn.Module,
    recipe: Recipe,
    shape: Shape,
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    more: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write a trained network, with what it needs to be used, as a safetensors file.

    Args:
        network: as `make_network` makes it for the recipe, without a `Normalise` before it.
        shape: channels, height, width of its images. mean, std: a float per channel, that they are normalised by.
        more: what else the file shall say of it, such as its accuracy; no reader needs it.
    Raises: as `write_atomic`.
    """
    notes: dict[str, Any] = dict(more or {})
    notes |= {name: getattr(recipe, name) for name in ("network", "width", "depth", "norm")}
    notes |= {"format": FORMAT, "shape": list(shape), "classes": classes, "mean": list(mean), "std": list(std)}
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    write_atomic(path, save(weights, {NOTES: json.dumps(notes)}))


def read_teacher(
    path: Path,
    shape: Shape,
    classes: int,
    *,
    recipe: Recipe | None = None,
    normalise: tuple[Sequence[float], Sequence[float]] | None = None,
    stages: int = 1,
) -> nn.Module:
    """A teacher in eval mode on the CPU that takes images in [0, 1] and gives logits (N, classes).

    A file by `save_teacher` says all of itself. The pool of a run (pool-*.safetensors) and a file of experts
    (experts-*.safetensors) hold ConvNets; they teach together. Bare weights (.safetensors, .pt, .pth) are of the
    recipe's network; its width, and the depth of a ConvNet, follow from them.

    Args:
        shape: channels, height, width of the images that it shall label. classes: their number.
        recipe: network and norm of bare weights; None: a ConvNet.
        normalise: mean and std, a float per channel each, of the run or the set; a file by `save_teacher` has its own.
        stages: of a pool: how many networks in a row are stages of one; the last of them teaches.
    Raises: InputError naming the file: unreadable, or of other classes, channels, size or network.
    """
    found = read_teacher_file(path)
    recipe = Recipe() if recipe is None else recipe
    mean, std = normalise or ((0.0,) * shape[0], (1.0,) * shape[0])
    try:
        if found.notes:
            recipe, mean, std = _stated(found.notes, shape, classes)
        networks = _networks(found, shape, classes, recipe, stages)
        teacher = nn.Sequential(Normalise(mean, std), Together(networks))
    except (InputError, EncodeError) as error:
        raise InputError(f"{path}: {error}") from error
    if len(mean) != shape[0]:
        raise InputError(f"{path}: the normalisation has {len(mean)} channels, the images have {shape[0]}")
    return teacher.eval().requires_grad_(False)


def _stated(notes: Mapping[str, Any], shape: Shape, classes: int) -> tuple[Recipe, list[float], list[float]]:
    """Recipe and normalisation of a file that says them; raises InputError, EncodeError."""
    try:
        stated = tuple(int(side) for side in notes["shape"])
        fields = {name: notes[name] for name in ("network", "width", "depth", "norm")}
        mean, std = ([float(value) for value in notes[name]] for name in ("mean", "std"))
        found = int(notes["classes"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"damaged description of the teacher ({error})") from error
    if found != classes:
        raise InputError(f"expected a teacher of {classes} classes, found {found}")
    if stated != shape:
        raise InputError(f"expected a teacher for images of shape {shape}, found {stated}")
    return Recipe.from_dict(fields), mean, std


def _networks(found: TeacherFile, shape: Shape, classes: int, recipe: Recipe, stages: int) -> list[nn.Module]:
    if found.flat is not None:
        return _experts(found.flat, shape, classes)
    if not found.pool:
        return [_network(found.networks[0], shape, classes, recipe)]
    if len(found.networks) % stages:
        raise InputError(f"{len(found.networks)} networks are not {stages} stages of each; check matching.stages")
    chosen = found.networks[stages - 1 :: stages]
    return [_network(weights, shape, classes, Recipe()) for weights in chosen]


def _network(weights: Mapping[str, Tensor], shape: Shape, classes: int, recipe: Recipe) -> nn.Module:
    """A network of the recipe's kind with these weights; raises InputError, EncodeError."""
    first, head = (weights.get(name) for name in (_FIRST[recipe.network], "head.weight"))
    if first is None or first.ndim != 4 or head is None or head.ndim != 2:
        names = ", ".join(list(weights)[:3])
        wanted = f"expected kernels {_FIRST[recipe.network]} and head.weight"
        raise InputError(f"is no {recipe.network} of this package: {wanted}, found {names}, ...")
    if head.shape[0] != classes:
        raise InputError(f"expected a teacher of {classes} classes, found {head.shape[0]}")
    if first.shape[1] != shape[0]:
        raise InputError(f"expected a teacher for images of {shape[0]} channels, found {first.shape[1]}")
    depth = sum(value.ndim == 4 for value in weights.values()) if recipe.network == "convnet" else recipe.depth
    sized = dataclasses.replace(recipe, width=first.shape[0], depth=depth)
    network = make_network(sized, shape[0], shape[1:], classes, seed=0)
    needed = network.state_dict()
    for name, value in needed.items():
        if name not in weights:
            raise InputError(f"is no {recipe.network} of this recipe: tensor {name} is missing")
        if weights[name].shape != value.shape:
            sizes = f"expected shape {tuple(value.shape)}, found {tuple(weights[name].shape)}"
            raise InputError(f"tensor {name}: {sizes} (images of {shape[1]}x{shape[2]} pixels)")
    extra = sorted(set(weights) - set(needed))
    if extra:
        raise InputError(f"is no {recipe.network} of this recipe: it has no tensor {extra[0]}")
    network.load_state_dict(dict(weights))
    return network


def _experts(flat: Tensor, shape: Shape, classes: int) -> list[nn.Module]:
    """ConvNets whose parameters are rows; their width is the one that makes so many."""
    depth = default_depth(shape[1:])
    places = math.prod(side >> depth for side in shape[1:])

    def count(width: int) -> int:
        kernels = 9 * width * (shape[0] + (depth - 1) * width)
        return kernels + 3 * depth * width + classes * (width * places + 1)

    width = next((width for width in range(1, _WIDTH_MAX + 1) if count(width) >= flat.shape[1]), 0)
    if not width or count(width) != flat.shape[1]:
        size = f"{shape[0]} channels of {shape[1]}x{shape[2]} pixels and {classes} classes"
        raise InputError(f"expected experts for {size}, found {flat.shape[1]} parameters, which none of them has")
    frame = FlatNetwork(shape[0], shape[1:], classes, width, torch.device("cpu"))
    networks: list[nn.Module] = []
    for row in flat:
        network = ConvNet(shape[0], shape[1:], classes, width)
        network.load_state_dict(frame.split(row))
        networks.append(network)
    return networks

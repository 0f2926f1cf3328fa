"""Judge a distilled set: train fresh networks on it, count correct answers on real test images."""

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ddcodec.errors import EncodeError
from ddcodec.train.augment import augment
from ddcodec.train.ingredients import make_loss, make_network, make_optimiser
from ddcodec.train.memory import keep_freed_memory
from ddcodec.train.recipe import Recipe as Recipe
from ddcodec.train.together import train_together, worthwhile

Redraw = Callable[[int], Tensor]
"""From an epoch to the images that take the place of the training images in it."""
_TEST_BATCH = 512  # large enough to keep a device busy; has no influence on the answer


@dataclass(frozen=True)
class EvalResult:
    """Accuracies in 0..1, one per seed, with their mean and sample standard deviation (0.0 for one seed)."""

    mean: float
    std: float
    accuracies: tuple[float, ...]


def summarise(scores: Sequence[float]) -> EvalResult:
    """One result from the accuracies of single networks, at least one."""
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return EvalResult(statistics.fmean(scores), spread, tuple(scores))


class Normalise(nn.Module):
    """(images - mean) / std by channel.

    Args:
        mean, std: C floats each, in the images' unit.
    Raises: EncodeError when the lengths differ or a std is not positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or not mean or min(std) <= 0:
            raise EncodeError(f"normalisation needs as many means as positive stds, found {mean} and {std}")
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float32 in, the same out."""
        return (images - self.mean) / self.std


def _check(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point() or not len(images):
        raise EncodeError(f"images must be (N, C, H, W) float and N > 0, found {tuple(images.shape)} {images.dtype}")
    if len(labels) != len(images) or labels.is_floating_point() != (labels.ndim == 2) or labels.ndim > 2:
        raise EncodeError(
            f"labels must be (N,) integer or (N, classes) float, found {tuple(labels.shape)} {labels.dtype}"
        )


def train_classifier(
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    seed: int,
    device: torch.device | str,
    normalise: Normalise,
    *,
    classes: int | None = None,
    redraw: Redraw | None = None,
) -> nn.Module:
    """Train one network from scratch.

    The same seed gives the same network on the same machine and torch build with the same thread count; no
    global random state is read or changed.

    Args:
        images: (N, C, H, W) float32, nominally 0..1 (not clamped).
        labels: (N,) integer, or (N, classes) float32: probabilities, or for the loss "mse" what to regress.
        recipe: the training recipe.
        seed: decides initial weights, batch order and augmentation.
        device: where to train.
        normalise: applied before augmentation.
        classes: number of logits; by default from the labels.
        redraw: gives the images of each epoch, (N, C, H, W) float32 in the same unit and with the same labels, in place
            of `images`, of which only the shape counts then.
    Returns: a module in eval mode on `device` that takes images as given here (it normalises them itself).
    Raises: EncodeError for shapes or types that do not fit, or images too small for the network.
    """
    (network,), inputs, targets, loss = _begin(images, labels, recipe, [seed], device, normalise, classes)
    device = inputs.device
    optimiser = make_optimiser(recipe, network.parameters())
    # On the CPU on purpose: batch order and augmentation are then the same whatever the device.
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(recipe.epochs):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(epoch)
        if redraw is not None:
            inputs = _redrawn(redraw(epoch), inputs, normalise)
        order = torch.randperm(len(inputs), generator=generator).to(device)
        for chosen in torch.split(order, recipe.batch_size):
            batch = augment(inputs[chosen], recipe.augmentation, generator)
            optimiser.zero_grad(set_to_none=True)
            loss(network(batch), targets[chosen]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return nn.Sequential(normalise, network).eval()


def _redrawn(fresh: Tensor, before: Tensor, normalise: Normalise) -> Tensor:
    """An epoch's own images, normalised, on the device of those before them; raises EncodeError for another shape."""
    if fresh.shape != before.shape:
        raise EncodeError(f"redrawn images must have the shape {tuple(before.shape)}, found {tuple(fresh.shape)}")
    with torch.no_grad():
        inputs: Tensor = normalise(fresh.to(before.device, torch.float32))
    return inputs


def train_classifiers(
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device | str,
    normalise: Normalise,
    *,
    classes: int | None = None,
) -> list[nn.Module]:
    """Train one network per seed, all at the same time; otherwise as `train_classifier`, up to rounding."""
    networks, inputs, targets, loss = _begin(images, labels, recipe, seeds, device, normalise, classes)
    train_together(networks, inputs, targets, loss, recipe, seeds)
    return [nn.Sequential(normalise, network).eval() for network in networks]


def _begin(
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device | str,
    normalise: Normalise,
    classes: int | None,
) -> tuple[list[nn.Module], Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]:
    """Fresh networks in training mode, normalised images and targets, all on the device; the loss."""
    _check(images, labels)
    keep_freed_memory()
    if classes is None:
        classes = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
    with torch.no_grad():
        inputs = normalise.to(device)(images.to(device, torch.float32))
    channels, height, width = inputs.shape[1:]
    loss, targets = make_loss(recipe, labels, classes)
    networks = [make_network(recipe, channels, (height, width), classes, seed).to(device).train() for seed in seeds]
    return networks, inputs, targets.to(device), loss


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images whose largest logit is the label's.

    Args:
        model: takes (N, C, H, W) float32 in 0..1 and normalises them itself; its mode is left as it was.
        images: (N, C, H, W) float32.
        labels: (N,) integer.
    Returns: a float in 0..1.
    Raises: EncodeError for shapes or types that do not fit.
    """
    _check(images, labels)
    if labels.ndim != 1:
        raise EncodeError("accuracy needs (N,) integer labels")
    place = next(model.parameters()).device
    was_training = model.training
    model.eval()
    hits = 0
    with torch.inference_mode():
        for some, wanted in zip(torch.split(images, _TEST_BATCH), torch.split(labels, _TEST_BATCH), strict=True):
            found = model(some.to(place, torch.float32)).argmax(dim=1)
            hits += int((found == wanted.to(place)).sum())
    model.train(was_training)
    return hits / len(images)


def evaluate(
    images: Tensor,
    labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device | str,
    mean: Sequence[float],
    std: Sequence[float],
    progress: Callable[[int, int, float], None] | None = None,
    *,
    together: bool | None = None,
    train: Callable[[int], nn.Module] | None = None,
    redraw: Callable[[int], Redraw] | None = None,
) -> EvalResult:
    """Train one network per seed on (images, labels) and test each on (test_images, test_labels).

    Args:
        images, labels: the training set, as for `train_classifier`.
        test_images: (M, C, H, W) float32, nominally 0..1.
        test_labels: (M,) integer.
        recipe: the training recipe.
        seeds: one network each.
        device: where to train.
        mean, std: C floats each, the normalisation of both sets.
        progress: called after each network with (networks done, networks in all, this one's accuracy).
        together: train all networks at the same time; None does so where it is faster (`together.worthwhile`).
            Where the GPU's memory is too small for it they are trained one by one.
        train: gives the trained network of a seed, in place of `train_classifier`; one by one.
        redraw: gives what `train_classifier` redraws the images of a seed's network by; one by one.
    Returns: the accuracies in the order of `seeds`, with mean and spread.
    Raises: EncodeError for shapes or types that do not fit, or without any seed.
    """
    if not seeds:
        raise EncodeError("evaluate needs at least one seed")
    _check(test_images, test_labels)
    # A training set may lack the last classes; the network must still be able to name them.
    named = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
    classes = max(named, int(test_labels.max()) + 1) if labels.ndim == 1 else named
    normalise = Normalise(mean, std)
    models: list[nn.Module] = []
    alone = train is not None or redraw is not None
    if not alone and (worthwhile(torch.device(device), len(seeds)) if together is None else together):
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            models = train_classifiers(images, labels, recipe, seeds, device, normalise, classes=classes)
    scores: list[float] = []
    for place, seed in enumerate(seeds):
        if models:
            model = models[place]
        elif train is not None:
            model = train(seed)
        else:
            fresh = None if redraw is None else redraw(seed)
            model = train_classifier(images, labels, recipe, seed, device, normalise, classes=classes, redraw=fresh)
        scores.append(accuracy(model, test_images, test_labels))
        if progress is not None:
            progress(len(scores), len(seeds), scores[-1])
    return summarise(scores)

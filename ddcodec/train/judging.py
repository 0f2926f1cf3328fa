"""Evaluate a decoded set with its own recipe."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ddcodec.dataset import DistilledSet
from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.config import Config
from ddcodec.train.evaluate import EvalResult, Normalise, evaluate
from ddcodec.train.recipe import USUAL_WIDTH, Recipe
from ddcodec.train.redrawing import Redrawing, redrawing_of
from ddcodec.train.view_training import ViewTraining, train_on_views, view_training
from ddcodec.train.whitening import Source, recipe_whitening, whitened

Progress = Callable[[int, int, float], None]


def recipe_of(fields: Mapping[str, Any], settings: Iterable[str] = ()) -> Recipe:
    """The recipe a file states, its unknown fields left out, with "recipe.x=..." settings applied.

    A setting replaces the file's value even where that one means nothing. With another network, width and depth
    become the usual ones unless they are set, too.

    Raises: InputError for a setting that means nothing, or a field of the file that does.
    """
    names = {field.name for field in dataclasses.fields(Recipe)}
    texts, replaced = list(settings), set()
    for text in texts:
        if not text.strip().startswith("recipe."):
            raise InputError(f"--set {text}: only recipe.* has a meaning here")
        replaced.add(text.partition("=")[0].strip().removeprefix("recipe."))
    known = {name: value for name, value in fields.items() if name in names - replaced}
    network = Config().updated({"recipe": known}).with_settings(texts).recipe.network
    if network != fields.get("network", Recipe.network):  # the size of one says nothing about the other
        known = {name: value for name, value in known.items() if name not in ("width", "depth")}
    return Config().updated({"recipe": {"width": USUAL_WIDTH[network]} | known}).with_settings(texts).recipe


@dataclass(frozen=True, eq=False)
class Trial:
    """Everything an evaluation needs, checked.

    Fields:
        images: (N, channels, height, width) float32; targets: (N,) int64 or (N, C) float32.
        test_images: (M, channels, height, width) float32; test_labels: (M,) int64. Both images are whitened where
            the set is or the recipe says so.
        recipe: its loss is the one that fits the targets. mean, std: a float per channel.
        notes: what the reader of the result should know, a line each.
        views: what is trained on in place of images and targets, None: these are.
        redraws: how each epoch gets fresh images from the set's priors, None: every epoch has `images`.
    """

    images: Tensor
    targets: Tensor
    test_images: Tensor
    test_labels: Tensor
    recipe: Recipe
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notes: tuple[str, ...]
    views: ViewTraining | None = None
    redraws: Redrawing | None = None

    def run(
        self, repeats: int, device: torch.device, progress: Progress | None = None, *, first_seed: int = 0
    ) -> EvalResult:
        """Train `repeats` networks (seeds `first_seed`, `first_seed` + 1, ...) and test each.

        Raises: InputError for no repeats, or images that the network cannot take.
        """
        if repeats < 1:
            raise InputError(f"repeats: expected at least 1, found {repeats}")
        training, testing = (self.images, self.targets), (self.test_images, self.test_labels)
        redraw = None if self.redraws is None else self.redraws.of_seed
        if self.redraws is not None:
            targets = self.redraws.repeated(self.targets)
            training = self.images[:1].expand(len(targets), -1, -1, -1), targets  # of which the shape counts only
        seeds = range(first_seed, first_seed + repeats)
        numbers, train = (self.mean, self.std), self._trainer(device)
        try:
            return evaluate(
                *training, *testing, self.recipe, seeds, device, *numbers, progress, train=train, redraw=redraw
            )
        except EncodeError as error:
            raise InputError(str(error)) from error

    def _trainer(self, device: torch.device) -> Callable[[int], nn.Module] | None:
        """From a seed to a network trained on the views, where there are any."""
        views = self.views
        if views is None:
            return None
        return lambda seed: train_on_views(views, self.recipe, seed, device, Normalise(self.mean, self.std))


def prepare(dataset: DistilledSet, test: LabelledImages, recipe: Recipe, zca_from: Source | None = None) -> Trial:
    """Bring a set and test images into the form that a recipe asks for.

    Mosaics are cut and enlarged (`recipe.factor`). Soft labels become targets: logits through a softmax after
    division by `recipe.label_temperature`, probabilities and scores as they are. The test images of a whitened
    set are whitened like it; with `recipe.zca` both are whitened, and not normalised. A set that is neither, and does
    not state its normalisation, is normalised by its own mean and deviation. Test labels follow the set's order of
    class names where both have the same names.

    A set with soft labels of views is trained on these (see `view_training`): neither the recipe's augmentation nor its
    loss has a meaning then. Where that cannot be done a note says why, and hard labels are taken. Any other set with
    priors is trained on fresh draws of them in each epoch (see `Redrawing`).

    Args: zca_from: the images the whitening is fitted on; needed where there is one, and only then.
    Raises: InputError when these do not fit each other, or the set is empty.
    """
    if not len(dataset):
        raise InputError("the set has no images to train on")
    for source in (test, *([] if zca_from is None else [zca_from])):
        check_shape(dataset, source)
    check_labels(dataset, test)
    notes: list[str] = []
    test_labels = in_order_of_set(dataset, test, notes)
    views = _views(dataset, recipe, notes)
    factor = 1 if views is not None else recipe.factor  # the recipe may have been changed, and rules
    images, labels, soft = dataclasses.replace(dataset, recipe={**dataset.recipe, "factor": factor}).expanded()
    images, test_images = whitened(dataset, images, test.images, recipe.zca, zca_from, notes)
    if factor > 1:
        notes.append(f"{len(dataset)} mosaics cut into {len(images)} images")
    targets, recipe = _targets(labels, soft, None if dataset.soft is None else dataset.soft.kind, recipe)
    mean, std = _normalisation(dataset, images, recipe.zca > 0, notes)
    placed = torch.from_numpy(np.ascontiguousarray(images))
    redraws = None if views is not None else _redraws(dataset, recipe, placed, zca_from, notes)
    return Trial(
        images=placed,
        targets=torch.from_numpy(targets),
        test_images=torch.from_numpy(np.ascontiguousarray(test_images)),
        test_labels=torch.from_numpy(test_labels),
        recipe=recipe,
        mean=mean,
        std=std,
        notes=tuple(notes),
        views=views,
        redraws=redraws,
    )


def _redraws(
    dataset: DistilledSet, recipe: Recipe, means: Tensor, zca_from: Source | None, notes: list[str]
) -> Redrawing | None:
    """How the set's priors are drawn from, None where it has none or nothing is to be drawn; `notes` get a line."""
    seen = None
    if recipe.zca and zca_from is not None:
        seen = recipe_whitening(tuple(means.shape[1:]), zca_from, recipe.zca)
    redraws = redrawing_of(dataset, recipe, means, seen)
    if redraws is not None:
        notes.append(redraws.note)
    return redraws


def _views(dataset: DistilledSet, recipe: Recipe, notes: list[str]) -> ViewTraining | None:
    """How to train on the set's views, None where it has none or that cannot be done; `notes` get a line on it."""
    if dataset.label_views is None:
        return None
    try:
        views = view_training(dataset, recipe)
    except InputError as error:
        notes.append(f"soft labels of views not used: {error}")
        return None
    notes.append(views.note)
    return views


def check_shape(dataset: DistilledSet, source: Source) -> None:
    """See that real images have the shape of the set's; raises InputError."""
    shape = dataset.pixels.shape[1:]
    if source.images.shape[1:] != shape:
        raise InputError(f"{source.name}: expected images of shape {shape}, found {source.images.shape[1:]}")


def check_labels(dataset: DistilledSet, source: LabelledImages) -> None:
    """See that real images are of the set's classes; raises InputError."""
    if int(source.labels.max()) >= dataset.class_count:
        raise InputError(f"{source.name}: expected labels below {dataset.class_count}, found {source.labels.max()}")


def judge(
    dataset: DistilledSet,
    test: LabelledImages,
    recipe: Recipe,
    repeats: int,
    device: torch.device,
    progress: Progress | None = None,
    real: Source | None = None,
) -> EvalResult:
    """`prepare`, then `Trial.run`; arguments and errors as theirs.

    Args: real: the training images, which `recipe.zca` is fitted on where it is set.
    """
    return prepare(dataset, test, recipe, real if recipe.zca else None).run(repeats, device, progress)


def in_order_of_set(dataset: DistilledSet, test: LabelledImages, notes: list[str]) -> NDArray[np.int64]:
    """Labels of real images as numbers of the set's classes; what is worth telling is added to `notes`."""
    ours, theirs = dataset.classes, test.classes
    if ours is None or theirs is None or ours == theirs:
        return test.labels
    if len(set(ours)) == len(ours) and sorted(ours) == sorted(theirs):
        notes.append("the test set has the classes in another order; they were matched by name")
        return np.array([ours.index(name) for name in theirs], dtype=np.int64)[test.labels]
    pair = next(((a, b) for a, b in zip(ours, theirs, strict=False) if a != b), (len(ours), len(theirs)))
    notes.append(f"names of classes differ ({pair[0]!r} in the file, {pair[1]!r} in the test set); matched by number")
    return test.labels


def _targets(
    labels: NDArray[np.int64], soft: NDArray[np.float32] | None, kind: str | None, recipe: Recipe
) -> tuple[NDArray[Any], Recipe]:
    """What the outputs are held against, and the recipe with the loss that this needs."""
    if soft is None:
        return labels, recipe
    if kind == "scores":
        if recipe.loss == "soft_cross_entropy":
            raise InputError("recipe.loss: the soft labels are scores, which only mse can use")
        return soft, dataclasses.replace(recipe, loss="mse")
    if kind == "logits" and recipe.loss != "mse":
        scaled = soft.astype(np.float64) / recipe.label_temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        soft = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return soft, recipe


def _normalisation(
    dataset: DistilledSet, images: NDArray[np.float32], whitened: bool, notes: list[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel that training and test images are normalised by."""
    channels = images.shape[1]
    if whitened or dataset.whitening:
        return (0.0,) * channels, (1.0,) * channels
    mean, std = dataset.mean, dataset.std
    if mean is None or std is None:
        missing = " and ".join(name for name, part in (("mean", mean), ("std", std)) if part is None)
        notes.append(f"the file states no {missing}: images are normalised by the set's own")
    own = torch.from_numpy(images)  # sums in the order in which they always were
    if mean is None:
        mean = tuple(own.mean(dim=(0, 2, 3)).tolist())
    if std is None:
        std = tuple(max(value, 1e-3) for value in own.std(dim=(0, 2, 3)).tolist())
    return mean, std

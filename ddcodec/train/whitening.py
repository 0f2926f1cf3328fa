"""ZCA at work in training: what a recipe (`Recipe.zca`) or a whitened set asks for, fitted once and applied.

A set may hold whitened images (its `whitening`, of sets from elsewhere): then test images alone are whitened. Or its
recipe asks for whitening: then images are pictures in the file, and both they and test images are whitened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.dataset import DistilledSet
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.data import TrainingData
from ddcodec.views.preprocessing import EvalTransform
from ddcodec.views.zca import Zca, fit_zca

Source = LabelledImages | TrainingData
_PART = 2000  # images whitened at a time
_KEPT: WeakKeyDictionary[Source, dict[float, Zca]] = WeakKeyDictionary()


def zca_of(source: Source, epsilon: float) -> Zca:
    """`fit_zca` on all images of a source, once: CIFAR-10 takes 20 s of one core, and a sweep needs it often.

    Raises: InputError naming the source, as `fit_zca`.
    """
    fitted = _KEPT.setdefault(source, {})
    if epsilon not in fitted:
        try:
            fitted[epsilon] = fit_zca(source.images, epsilon)
        except InputError as error:
            raise InputError(f"{source.name}: {error}") from error
    return fitted[epsilon]


class Whitening:
    """(images - mean) @ matrix for tensors: differentiable, on the device of what it is given."""

    def __init__(self, zca: Zca) -> None:
        self._mean, self._matrix = torch.from_numpy(zca.mean), torch.from_numpy(zca.matrix)

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) float32 in [0, 1] units to whitened ones."""
        if self._matrix.device != images.device:
            self._mean, self._matrix = self._mean.to(images.device), self._matrix.to(images.device)
        return ((images.flatten(1) - self._mean) @ self._matrix).reshape(images.shape)

    def many(self, images: Tensor, device: torch.device) -> Tensor:
        """The same without a gradient, moved to a device and whitened there part by part."""
        with torch.no_grad():
            return torch.cat([self(part.to(device)) for part in torch.split(images, _PART)])


def check_whitening(dataset: DistilledSet, epsilon: float, given: bool) -> None:
    """See that the images to fit a whitening on are `given` if, and only if, there is one.

    Args: epsilon: of the recipe in use.
    Raises: InputError.
    """
    stated: Mapping[str, Any] = dataset.whitening
    if stated and epsilon:
        raise InputError(
            f"recipe.zca is {epsilon:g}, but the images are whitened already; for none more --set recipe.zca=0"
        )
    if stated and not given:
        words = ", ".join(
            f"{key} {repr(stated[key])[:60]}" for key in ("kind", "epsilon", "fitted_on") if key in stated
        )
        raise InputError(
            f"the images are whitened ({words}), and the test images must be, too; name the images it was "
            f"fitted on, such as --zca-from cifar10:PATH:train"
        )
    if epsilon and not given:
        made_of = dataset.provenance.get("dataset")
        words = "" if made_of is None else f" (the set was made from {repr(made_of)[:60]})"
        raise InputError(
            f"the recipe trains on images whitened by ZCA (recipe.zca {epsilon:g}), fitted on real training images"
            f"{words}; name them, such as --zca-from cifar10:PATH:train"
        )
    if given and not stated and not epsilon:
        raise InputError(
            "--zca-from has no meaning: the file does not say that its images are whitened, nor does its recipe"
        )


def whitened(
    dataset: DistilledSet,
    images: NDArray[np.float32],
    test_images: NDArray[np.float32],
    epsilon: float,
    fitted_on: Source | None,
    notes: list[str],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A set's images (mosaics cut) and test images, after the whitening that each of them needs.

    Args: epsilon: of the recipe in use; fitted_on: where there is a whitening; notes: get a line that tells of it.
    Raises: InputError as `check_whitening` and `fit_zca`.
    """
    check_whitening(dataset, epsilon, fitted_on is not None)
    if fitted_on is None:
        return images, test_images
    if dataset.whitening:
        stated = dataset.eval_transform(train_images=fitted_on.images)
        notes.append(f"test images whitened as the set is: {stated.note}")
        return images, np.asarray(stated(test_images))
    seen = recipe_whitening(images.shape[1:], fitted_on, epsilon)
    notes.append(f"images and test images whitened as the recipe says: {seen.note}")
    return np.asarray(seen(images)), np.asarray(seen(test_images))


def recipe_whitening(shape: tuple[int, ...], fitted_on: Source, epsilon: float) -> EvalTransform:
    """The whitening of a recipe for images of a shape (channels, height, width); raises as `zca_of`."""
    channels, height, width = shape
    note = f"zca, epsilon {epsilon:g}, fitted on {len(fitted_on.images)} images of {fitted_on.name!r}"
    none = (0.0,) * channels, (1.0,) * channels
    return EvalTransform((channels, height, width), *none, zca_of(fitted_on, epsilon), note)

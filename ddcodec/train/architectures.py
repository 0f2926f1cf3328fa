"""Evaluate one set by several networks: the recipe each gets, and a check before any of them is trained."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ddcodec.dataset import DistilledSet
from ddcodec.errors import EncodeError, InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.evaluate import EvalResult
from ddcodec.train.ingredients import make_network
from ddcodec.train.judging import Trial, prepare, recipe_of
from ddcodec.train.networks.names import USUAL_TRAINING, USUAL_WIDTH
from ddcodec.train.recipe import Recipe

Progress = Callable[[str, int, int, float], None]


def recipes_for(networks: Sequence[str], fields: Mapping[str, Any], settings: Iterable[str] = ()) -> dict[str, Recipe]:
    """The recipe of each network.

    The one that the file's recipe was made for gets it unchanged. Another one has its own size and norm, and the
    optimiser and learning rate of `USUAL_TRAINING`; epochs, batch size, augmentation, loss and labels are the file's.
    A setting holds for all.

    Args: fields, settings: as for `judging.recipe_of`; the setting recipe.network says which one it was made for.
    Raises: InputError as `recipe_of`.
    """
    texts = list(settings)
    own = recipe_of(fields, texts)
    chosen = {text.partition("=")[0].strip().removeprefix("recipe.") for text in texts} - {"network"}
    kept = {name: getattr(own, name) for name in chosen}
    found = {}
    for network in networks:
        usual: dict[str, Any] = {"network": network, "width": USUAL_WIDTH[network], "depth": 0, "norm": ""}
        usual |= USUAL_TRAINING[network]
        found[network] = own if network == own.network else dataclasses.replace(own, **(usual | kept))
    return found


def count_weights(recipe: Recipe, shape: Sequence[int], classes: int) -> int:
    """Trained weights of a network.

    Args: shape: channels, height, width.
    Raises: InputError when the images are too small for it, or it does not exist in this form.
    """
    channels, height, width = shape
    try:
        network = make_network(recipe, channels, (height, width), classes, seed=0)
    except EncodeError as error:
        raise InputError(str(error)) from error
    return sum(weights.numel() for weights in network.parameters())


@dataclass(frozen=True)
class Judged:
    """One network's part: its recipe, its trained weights, the seeds, what it reached."""

    recipe: Recipe
    weights: int
    seeds: tuple[int, ...]
    result: EvalResult


@dataclass(frozen=True)
class CrossTrial:
    """A trial for each network, checked; they differ in their recipes only. weights: how many each one trains."""

    trials: Mapping[str, Trial]
    weights: Mapping[str, int]

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of all trials, each once."""
        return tuple(dict.fromkeys(note for trial in self.trials.values() for note in trial.notes))

    def run(self, repeats: int, device: torch.device, progress: Progress | None = None) -> dict[str, Judged]:
        """Train and test `repeats` networks (seeds 0, 1, ...) of each architecture.

        Args: progress: called after each network with (architecture, number of it, repeats, accuracy).
        Raises: InputError for no repeats.
        """
        judged = {}
        for name, trial in self.trials.items():

            def told(done: int, total: int, score: float, name: str = name) -> None:
                if progress is not None:
                    progress(name, done, total, score)

            result = trial.run(repeats, device, told)
            judged[name] = Judged(trial.recipe, self.weights[name], tuple(range(repeats)), result)
        return judged


def check_networks(recipes: Mapping[str, Recipe], dataset: DistilledSet) -> dict[str, int]:
    """`count_weights` of each network, on the set's images.

    Raises: InputError naming the first one that does not fit.
    """
    shape = dataset.pixels.shape[1:]
    return {name: count_weights(recipe, shape, dataset.class_count) for name, recipe in recipes.items()}


def prepare_all(
    dataset: DistilledSet,
    test: LabelledImages,
    recipes: Mapping[str, Recipe],
    zca_from: LabelledImages | None = None,
) -> CrossTrial:
    """See that every network fits the images, then `judging.prepare` for each.

    Raises: InputError naming the first network that does not fit, or as `prepare`.
    """
    weights = check_networks(recipes, dataset)
    return CrossTrial({name: prepare(dataset, test, recipe, zca_from) for name, recipe in recipes.items()}, weights)

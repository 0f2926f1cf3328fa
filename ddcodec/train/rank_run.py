"""Train what the scores of `ranking` compare: a set, real images in its place, and all real images."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ddcodec.dataset import DistilledSet
from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train import ranking
from ddcodec.train.augment import DSA, check_policy
from ddcodec.train.evaluate import EvalResult, summarise
from ddcodec.train.judging import Trial, prepare
from ddcodec.train.real_images import RealImages
from ddcodec.train.recipe import Recipe

Progress = Callable[[str, int, int, float], None]


@dataclass(frozen=True)
class Effort:
    """What may be spent.

    Fields:
        repeats: networks for each part, seeds 0, 1, ...; each has random images of its own, chosen by the same seed.
        full_epochs, full_repeats: epochs and networks on all real images.
        full_accuracy: of a network trained on all real images elsewhere, a fraction, instead of training one.
        augmentation: policy of the part "with augmentation" where the recipe has none.
    Raises: InputError, or EncodeError for an unknown augmentation, for values that mean nothing.
    """

    repeats: int = 3
    full_epochs: int = 30
    full_repeats: int = 1
    full_accuracy: float | None = None
    augmentation: str = DSA

    def __post_init__(self) -> None:
        for name in ("repeats", "full_epochs", "full_repeats"):
            if getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', '-')}: expected at least 1, found {getattr(self, name)}")
        if self.full_accuracy is not None and not 0 <= self.full_accuracy <= 1:
            raise InputError(f"full-accuracy: expected a fraction in 0..1, not percent, found {self.full_accuracy}")
        if not check_policy(self.augmentation):
            raise InputError("augmentation: expected some, found 'none'")


@dataclass(frozen=True)
class Component:
    """One accuracy. images: trained on; recipe: None where the accuracy was stated and not measured; seeds: of the
    networks; subset_seeds: of the choices of random images, one for each network, () where nothing was chosen."""

    images: int
    recipe: Recipe | None
    seeds: tuple[int, ...]
    subset_seeds: tuple[int, ...]
    result: EvalResult


@dataclass(frozen=True)
class Rank:
    """Scores of a set under one network, with all they were computed from; means of fractions throughout."""

    components: dict[str, Component]
    notes: tuple[str, ...]

    def _mean(self, name: str) -> float:
        return self.components[name].result.mean

    @property
    def hlr(self) -> float:
        """`ranking.hard_label_recovery`."""
        return ranking.hard_label_recovery(self._mean("real_hard"), self._mean("distilled_hard"))

    @property
    def ior(self) -> float:
        """`ranking.improvement_over_random`."""
        return ranking.improvement_over_random(self._mean("distilled_own"), self._mean("random_own"))

    @property
    def lrs(self) -> float:
        """`ranking.label_robust_score`."""
        return ranking.label_robust_score(self.hlr, self.ior)

    @property
    def ars(self) -> float:
        """`ranking.augmentation_robust_score`."""
        pairs = (self._mean(f"distilled_{kind}") - self._mean(f"random_{kind}") for kind in ("aug", "noaug"))
        return ranking.augmentation_robust_score(*pairs)


def rank(
    dataset: DistilledSet,
    test: LabelledImages,
    real: RealImages,
    recipe: Recipe,
    effort: Effort,
    device: torch.device,
    progress: Progress | None = None,
    zca_from: LabelledImages | None = None,
) -> Rank:
    """Train every network that the scores need, each pair of images and recipe once.

    "Own" is the recipe with the set's labels, soft ones where it has them; "hard" has class numbers and cross-entropy.
    Random images are as many as the set stores, with hard labels. Soft labels of views belong to their augmentation:
    only "own" takes them, and the parts with another augmentation or none have hard labels.

    Args: zca_from: as for `judging.prepare`.
    Raises: InputError when the parts do not fit each other; it is raised before anything is trained.
    """
    own = prepare(dataset, test, recipe, zca_from)
    hard = prepare(dataclasses.replace(dataset, soft=None, label_views=None), test, _hard(recipe), zca_from)
    for seed in range(effort.repeats):
        real.choice(dataset.class_counts, seed)  # raises now, not after an hour
    work = _Work(own, hard, dataset, real, effort, device, progress)
    policy = own.recipe.augmentation if own.recipe.augmentation != "none" else effort.augmentation
    parts = {"real_hard": work.real(), "distilled_hard": work.distilled("distilled_hard", hard, {})}
    for kind, changes in (("own", {}), ("aug", {"augmentation": policy}), ("noaug", {"augmentation": "none"})):
        trial = hard if changes and own.views is not None else own
        parts[f"distilled_{kind}"] = work.distilled(f"distilled_{kind}", trial, changes)
        parts[f"random_{kind}"] = work.random(f"random_{kind}", changes)
    return Rank(
        parts, tuple(dict.fromkeys((*own.notes, *real.notes, *_notes(dataset, own.recipe, own.views is not None))))
    )


def _hard(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, loss="cross_entropy")


def _trial_on(like: Trial, images: torch.Tensor, labels: torch.Tensor, recipe: Recipe) -> Trial:
    """A trial on real images (n, C, H, W) with hard labels (n,), tested as another one is."""
    return dataclasses.replace(like, images=images, targets=labels, recipe=recipe, views=None, redraws=None)


def _notes(dataset: DistilledSet, recipe: Recipe, views: bool) -> list[str]:
    notes = []
    if dataset.soft is not None:
        notes.append("the set has soft labels, the random images hard ones: no teacher labels those")
    if views:
        notes.append(
            "soft labels of views are for the own recipe: the set has hard ones elsewhere, and random images do"
        )
    if recipe.factor > 1:
        notes.append("the set's images are mosaics, the random ones are not; they are equal in number as stored")
    return notes


class _Work:
    """Trainings of one rank, remembered."""

    def __init__(
        self,
        own: Trial,
        hard: Trial,
        dataset: DistilledSet,
        real: RealImages,
        effort: Effort,
        device: torch.device,
        progress: Progress | None,
    ) -> None:
        self.own, self.hard, self.dataset, self.images = own, hard, dataset, real
        self.effort, self.device, self.progress = effort, device, progress
        self.done: dict[tuple[str, Recipe], Component] = {}

    def _told(self, name: str, before: int = 0, total: int = 0) -> Callable[[int, int, float], None]:
        def tell(done: int, count: int, score: float) -> None:
            if self.progress is not None:
                self.progress(name, before + done, total or count, score)

        return tell

    def real(self) -> Component:
        """All real images with hard labels, under the stated budget of epochs; or the stated accuracy."""
        stated, count = self.effort.full_accuracy, len(self.images.images)
        if stated is not None:
            return Component(count, None, (), (), summarise([stated]))
        recipe = dataclasses.replace(self.hard.recipe, epochs=self.effort.full_epochs, factor=1)
        trial = _trial_on(self.hard, self.images.images, self.images.labels, recipe)
        repeats = self.effort.full_repeats
        return Component(
            count, recipe, tuple(range(repeats)), (), trial.run(repeats, self.device, self._told("real_hard"))
        )

    def distilled(self, name: str, trial: Trial, changes: dict[str, str]) -> Component:
        """The set itself, under a changed recipe."""
        recipe = dataclasses.replace(trial.recipe, **changes)  # type: ignore[arg-type]
        soft = trial.views is not None or self.dataset.soft is not None
        labels = "soft" if soft and trial is not self.hard else "hard"
        key = (f"distilled, {labels} labels", recipe)
        if key not in self.done:
            repeats = self.effort.repeats
            result = dataclasses.replace(trial, recipe=recipe).run(repeats, self.device, self._told(name))
            self.done[key] = Component(len(trial.images), recipe, tuple(range(repeats)), (), result)
        return self.done[key]

    def random(self, name: str, changes: dict[str, str]) -> Component:
        """Random real images in the set's place: the network of each seed has a choice of its own."""
        recipe = dataclasses.replace(self.own.recipe, factor=1, **changes)  # type: ignore[arg-type]
        if recipe.loss == "soft_cross_entropy":
            recipe = _hard(recipe)
        key = ("random", recipe)
        if key not in self.done:
            seeds, count = tuple(range(self.effort.repeats)), 0
            scores: list[float] = []
            for seed in seeds:
                images, labels = self.images.choice(self.dataset.class_counts, seed)
                trial = _trial_on(self.own, images, labels, recipe)
                told = self._told(name, seed, len(seeds))
                scores += trial.run(1, self.device, told, first_seed=seed).accuracies
                count = len(images)
            self.done[key] = Component(count, recipe, seeds, seeds, summarise(scores))
        return self.done[key]

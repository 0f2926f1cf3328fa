"""Whether the accuracy that a file states is found again."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcodec.errors import InputError
from ddcodec.format.canonical import pack
from ddcodec.train.evaluate import EvalResult
from ddcodec.train.recipe import USUAL_WIDTH, Recipe

_LENGTH_BYTES = 2  # by which the stated lengths of what grew may grow
SMALLEST_TOLERANCE, LARGEST_TOLERANCE = 0.015, 0.05
_ROUNDING = 1e-9  # accuracies are fractions of a round number of images, and may lie on the edge


@dataclass(frozen=True)
class StoredAccuracy:
    """What a file says its recipe reached.

    Fields: accuracy, a fraction; std, of single networks, and repeats, both 0 where the file is silent; test, the
    images it was measured on, "" where the file is silent.
    """

    accuracy: float
    std: float = 0.0
    repeats: int = 0
    test: str = ""


def stored_accuracy(fields: Mapping[str, Any]) -> StoredAccuracy | None:
    """The accuracy in a file's recipe, None where there is none.

    Raises: InputError for values that cannot be meant, such as an accuracy in percent.
    """
    if "accuracy" not in fields:
        return None
    numbers = {name: fields.get(name, 0.0) for name in ("accuracy", "accuracy_std")}
    for name, value in numbers.items():
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise InputError(f"recipe.{name}: expected a fraction in 0..1, found {str(value)[:40]!r}")
    repeats, test = fields.get("accuracy_repeats", 0), fields.get("accuracy_test", "")
    if type(repeats) is not int or repeats < 0:
        raise InputError(f"recipe.accuracy_repeats: expected a count, found {str(repeats)[:40]!r}")
    if not isinstance(test, str):
        raise InputError(f"recipe.accuracy_test: expected a text, found {str(test)[:40]!r}")
    return StoredAccuracy(float(numbers["accuracy"]), float(numbers["accuracy_std"]), repeats, test)


@dataclass(frozen=True)
class Verdict:
    """A stored accuracy against a found one; tolerance: how far apart they may be, a fraction."""

    stored: StoredAccuracy
    found: EvalResult
    tolerance: float

    @property
    def difference(self) -> float:
        """Found minus stored."""
        return self.found.mean - self.stored.accuracy

    @property
    def reproduced(self) -> bool:
        """Whether the difference is within the tolerance, in either direction."""
        return abs(self.difference) <= self.tolerance + _ROUNDING

    def __str__(self) -> str:
        stored, found = self.stored, self.found
        word = "reproduced" if self.reproduced else "NOT reproduced"
        spread = f" +- {100 * found.std:.1f}" if len(found.accuracies) > 1 else ""
        place = f" on {stored.test[:80]}" if stored.test else ""
        return (
            f"stored accuracy {100 * stored.accuracy:.1f} %{place} {word}: found {100 * found.mean:.1f}{spread} % "
            f"({100 * self.difference:+.1f} points, {100 * self.tolerance:.1f} allowed)"
        )


def compare(stored: StoredAccuracy, found: EvalResult) -> Verdict:
    """Hold a found accuracy against the stored one.

    It is reproduced if the two differ by no more than
        2 * sqrt(s ** 2 + t ** 2 / n), but at least 1.5 and at most 5 points,
    where s is the stored deviation, t the found one (for a single network: s again) and n the number of networks
    trained now. The deviation s is not divided by the root of the stored number of networks, since who stored it
    often trained all of them on one machine, and other builds and random numbers shift them together. The least
    tolerance is what these take where no deviation is stated. The largest keeps a few wildly scattered networks
    from proving anything: a wrong recipe, missing whitening or a wrong order of classes cost 8 points and more.
    """
    count = len(found.accuracies)
    own = found.std if count > 1 else stored.std
    spread = 2 * math.sqrt(stored.std**2 + own**2 / count)
    return Verdict(stored, found, min(LARGEST_TOLERANCE, max(SMALLEST_TOLERANCE, spread)))


def recipe_changes(fields: Mapping[str, Any], recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Where a recipe departs from the one a file states: name -> (in the file, or else its default; in use)."""
    before = {field.name: field.default for field in dataclasses.fields(Recipe)}
    before["width"] = USUAL_WIDTH.get(str(fields.get("network")), before["width"])
    before |= {name: value for name, value in fields.items() if name in before}
    return {name: (value, getattr(recipe, name)) for name, value in before.items() if value != getattr(recipe, name)}


def record_fields(fields: Mapping[str, Any], recipe: Recipe, found: EvalResult, test: str) -> dict[str, Any]:
    """What a file shall say after an evaluation: the whole recipe that was followed, and what it reached.

    Args: fields: the recipe in the file; test: name of the test images.
    """
    followed = recipe.to_dict() | {name: getattr(recipe, name) for name in dataclasses.asdict(recipe) if name in fields}
    return followed | {
        "accuracy": found.mean,
        "accuracy_std": found.std,
        "accuracy_repeats": len(found.accuracies),
        "accuracy_test": test,
    }


def record_bytes(recipe: Recipe, repeats: int, test: str) -> int:
    """Bytes by which a file grows, at most, when `record_fields` of so many networks are added to this recipe."""
    fields, some = recipe.to_dict(), EvalResult(0.5, 0.1, (0.5,) * repeats)
    return len(pack(record_fields(fields, recipe, some, test))) - len(pack(fields)) + _LENGTH_BYTES

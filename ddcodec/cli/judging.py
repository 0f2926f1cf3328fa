"""The command that trains on a file and says whether what it promises is true: eval."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.architectures import evaluate_networks
from ddcodec.cli.failure import about
from ddcodec.cli.images import load_images
from ddcodec.cli.reading import FILE
from ddcodec.cli.running import DATA, DEVICE, SET
from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet
    from ddcodec.train.evaluate import EvalResult
    from ddcodec.train.judging import Trial
    from ddcodec.train.recipe import Recipe
    from ddcodec.train.reproduction import StoredAccuracy, Verdict

NOT_REPRODUCED = 4


@click.command("eval")
@FILE
@click.option("--test", "test_spec", required=True, help=f"{DATA}, each :test by default.")
@click.option(
    "--zca-from",
    "zca_spec",
    metavar="SPEC",
    help="Images that the whitening of a set or recipe is fitted on, :train by default.",
)
@click.option("--repeats", default=3, show_default=True, help="Networks to train, of each kind.")
@click.option("--nets", metavar="LIST", help="Kinds by comma (convnet,resnet18,vgg11,alexnet,vit): one table of all.")
@SET
@click.option("--ignore-views", is_flag=True, help="Train on the images and not on soft labels of their views.")
@click.option("--means-only", is_flag=True, help="Train on the means of a set's priors and on no draws of them.")
@click.option("--check", is_flag=True, help=f"Exit with {NOT_REPRODUCED} if the stored accuracy is not reproduced.")
@click.option("--record", type=click.Path(), metavar="OUT", help="Write a copy of FILE that states this accuracy.")
@DEVICE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    file: str,
    test_spec: str,
    zca_spec: str | None,
    repeats: int,
    nets: str | None,
    settings: tuple[str, ...],
    ignore_views: bool,
    means_only: bool,
    check: bool,
    record: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Train on FILE with its recipe, test on real images, compare with the accuracy FILE states.

    A file with soft labels of views is trained on these, which take the place of the recipe's augmentation and loss.
    One with priors is trained on fresh draws of them in every epoch, as its recipe says.
    """
    from ddcodec import pipeline
    from ddcodec.cli.console import say
    from ddcodec.train.networks.names import parse_networks

    _check_options(nets, check, record, ignore_views)
    names = None if nets is None else parse_networks(nets)
    with about(file):
        data = pipeline.read_file(file)
        dataset = pipeline.decode(data)
        dataset = replace(dataset, label_views=None) if ignore_views else dataset
        settings = _means_only(dataset, settings) if means_only else settings
    from ddcodec.train.device import choose_device
    from ddcodec.train.judging import prepare, recipe_of
    from ddcodec.train.reproduction import compare, recipe_changes
    from ddcodec.train.whitening import check_whitening

    place = choose_device(device)
    if names is not None:
        specs = (test_spec, zca_spec)
        return evaluate_networks(file, dataset, names, specs, repeats, settings, place, as_json)
    with about(file):
        recipe = recipe_of(dataset.recipe, settings)
        stored = _stored(dataset.recipe, check)
        check_whitening(dataset, recipe.zca, zca_spec is not None)
    test = load_images(test_spec, "test")
    zca_from = None if zca_spec is None else load_images(zca_spec, "train")

    def progress(done: int, total: int, score: float) -> None:
        say(f"network {done} of {total}: {100 * score:.1f} %")

    with about(file):
        trial = prepare(dataset, test, recipe, zca_from)
        result = trial.run(repeats, place, progress)
    verdict = None if stored is None else compare(stored, result)
    changes = recipe_changes(dataset.recipe, recipe)
    if as_json:
        click.echo(json.dumps(json_fields(trial, recipe, result, verdict, changes)))
    else:
        _print(file, trial, result, verdict, changes)
    if record is not None:
        _record(file, data, record, _record_fields(dataset.recipe, recipe, result, test_spec))
    if check and verdict is not None and not verdict.reproduced:
        raise click.exceptions.Exit(NOT_REPRODUCED)


def _check_options(nets: str | None, check: bool, record: str | None, ignore_views: bool) -> None:
    """Hold options against each other, and what would fail at the end, before the work; raises InputError."""
    if nets is not None and (check or record is not None):
        raise InputError("--nets: a file states one accuracy, of its own recipe; leave out --check and --record")
    if ignore_views and record is not None:
        raise InputError("--ignore-views: a copy would state an accuracy that its labels did not give; drop --record")
    if record is not None and not Path(record).absolute().parent.is_dir():
        raise InputError(f"{record}: its folder does not exist")


def _means_only(dataset: "DistilledSet", settings: tuple[str, ...]) -> tuple[str, ...]:
    """Settings under which nothing is drawn from the set's priors; raises InputError where it has none."""
    from ddcodec.train.redrawing import MEANS_ONLY

    if getattr(dataset, "priors", None) is None:
        raise InputError("--means-only: the set has no priors, its images are all there is")
    return (*settings, *MEANS_ONLY)


def _stored(fields: Any, check: bool) -> "StoredAccuracy | None":
    """The accuracy a file states; one that means nothing is an error only where it was asked for.

    Raises: InputError.
    """
    from ddcodec.cli.console import say
    from ddcodec.train.reproduction import stored_accuracy

    try:
        stored = stored_accuracy(fields)
    except InputError as error:
        if check:
            raise
        say(f"note: not compared: {error}")
        return None
    if stored is None and check:
        raise InputError("states no accuracy (recipe.accuracy), so there is nothing to check")
    return stored


def json_fields(
    trial: "Trial",
    recipe: "Recipe",
    result: "EvalResult",
    verdict: "Verdict | None",
    changes: dict[str, tuple[Any, Any]],
) -> dict[str, Any]:
    """Everything `eval` knows, as plain values; stored, tolerance and reproduced are null without a stored accuracy."""
    return {
        **vars(result),
        "recipe": recipe.to_dict(),
        "recipe_changed": {name: list(pair) for name, pair in changes.items()},
        "stored": None if verdict is None else vars(verdict.stored),
        "tolerance": None if verdict is None else verdict.tolerance,
        "reproduced": None if verdict is None else verdict.reproduced,
        "notes": list(trial.notes),
        "on_views": trial.views is not None,
    }


def _print(
    file: str,
    trial: "Trial",
    result: "EvalResult",
    verdict: "Verdict | None",
    changes: dict[str, tuple[Any, Any]],
) -> None:
    from ddcodec.cli.console import printable
    from ddcodec.cli.showing import percent

    for note in trial.notes:
        click.echo(printable(f"note: {note}"))
    if changes:
        words = ", ".join(f"{name} {str(old)[:40]} -> {new}" for name, (old, new) in changes.items())
        click.echo(printable(f"note: not the file's own recipe: {words}"))
    each = ", ".join(f"{100 * score:.1f}" for score in result.accuracies)
    count = len(result.accuracies)
    click.echo(f"{file}: accuracy {percent(result)} ({count} network{'s' if count > 1 else ''}: {each})")
    if verdict is not None:
        click.echo(printable(verdict))


def _record_fields(fields: Any, recipe: "Recipe", result: "EvalResult", test_spec: str) -> dict[str, Any]:
    from ddcodec.sources.spec import label_of
    from ddcodec.train.reproduction import record_fields

    return record_fields(fields, recipe, result, label_of(test_spec, "test"))


def _record(file: str, data: bytes, out: str, fields: dict[str, Any]) -> None:
    from ddcodec.cli.console import say
    from ddcodec.format.atomic import write_atomic
    from ddcodec.republish import with_recipe

    with about(file):
        copy = with_recipe(data, fields)
    with about(out):
        write_atomic(out, copy)
    say(f"{out}: {len(copy)} bytes, with accuracy {fields['accuracy']:.4f} on {fields['accuracy_test']}")


COMMANDS = (evaluate,)

"""`eval --nets`: one set under several networks, as a table or as JSON."""

import json
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.images import load_images

if TYPE_CHECKING:
    import torch

    from ddcodec.dataset import DistilledSet
    from ddcodec.train.architectures import Judged


def evaluate_networks(
    file: str,
    dataset: "DistilledSet",
    names: tuple[str, ...],
    specs: tuple[str, str | None],
    repeats: int,
    settings: tuple[str, ...],
    device: "torch.device",
    as_json: bool,
) -> None:
    """Train and test each network, print what they reached.

    Args: specs: texts that name the test images and those that a whitened set was whitened by.
    """
    from ddcodec.cli.console import say
    from ddcodec.train.architectures import check_networks, prepare_all, recipes_for
    from ddcodec.train.whitening import check_whitening

    with about(file):
        recipes = recipes_for(names, dataset.recipe, settings)
        check_networks(recipes, dataset)  # said before the images are loaded
        check_whitening(dataset, next(iter(recipes.values())).zca, specs[1] is not None)
    test = load_images(specs[0], "test")
    zca_from = None if specs[1] is None else load_images(specs[1], "train")

    def progress(name: str, done: int, total: int, score: float) -> None:
        say(f"{name} {done} of {total}: {100 * score:.1f} %")

    with about(file):
        trial = prepare_all(dataset, test, recipes, zca_from)
        judged = trial.run(repeats, device, progress)
    if as_json:
        click.echo(json.dumps({"networks": json_networks(judged), "notes": list(trial.notes)}))
    else:
        _print(file, judged, trial.notes)


def json_networks(judged: "dict[str, Judged]") -> dict[str, Any]:
    """Results by name of the network, as plain values."""
    return {
        name: {
            **vars(one.result),
            "recipe": one.recipe.to_dict(),
            "weights": one.weights,
            "seeds": list(one.seeds),
        }
        for name, one in judged.items()
    }


def _print(file: str, judged: "dict[str, Judged]", notes: tuple[str, ...]) -> None:
    from ddcodec.cli.console import printable, table
    from ddcodec.cli.showing import percent

    for note in notes:
        click.echo(printable(f"note: {note}"))
    rows = []
    for name, one in judged.items():
        recipe, each = one.recipe, ", ".join(f"{100 * score:.1f}" for score in one.result.accuracies)
        training = f"{recipe.epochs} x {recipe.optimizer} {recipe.learning_rate:g}"
        rows.append((name, training, f"{one.weights:,}", each, percent(one.result)))
    columns = ("network", "epochs x rate", "weights", f"seeds 0..{len(one.seeds) - 1}", "accuracy")
    table(file, columns, rows, text_columns=2)

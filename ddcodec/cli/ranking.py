"""The command that scores a file against real images: rank."""

import json
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.images import load_images
from ddcodec.cli.reading import FILE
from ddcodec.cli.running import DATA, DEVICE, SET

if TYPE_CHECKING:
    from ddcodec.train.rank_run import Component, Rank

SCORES = ("hlr", "ior", "lrs", "ars")
PARTS = {
    "real_hard": "all real images, hard labels",
    "distilled_hard": "the set, hard labels",
    "distilled_own": "the set, own recipe",
    "random_own": "random real images, own recipe",
    "distilled_aug": "the set, augmented",
    "random_aug": "random real images, augmented",
    "distilled_noaug": "the set, not augmented",
    "random_noaug": "random real images, not augmented",
}
EXPLANATION = (
    "HLR lower is better, all others higher. All are computed from fractions, which keeps LRS and ARS in 0..1; "
    "percent would not."
)


@click.command()
@FILE
@click.option("--train", "train_spec", required=True, help=f"All real training images: {DATA}, each :train by default.")
@click.option("--test", "test_spec", required=True, help="Real test images, :test by default.")
@click.option("--repeats", default=3, show_default=True, help="Networks for each part.")
@click.option("--nets", metavar="LIST", help="Networks by comma, instead of the recipe's own.")
@click.option("--full-epochs", default=30, show_default=True, help="Epochs on all real images.")
@click.option("--full-repeats", default=1, show_default=True, help="Networks on all real images.")
@click.option("--full-accuracy", type=float, metavar="F", help="Their accuracy, a fraction, instead of training.")
@SET
@DEVICE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rank(
    file: str,
    train_spec: str,
    test_spec: str,
    repeats: int,
    nets: str | None,
    full_epochs: int,
    full_repeats: int,
    full_accuracy: float | None,
    settings: tuple[str, ...],
    device: str,
    as_json: bool,
) -> None:
    """Score FILE against real images: DD-Ranking's HLR, IOR, LRS and ARS, with all accuracies behind them."""
    from ddcodec import pipeline
    from ddcodec.cli.console import say
    from ddcodec.errors import InputError
    from ddcodec.train.networks.names import parse_networks

    wanted = None if nets is None else parse_networks(nets)
    with about(file):
        dataset = pipeline.load(file)
    from ddcodec.train.architectures import check_networks, recipes_for
    from ddcodec.train.device import choose_device
    from ddcodec.train.judging import recipe_of
    from ddcodec.train.rank_run import Effort
    from ddcodec.train.rank_run import rank as score
    from ddcodec.train.real_images import real_images

    effort = Effort(repeats, full_epochs, full_repeats, full_accuracy)
    place = choose_device(device)
    with about(file):
        names = wanted or (recipe_of(dataset.recipe, settings).network,)
        recipes = recipes_for(names, dataset.recipe, settings)
        check_networks(recipes, dataset)
    if full_accuracy is not None and len(names) > 1:
        raise InputError("--full-accuracy is that of one network; expected one in --nets, found " + ", ".join(names))
    train, test = load_images(train_spec, "train"), load_images(test_spec, "test")
    ranks: dict[str, Rank] = {}
    with about(file):
        zca = next(iter(recipes.values())).zca  # what the recipes differ in is the network
        real = real_images(dataset, train, zca)
        zca_from = train if dataset.whitening or zca else None
        for name, recipe in recipes.items():

            def progress(part: str, done: int, total: int, accuracy: float, name: str = name) -> None:
                say(f"{name}, {PARTS[part]}: {done} of {total}: {100 * accuracy:.1f} %")

            ranks[name] = score(dataset, test, real, recipe, effort, place, progress, zca_from)
    if as_json:
        click.echo(json.dumps({"networks": {name: json_rank(one) for name, one in ranks.items()}}))
        return
    for name, one in ranks.items():
        _print(f"{file}: {name}", one)
    click.echo(EXPLANATION)


def json_rank(one: "Rank") -> dict[str, Any]:
    """Scores, components and notes, as plain values; recipe is null for a stated accuracy."""
    components = {
        name: {
            **vars(part.result),
            "images": part.images,
            "recipe": None if part.recipe is None else part.recipe.to_dict(),
            "seeds": list(part.seeds),
            "subset_seeds": list(part.subset_seeds),
        }
        for name, part in one.components.items()
    }
    return {name: getattr(one, name) for name in SCORES} | {"components": components, "notes": list(one.notes)}


def _row(name: str, part: "Component") -> tuple[object, ...]:
    from ddcodec.cli.showing import percent

    training = "stated" if part.recipe is None else f"{part.recipe.epochs} epochs, {part.recipe.augmentation}"
    seeds, chosen = (", ".join(map(str, numbers)) or "-" for numbers in (part.seeds, part.subset_seeds))
    return PARTS[name], training, part.images, seeds, chosen, percent(part.result)


def _print(title: str, one: "Rank") -> None:
    from ddcodec.cli.console import printable, table

    for note in one.notes:
        click.echo(printable(f"note: {note}"))
    columns = ("trained on", "recipe", "images", "seeds", "choices", "accuracy")
    table(title, columns, [_row(name, part) for name, part in one.components.items()], text_columns=2)
    click.echo("  ".join(f"{name.upper()} {getattr(one, name):.4f}" for name in SCORES))


COMMANDS = (rank,)

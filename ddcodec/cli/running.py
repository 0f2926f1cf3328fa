"""Commands around a run: distill, encode."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddcodec.cli.failure import about
from ddcodec.cli.scheduling import distil_in_blocks, merged_file, schedule_options, split_of
from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.format.metadata import Metadata
    from ddcodec.train.config import Config

SET = click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Repeatable.")
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
DATA = "npz:FILE, digits, cifar10:PATH, cifar100:PATH, imagefolder:DIR or hf:NAME"
AUTO = 0
FILLED = 0.97
"""Share of a budget that the file should at least take."""
META_PARTS = ("classes", "norm", "recipe", "provenance")
# What has an option of its own, and where it stands in the configuration.
_SHORTCUTS = {
    "lambda_": ("train", "lambda"),
    "bytes_per_class": ("train", "bytes_per_class"),
    "images_per_class": ("train", "images_per_class"),
    "seed": ("train", "seed"),
    "loss": ("train", "loss"),
    "representation": ("codec", "representation"),
    "checkpoint_every": ("run", "checkpoint_every"),
}


def resolve_config(
    run_dir: Path, file: str | None, settings: tuple[str, ...], given: dict[str, object], resume: bool
) -> "Config":
    """Configuration file (or, on --resume, what the run was started with), then --set, then the options."""
    from ddcodec.train.config import Config, load_config
    from ddcodec.train.rundir import CONFIG

    if file is None and resume and (run_dir / CONFIG).exists():
        file = str(run_dir / CONFIG)
    config = (Config() if file is None else load_config(file)).with_settings(settings)
    config = config.updated({"train": budget_of_kib(given)})
    for name, (section, key) in _SHORTCUTS.items():
        if given.get(name) is not None and (name, given[name]) != ("images_per_class", AUTO):
            config = config.updated({section: {key: given[name]}})
    return config


def count_or_auto(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A whole number from 1 on, or `AUTO`, from what an option was given.

    Raises: click.BadParameter.
    """
    if value is None or value == "auto":
        return None if value is None else AUTO
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a positive integer nor auto")
    return int(value)


def budget_of_kib(given: Mapping[str, object]) -> dict[str, object]:
    """Options of [train] that --kib-per-class stands for, none without it.

    Raises: click.UsageError beside another option that decides the size; InputError for no size.
    """
    kib = given.get("kib_per_class")
    if kib is None:
        return {}
    for name, word in (("bytes_per_class", "--bytes-per-class"), ("lambda_", "--lambda")):
        if given.get(name) is not None:
            raise click.UsageError(f"--kib-per-class and {word} exclude each other")
    assert isinstance(kib, float)
    if not 0 < kib < math.inf:
        raise InputError(f"--kib-per-class: expected a positive number, found {kib:g}")
    return {"bytes_per_class": 1024 * kib, "budget_counts": "file"}


@click.command()
@click.option("--data", help=f"{DATA}, each :train by default; on --resume as before.")
@click.option("--out", required=True, type=click.Path(), help="The run directory.")
@click.option("--config", "config_file", type=click.Path(), help="Options as TOML.")
@SET
@click.option("--lambda", "lambda_", type=float, help="train.lambda: weight of the loss against a bit.")
@click.option("--kib-per-class", type=float, help="Size of the finished file, over classes; metadata and hash count.")
@click.option("--bytes-per-class", type=float, help="train.bytes_per_class: size without metadata and hash.")
@click.option(
    "--images-per-class",
    callback=count_or_auto,
    metavar="N",
    help="train.images_per_class; auto tries what the budget is best spent on.",
)
@click.option("--seed", type=int, help="train.seed.")
@click.option("--loss", help="train.loss: dm, dc, ncfm, tm, mmd, d3 or package.module:Class.")
@click.option("--representation", help="codec.representation: latent, or prior: distributions to draw images from.")
@click.option("--checkpoint-every", type=int, help="run.checkpoint_every: steps.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, or start it if there is none.")
@DEVICE
@schedule_options
def distill(
    data: str | None,
    out: str,
    config_file: str | None,
    settings: tuple[str, ...],
    resume: bool,
    device: str,
    **given: object,
) -> None:
    """Distil real images into a run directory."""
    from ddcodec.cli.console import StepReporter, say
    from ddcodec.cli.memory import MemoryTeller
    from ddcodec.sources.spec import subject_of
    from ddcodec.train.data import load_training_data
    from ddcodec.train.device import choose_device
    from ddcodec.train.images_auto import with_best_count
    from ddcodec.train.loop import default_factory, run
    from ddcodec.train.rundir import RUN, read_json

    run_dir = Path(out)
    config = resolve_config(run_dir, config_file, settings, given, resume)
    if data is None and resume and (run_dir / RUN).exists():
        data = str(read_json(run_dir / RUN).get("data"))
    if data is None:
        raise click.UsageError("--data is missing")
    if config.recipe.factor != 1:
        raise InputError("recipe.factor: distill makes whole images, no mosaics; expected 1")
    split = split_of(run_dir, given, resume)
    place = choose_device("cpu" if split and split.engine == "ray" else device)
    with about(subject_of(data)):
        source = load_training_data(data)
    reporter = StepReporter()
    try:
        with about(out):
            if given["images_per_class"] == AUTO:
                config = with_best_count(config, source, run_dir, place, default_factory(), resume, say)
            if split is not None:
                distil_in_blocks(config, source, run_dir, device, split, resume)
                click.echo(out)
                return
            memory = MemoryTeller(config, source, place)
            run(config, source, run_dir, place, resume, reporter, begin=memory.begin)
    finally:
        reporter.close()
    memory.end()
    if config.train.budget_counts == "file":
        with about(out):
            tell_if_unfilled(run_dir, config)
    click.echo(out)


def tell_if_unfilled(run_dir: Path, config: "Config") -> None:
    """Say so where the images of a run could not make use of its budget."""
    from ddcodec.cli.console import say
    from ddcodec.pipeline import encode_set
    from ddcodec.train.rundir import read_result

    model, metadata, _ = read_result(run_dir)
    size, wanted = len(encode_set(model, metadata, with_hash=True)), config.train.bytes_per_class * len(model.counts)
    if size < FILLED * wanted:
        say(
            f"{run_dir}: the file takes {size} of {wanted:.0f} bytes: {config.train.images_per_class} images per class"
            " cannot use more; ask for more images, or --images-per-class auto"
        )


def chosen_metadata(metadata: "Metadata", wanted: str) -> "Metadata":
    """Metadata cut down to a comma-separated list of `META_PARTS`, "all" or "none".

    Raises: InputError for another word.
    """
    import dataclasses

    from ddcodec.format.metadata import Metadata

    words = META_PARTS if wanted == "all" else () if wanted == "none" else tuple(wanted.split(","))
    unknown = sorted(set(words) - set(META_PARTS))
    if unknown:
        raise InputError(f"--meta {unknown[0]}: expected all, none, or some of {','.join(META_PARTS)}")
    fields = [name for word in words for name in (("mean", "std") if word == "norm" else (word,))]
    return dataclasses.replace(Metadata(), **{name: getattr(metadata, name) for name in fields})


@click.command()
@click.argument("run_dir", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--no-hash", is_flag=True, help="Leave out the content hash (about 45 bytes).")
@click.option("--meta", default="all", show_default=True, help="all, none, or some of " + ",".join(META_PARTS))
def encode(run_dir: str, out: str, no_hash: bool, meta: str) -> None:
    """Write the finished set of RUN_DIR as one file."""
    from ddcodec.format.atomic import write_atomic
    from ddcodec.pipeline import encode_set
    from ddcodec.train.rundir import read_result

    with about(run_dir):
        merged = merged_file(Path(run_dir), lambda found: chosen_metadata(found, meta), not no_hash)
        if merged is None:
            model, metadata, _ = read_result(Path(run_dir))
            metadata = chosen_metadata(metadata, meta)
            merged = encode_set(model, metadata, with_hash=not no_hash), len(model.counts)
    blob, classes = merged
    with about(out):
        write_atomic(out, blob)
    click.echo(f"{out}: {len(blob)} bytes, {len(blob) / classes:.1f} per class")


COMMANDS = (distill, encode)

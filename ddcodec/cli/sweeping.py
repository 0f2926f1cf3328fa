"""The command that draws a rate-utility curve: sweep."""

import shlex
from pathlib import Path

import click

from ddcodec.cli.failure import about
from ddcodec.cli.running import AUTO, DATA, DEVICE, SET, count_or_auto, resolve_config
from ddcodec.errors import InputError

ALL_RIVALS = "real,avif,webp,pixels8,pixels16,pixels32"


def numbers(text: str) -> tuple[float, ...]:
    """Positive numbers from a list with commas.

    Raises: InputError.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--kib-per-class {text}: expected numbers with commas between them") from None


@click.command()
@click.option("--data", required=True, help=f"{DATA}, each :train by default.")
@click.option("--test", "test_spec", required=True, help="The same kinds, each :test by default.")
@click.option("--kib-per-class", "kib", required=True, metavar="K,K,...", help="Budgets: whole file over classes.")
@click.option("--out", required=True, type=click.Path(), help="Folder for runs, files, curve.tsv and curve.png.")
@click.option("--loss", help="train.loss.")
@click.option(
    "--images-per-class", callback=count_or_auto, default="auto", metavar="N", help="Or auto, for each budget anew."
)
@click.option("--repeats", default=3, show_default=True, help="Networks trained for each row.")
@click.option("--rival-repeats", type=int, help="The same for rivals, where it shall differ.")
@click.option("--rivals", default=ALL_RIVALS, show_default=True, help="Measured at equal file bytes; or none.")
@click.option("--config", "config_file", type=click.Path(), help="Options as TOML.")
@SET
@click.option("--seed", type=int, help="train.seed.")
@click.option("--checkpoint-every", type=int, help="run.checkpoint_every: steps.")
@DEVICE
def sweep(
    data: str,
    test_spec: str,
    kib: str,
    out: str,
    loss: str | None,
    images_per_class: int,
    repeats: int,
    rival_repeats: int | None,
    rivals: str,
    config_file: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    checkpoint_every: int | None,
    device: str,
) -> None:
    """Distil at several budgets and draw accuracy against bytes, rivals beside it; started again, it goes on."""
    from ddcodec.cli.console import StepReporter, say, table
    from ddcodec.sources.spec import label_of, load_spec, subject_of
    from ddcodec.train.data import load_training_data
    from ddcodec.train.device import choose_device
    from ddcodec.train.loop import default_factory
    from ddcodec.train.sweep import Plan, Sweep

    given: dict[str, object] = {
        "seed": seed,
        "checkpoint_every": checkpoint_every,
        "images_per_class": images_per_class,
    }
    config = resolve_config(Path(out), config_file, settings, given, False)
    if loss is not None:
        config = config.updated({"train": {"loss": loss}})
    chosen = () if rivals == "none" else tuple(rivals.split(","))
    words = ["--data", label_of(data), "--test", label_of(test_spec, "test"), "--kib-per-class", kib]
    words += ["--loss", config.train.loss, "--repeats", str(repeats), *(w for s in settings for w in ("--set", s))]
    words += [] if rival_repeats is None else ["--rival-repeats", str(rival_repeats)]
    words += ["--images-per-class", "auto" if images_per_class == AUTO else str(images_per_class)]
    command = shlex.join(["ddcodec", "sweep", *words])
    label, auto = label_of(test_spec, "test"), images_per_class == AUTO
    plan = Plan(config, numbers(kib), auto, chosen, repeats, command, label, rival_repeats)
    place = choose_device(device)
    with about(subject_of(data)):
        source = load_training_data(data)
    with about(subject_of(test_spec)):
        test = load_spec(test_spec, "test")
    reporter = StepReporter()

    def note(line: str) -> None:
        reporter.close()
        say(line)

    try:
        with about(out):
            found = Sweep(plan, source, test, Path(out), place, default_factory(), reporter, note).run()
    finally:
        reporter.close()
    columns = ("method", "kib_per_class", "images_per_class", "file_bytes", "accuracy_percent", "std_percent")
    rows = sorted(found.rows, key=lambda row: float(row["kib_per_class"]))
    table("", columns, [[row[name] or "-" for name in columns] for row in rows])


COMMANDS = (sweep,)

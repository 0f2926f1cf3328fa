"""Commands that show files: report, preview, diff."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.reading import FILE

if TYPE_CHECKING:
    from ddcodec.comparison import Comparison
    from ddcodec.differences import Side

DIFFERENT, TROUBLE = 1, 2
_MAX_ROWS = 40


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("-o", "--out", required=True, type=click.Path(), help="The HTML file to write.")
@click.option("--run", "run_dir", type=click.Path(), help="Run of the (only) file; found by itself beside the file.")
@click.option("--title", help="Heading of the page.")
def report(files: tuple[str, ...], out: str, run_dir: str | None, title: str | None) -> None:
    """Write one HTML page about FILE...: images, bits, recipe, hashes; it loads nothing else."""
    from ddcodec.cli.gathering import gather, short_names
    from ddcodec.format.atomic import write_atomic
    from ddcodec.report.page import load_template, render_page

    if run_dir is not None and len(files) > 1:
        raise click.UsageError("--run goes with one FILE; of several, each is looked for beside its file")
    template = load_template()
    run = None if run_dir is None else Path(run_dir)
    found = [gather(file, name, run) for file, name in zip(files, short_names(files), strict=True)]
    page = render_page(template, found, title).encode()
    with about(out):
        write_atomic(out, page)
    click.echo(f"{out}: {len(page)} bytes, {len(files)} file{'s' * (len(files) > 1)}")


@click.command()
@FILE
@click.argument("out", type=click.Path())
@click.option("--class", "wanted", multiple=True, metavar="NAME_OR_NUMBER", help="Only this class; repeatable.")
@click.option("--per-class", type=click.IntRange(1, 50), default=50, show_default=True, help="Images of each class.")
@click.option("--scale", type=click.IntRange(1, 64), help="Enlarge by this factor; by default to about 48 pixels.")
@click.option("--draws", type=click.IntRange(0, 49), default=4, show_default=True, help="Draws of each prior.")
def preview(file: str, out: str, wanted: tuple[str, ...], per_class: int, scale: int | None, draws: int) -> None:
    """Draw the images of FILE as a contact sheet, a row per class, into the PNG file OUT.

    A row of priors shows the image of each one's mean and then some draws of it under seed 0.
    """
    from ddcodec import pipeline
    from ddcodec.export.sheet import MAX_COLUMNS, MAX_ROWS, contact_sheet, png_bytes, with_draws
    from ddcodec.export.stretch import display_levels, stretched
    from ddcodec.format.atomic import write_atomic
    from ddcodec.reading import class_numbers

    with about(file):
        data = pipeline.read_file(file)
        found = pipeline.info(data)
        header, names = found.header, found.metadata.classes
        asked = class_numbers(wanted, names, header.class_count) or list(range(header.class_count))
        chosen = asked[:MAX_ROWS]
        if any(group.priors is not None for group in found.groups):
            per_class = min(per_class, -(-MAX_COLUMNS // (draws + 1)))
        dataset = with_draws(pipeline.decode(data, classes=chosen, per_class=per_class), draws)
        levels, is_stretched = display_levels(dataset)
        picture = contact_sheet(
            stretched(dataset, levels),
            [dataset.class_counts[number] for number in chosen],
            [str(number) if names is None else names[number] for number in chosen],
            scale,
        )
    with about(out):
        write_atomic(out, png_bytes(picture))
    if is_stretched:
        reason = "whitened" if dataset.whitening else "beyond 0..1"
        click.echo(f"ddcodec: {file}: values are {reason}; each channel is stretched to its middle 99 %", err=True)
    if len(chosen) < len(asked):
        click.echo(f"ddcodec: {file}: the first {len(chosen)} of {len(asked)} classes are drawn", err=True)
    click.echo(f"{os.fspath(out)}: {picture.width}x{picture.height} pixels, {len(dataset)} images")


@contextmanager
def _trouble() -> Iterator[None]:
    """Errors that end with 1 elsewhere end with 2 here, as 1 says that files differ."""
    try:
        with about(""):
            yield
    except click.exceptions.Exit as ending:
        raise click.exceptions.Exit(TROUBLE if ending.exit_code == DIFFERENT else ending.exit_code) from None


def _side(file: str) -> "Side":
    from ddcodec import pipeline
    from ddcodec.comparison import open_side

    with about(file):
        return open_side(bytes(pipeline.read_file(file)))


@click.command()
@click.argument("left", metavar="A", type=click.Path())
@click.argument("right", metavar="B", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def diff(left: str, right: str, as_json: bool) -> None:
    """Say what differs between the files A and B, section by section.

    Exits with 0 where nothing differs, 1 where something does, 2 for a file that cannot be read, 65 for a damaged one.
    """
    with _trouble():
        from ddcodec.comparison import as_fields, compare

        found = compare(_side(left), _side(right))
        if as_json:
            click.echo(json.dumps(as_fields(found)))
        else:
            print_comparison(found, left, right)
    if not found.same:
        raise click.exceptions.Exit(DIFFERENT)


def print_comparison(found: "Comparison", left: str, right: str) -> None:
    """A line that says it all, then a table for each part that differs."""
    words = "the same" if found.same else "the same content in different files" if found.same_content else "different"
    click.echo(f"{left} and {right}: {words}")
    for title, column, changes in (
        ("header", "field", found.header),
        ("sections, bytes", "section", found.sections),
        ("metadata", "key", found.metadata),
        ("labels", "field", found.labels),
        ("networks", "field", found.networks),
    ):
        _table(title, (column, "A", "B"), [(c.name, _cell(c.left), _cell(c.right)) for c in changes])
    for title, arrays in (("label values", found.label_values), ("tensors", found.tensors)):
        rows = [(a.name, a.values, a.differing, a.greatest) for a in arrays]
        _table(title, ("array", "values", "differing", "by up to"), rows)
    rows_of_views = [
        (r.rows, r.differing, f"{r.greatest:.4g}", r.absent, "infinite" if r.mean_kl is None else f"{r.mean_kl:.4g}")
        for r in found.label_rows
    ]
    title = "".join(f"soft labels of views (divergence at temperature {r.temperature:g})" for r in found.label_rows)
    _table(title, ("rows", "differing", "by up to", "absent from one", "mean divergence, nats"), rows_of_views)
    latents = [(c.number, c.left_bits, c.right_bits, _cell(c.values), _cell(c.differing)) for c in found.latents]
    _table("latents", ("class", "bits of A", "bits of B", "values", "differing"), latents)
    measured = [
        (
            *("all" if c.number is None else c.number, c.images, c.differing),
            *(f"{c.greatest:.4g}", f"{c.mean:.2f}", _decibels(c.psnr)),
        )
        for c in found.pixels
    ]
    _table("pixels", ("class", "images", "differing", "by up to", "by on average", "PSNR dB"), measured)
    for note in found.notes[:_MAX_ROWS]:
        click.echo(note)
    _left_out(len(found.notes))


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The first rows of a table, if there are any."""
    from ddcodec.cli.console import table

    if rows:
        table(title, columns, rows[:_MAX_ROWS])
        _left_out(len(rows))


def _left_out(count: int) -> None:
    if count > _MAX_ROWS:
        click.echo(f"... {count - _MAX_ROWS} more; --json lists all")


sheet = click.Command("sheet", params=preview.params, callback=preview.callback, help=preview.help, hidden=True)
"""What `preview` was called before."""

COMMANDS: tuple[click.Command, ...] = (report, preview, sheet, diff)

"""Commands that read a file and need no torch: decode, verify."""

import click

from ddcodec.cli.failure import about
from ddcodec.export.kinds import KINDS

FILE = click.argument("file", type=click.Path())  # or a URL


@click.command()
@FILE
@click.argument("out", type=click.Path())
@click.option("--to", "kind", type=click.Choice(KINDS), default="png", show_default=True)
@click.option("--class", "wanted", multiple=True, metavar="NAME_OR_NUMBER", help="Only this class; repeatable.")
@click.option("--per-class", type=click.IntRange(min=1), metavar="N", help="Only the first N images of a class.")
@click.option("--samples-per-class", "samples", type=int, metavar="N", help="Draw N images of each class from priors.")
@click.option("--seed", type=int, metavar="S", help="Of the draws, 0 .. 2^64 - 1; 0 by default.")
def decode(
    file: str,
    out: str,
    kind: str,
    wanted: tuple[str, ...],
    per_class: int | None,
    samples: int | None,
    seed: int | None,
) -> None:
    """Decode FILE (a path or URL) into OUT: a folder of PNG files, or one file of arrays.

    Of a file of priors these are the images of their means, or, with --samples-per-class, images drawn from them.
    """
    from ddcodec import pipeline
    from ddcodec.export.kinds import write

    if seed is not None and samples is None:
        raise click.UsageError("--seed goes with --samples-per-class")
    with about(file):
        dataset = pipeline.load(file, classes=wanted or None, per_class=per_class)
        views = dataset.label_views
        if samples is not None:
            dataset = dataset.sampled(samples, seed or 0)
    with about(out):
        write(dataset, out, kind)
    if kind == "png" and dataset.whitening:
        click.echo("note: the images are whitened; what does not fit 0..1 was cut off (--to npz keeps it)", err=True)
    if views is not None:
        click.echo(
            f"note: {kind} has no place for the {len(views):,} soft labels of views, which stay behind "
            "(ddcodec labels unpack writes them)",
            err=True,
        )
    click.echo(f"{out}: {len(dataset)} images")


@click.command()
@FILE
def verify(file: str) -> None:
    """Check every checksum, decode everything, compare the content hash."""
    from ddcodec import pipeline

    with about(file):
        report = pipeline.verify(file)
    state = "content hash right" if report.hash_stored else "no content hash in the file"
    sections = " ".join(report.sections)
    click.echo(f"{file}: intact: {report.images} images, {sections}, {state} ({report.content_hash.hex()})")


COMMANDS = (decode, verify)

"""Commands that read a file and need no torch: decode, verify, sheet."""

import os
from collections.abc import Sequence

import click

from ddcodec.cli.failure import about
from ddcodec.errors import InputError

FILE = click.argument("file", type=click.Path())


def class_numbers(wanted: Sequence[str], names: Sequence[str] | None, count: int) -> list[int] | None:
    """Numbers of the classes a user asked for by name or number (a name wins); None where nobody asked.

    Raises: InputError for what is neither.
    """
    found = []
    for text in wanted:
        if names is not None and text in names:
            found.append(list(names).index(text))
        elif text.isascii() and text.isdigit() and int(text) < count:
            found.append(int(text))
        else:
            raise InputError(f"has no class {text!r}; expected a name or 0..{count - 1}")
    return sorted(set(found)) or None


@click.command()
@FILE
@click.argument("out", type=click.Path())
@click.option("--to", "kind", type=click.Choice(["png", "npz", "pt", "safetensors"]), default="png", show_default=True)
@click.option("--class", "wanted", multiple=True, metavar="NAME_OR_NUMBER", help="Only this class; repeatable.")
def decode(file: str, out: str, kind: str, wanted: tuple[str, ...]) -> None:
    """Decode FILE into OUT: a folder of PNG files, or one file of arrays."""
    from ddcodec import pipeline
    from ddcodec.export.png import write_png_folder
    from ddcodec.export.tensors import write_tensors

    with about(file):
        data = pipeline.read_file(file)
        chosen = None
        if wanted:
            found = pipeline.info(data)
            chosen = class_numbers(wanted, found.metadata.classes, found.header.class_count)
        dataset = pipeline.decode(data, classes=chosen)
    with about(out):
        if kind == "png":
            write_png_folder(dataset, out)
        else:
            write_tensors(dataset, out, kind)
    click.echo(f"{out}: {len(dataset)} images")


@click.command()
@FILE
def verify(file: str) -> None:
    """Check every checksum, decode everything, compare the content hash."""
    from ddcodec import pipeline

    with about(file):
        report = pipeline.verify(pipeline.read_file(file))
    state = "content hash right" if report.hash_stored else "no content hash in the file"
    sections = " ".join(report.sections)
    click.echo(f"{file}: intact: {report.images} images, {sections}, {state} ({report.content_hash.hex()})")


@click.command()
@FILE
@click.argument("out", type=click.Path())
def sheet(file: str, out: str) -> None:
    """Draw the images of FILE as a contact sheet, a row per class, into the PNG file OUT."""
    import numpy as np

    from ddcodec import pipeline
    from ddcodec.export.sheet import contact_sheet, png_bytes
    from ddcodec.format.atomic import write_atomic

    with about(file):
        dataset = pipeline.load(file)
        images = dataset.pixels.astype(np.float32) / np.float32(dataset.peak)
        picture = contact_sheet(images, dataset.class_counts, dataset.classes)
    with about(out):
        write_atomic(out, png_bytes(picture))
    click.echo(f"{os.fspath(out)}: {picture.width}x{picture.height} pixels")


COMMANDS = (decode, verify, sheet)

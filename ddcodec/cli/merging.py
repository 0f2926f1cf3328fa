"""Commands around blocks of classes: merge, split."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddcodec.cli.failure import about
from ddcodec.errors import DdzError, InputError

if TYPE_CHECKING:
    from ddcodec.merging.coded_file import CodedFile


def opened(file: str) -> "CodedFile":
    """A file at a path or URL, taken apart; a failure is about this file."""
    from ddcodec.limits import Limits
    from ddcodec.merging.coded_file import take_apart
    from ddcodec.pipeline import read_file

    with about(file):
        return take_apart(read_file(file), file, Limits())


def refuse_block(out: str) -> None:
    """Insist that OUT is no block that somebody forgot to name an output after.

    Raises: InputError.
    """
    from ddcodec.limits import Limits
    from ddcodec.merging.coded_file import take_apart
    from ddcodec.merging.notes import BLOCKS

    path = Path(out)
    try:
        found = take_apart(path.read_bytes(), out, Limits()) if path.is_file() else None
    except (DdzError, OSError):
        return  # no .ddz: replaced, or refused by whoever writes it
    if found is not None and BLOCKS not in found.provenance:
        raise InputError(f"{out}: exists and is no merged file; the last argument is the output, is it missing?")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="BLOCK... OUT")
@click.option("--partial", is_flag=True, help="Merge what there is, even if classes of the whole set are missing.")
@click.option("--in-order", is_flag=True, help="Take the files in their order, whatever they say about a whole set.")
@click.option("--take-metadata-of", "metadata_of", metavar="BLOCK", help="Whose mean and std hold where they differ.")
def merge(files: tuple[str, ...], partial: bool, in_order: bool, metadata_of: str | None) -> None:
    """Put the files of blocks of classes together as OUT, without coding an image again."""
    from ddcodec.cli.console import say
    from ddcodec.format.atomic import write_atomic
    from ddcodec.merging.merge import merge as merge_files

    *blocks, out = files
    if not blocks:
        raise click.UsageError("expected the files of blocks, then the file to be written")
    if any(Path(block).resolve() == Path(out).resolve() for block in blocks):
        raise InputError(f"{out}: is one of the blocks; the last argument is the file to be written")
    refuse_block(out)
    parts = [opened(block) for block in blocks]
    merged = merge_files(parts, partial=partial, in_order=in_order, metadata_of=metadata_of)
    with about(out):
        write_atomic(out, merged.data)
    for note in merged.notes:
        say(f"{out}: {note}")
    classes = sum(part.header.class_count for part in parts)
    click.echo(f"{out}: {len(merged.data)} bytes, {classes} classes from {len(parts)} blocks")


@click.command()
@click.argument("file", type=click.Path())
@click.argument("folder", type=click.Path())
def split(file: str, folder: str) -> None:
    """Write the blocks of a merged FILE, or its groups of networks, as FOLDER/block-000.ddz and so on."""
    from ddcodec.cli.console import say
    from ddcodec.format.atomic import write_atomic
    from ddcodec.merging.split import split as split_file

    part = opened(file)
    with about(file):
        blocks, notes = split_file(part)
    target = Path(folder)
    with about(folder):
        target.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(blocks):
            write_atomic(target / f"block-{number:03d}.ddz", data)
    for note in notes:
        say(f"{file}: {note}")
    click.echo(f"{folder}: {len(blocks)} files")


COMMANDS = (merge, split)

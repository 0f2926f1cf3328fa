"""Commands that print tables: info, validate, demo."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.reading import FILE

if TYPE_CHECKING:
    from ddcodec.inspection import Info
    from ddcodec.train.demo import DemoReport
    from ddcodec.train.evaluate import EvalResult
    from ddcodec.validate import ValidationReport

OUT_OF_TOLERANCE = 3
_MAX_PRIOR_LINES = 10


def info_fields(found: "Info") -> dict[str, Any]:
    """Everything `info` knows, as plain values."""
    header, metadata = found.header, found.metadata
    names = ("classes", "mean", "std", "recipe", "provenance", "whitening", "extra")
    known = {name: getattr(metadata, name) for name in names if getattr(metadata, name)}
    return {
        "file_bytes": found.file_bytes,
        "bytes_per_class": found.file_bytes / header.class_count,
        "bits_per_image": found.bits_per_image if header.image_count else None,
        "bits_per_pixel": found.bits_per_pixel if header.image_count else None,
        "version": f"1.{header.minor}",
        "shape": header.shape._asdict(),
        "class_count": header.class_count,
        "counts": list(header.counts),
        "groups": header.group_count,
        "representation": found.representation,
        "priors": prior_fields(found),
        "overhead_bytes": found.overhead_bytes,
        "section_bytes": found.section_bytes,
        "class_bytes": list(found.class_bytes),
        "labels": label_fields(found),
        "metadata": known,
    }


def prior_fields(found: "Info") -> list[dict[str, Any]] | None:
    """What is said about each group of priors, or None where there is none.

    latent_bytes: streams of means and log-scales; decoder_bytes: the decoder, and the tables that they are coded under.
    """
    header, fields = found.header, []
    for number, group in enumerate(found.groups):
        if group.priors is None:
            continue
        members = [c for c, used in enumerate(header.group_of_class) if used == number]
        sizes = {
            "latent_bytes": sum(found.class_bytes[c] for c in members),
            "decoder_bytes": group.blob_bytes,
            "decoder_weights": group.priors.weight_count(header.shape) - 4 * group.priors.dimensions,
        }
        counts = {"classes": len(members), "priors": sum(header.counts[c] for c in members)}
        fields.append({"group": number, **counts, "dimensions": group.priors.dimensions, **sizes})
    return fields or None


def print_priors(found: "Info") -> None:
    """A line for each of the first groups of priors, if there are any."""
    fields = prior_fields(found) or []
    for group in fields[:_MAX_PRIOR_LINES]:
        click.echo(
            f"priors of networks {group['group']}: {group['priors']} of {group['classes']} classes, "
            f"{group['dimensions']} dimensions, {group['latent_bytes']:,} bytes; "
            f"decoder of {group['decoder_weights']:,} weights, {group['decoder_bytes']:,} bytes"
        )
    if len(fields) > _MAX_PRIOR_LINES:
        click.echo(f"... {len(fields) - _MAX_PRIOR_LINES} more groups of priors; --json lists all")


def label_fields(found: "Info") -> dict[str, Any] | None:
    """What is said about rows of soft labels, or None."""
    head = found.label_head
    if head is None:
        return None
    words = {name: getattr(head, name) for name in ("kind", "views", "rows", "reuse", "loss", "hard_known")}
    numbers = {"temperature": head.temperature or None, "hard_weight": head.hard_weight, "blocks": head.block_count}
    sizes = {"bytes": found.section_bytes["SOFT"], "bits_per_label": found.bits_per_label}
    return {"mode": found.label_mode, **words, **numbers, **sizes, "view_bytes": found.section_bytes.get("VIEW", 0)}


def print_labels(found: "Info") -> None:
    """A line on rows of soft labels, if there are any."""
    fields, head = label_fields(found), found.label_head
    if fields is None or head is None:
        return
    views = f"{head.views} views each" if head.views else "listed"
    hints = [f"temperature {head.temperature:g}"] if head.temperature else []
    hints += [f"loss {head.loss}"] if head.loss != "unstated" else []
    click.echo(
        f"soft labels: {head.rows:,} rows of {head.kind} ({views}), {found.label_mode}, "
        f"{fields['bits_per_label']:.1f} bits each, reuse {head.reuse}" + "".join(f", {hint}" for hint in hints)
    )
    if "VIEW" in found.section_bytes:
        click.echo(f"views: {8 * found.section_bytes['VIEW'] / head.rows:.3g} bits each")


@click.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def info(file: str, as_json: bool) -> None:
    """Show header, metadata, and bits by section and class, without decoding."""
    from ddcodec.inspection import info as inspect  # without the decoder, which takes longer to import than this takes

    with about(file):
        found = inspect(file)
    fields = info_fields(found)
    if as_json:
        click.echo(json.dumps(fields))
        return
    from ddcodec.cli.console import printable, table

    header, shape = found.header, found.header.shape
    noun = (
        "samples (labels alone)"
        if not found.class_bytes
        else "priors"
        if found.representation == "priors"
        else "images"
    )
    click.echo(
        f"{file}: {found.file_bytes} bytes, {header.image_count} {noun} of {header.class_count} classes, "
        f"{shape.channels}x{shape.height}x{shape.width}, {fields['bytes_per_class']:.1f} bytes per class"
    )
    for name, value in fields["metadata"].items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {part}" for key, part in value.items())
        elif isinstance(value, tuple):
            value = ", ".join(map(str, value))
        click.echo(f"{name}: {printable(value)}")
    if found.representation is not None:
        click.echo(f"representation: {found.representation}")
    print_priors(found)
    print_labels(found)
    parts = [("header", found.overhead_bytes), *found.section_bytes.items()]
    share = [(kind, size, 8 * size, f"{size / found.file_bytes:.1%}") for kind, size in parts]
    table("", ("section", "bytes", "bits", "share"), share)
    if not found.class_bytes:
        return
    names = found.metadata.classes or tuple(map(str, range(header.class_count)))
    rows = zip(names, header.counts, found.class_bytes, header.group_of_class, strict=True)
    table(
        "",
        ("class", "images", "latent bits", "bits per image", "networks"),
        [(n, c, 8 * size, f"{8 * size / c:.1f}" if c else "-", group) for n, c, size, group in rows],
    )


def print_sizes(report: "ValidationReport") -> None:
    """The table of `validate`."""
    from ddcodec.cli.console import table

    rows = []
    for row in report.rows:
        training = "-" if row.training_bits is None else f"{row.training_bits:.0f}"
        excess = 8 * row.actual_bytes - row.ideal_bits
        rows.append((row.section, training, f"{row.ideal_bits:.0f}", 8 * row.actual_bytes, f"{excess:+.0f}"))
    total = (f"{8 * report.training_bytes:.0f}", f"{8 * report.ideal_bytes:.0f}", 8 * report.file_bytes)
    rows.append(("file", *total, f"{8 * (report.file_bytes - report.ideal_bytes):+.0f}"))
    table("bits", ("section", "training", "integer model", "file", "file - model"), rows)


def _validate_rows(file: str) -> None:
    """What `validate` says of labels that no run made."""
    from ddcodec.cli.console import table
    from ddcodec.label_validation import validate_rows
    from ddcodec.reading import read_file

    with about(file):
        report = validate_rows(read_file(file))
    bits = report.ideal_bits
    columns = ("section", "rows", "integer model", "file", "file - model")
    table("bits", columns, [("SOFT", report.rows, f"{bits:.0f}", 8 * report.actual_bytes, f"{-report.error:+.3%}")])
    if report.problem is not None:
        click.echo(f"ddcodec: {file}: {report.problem}", err=True)
        raise click.exceptions.Exit(OUT_OF_TOLERANCE)
    click.echo(f"{file}: {report.mode} labels of {report.actual_bytes} bytes, the model is {report.error:+.3%} off")


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[RUN_DIR] FILE")
def validate(paths: tuple[str, ...]) -> None:
    """Hold the size of FILE against the estimates of RUN_DIR; exits with 3 beyond tolerance.

    Without RUN_DIR, rows of soft labels are held against the distributions that they are coded under.
    """
    if len(paths) == 1:
        _validate_rows(paths[0])
        return
    if len(paths) != 2:
        raise click.UsageError(f"expected RUN_DIR and FILE, or FILE alone; found {len(paths)} arguments")
    run_dir, file = paths
    from ddcodec import pipeline
    from ddcodec.train.rundir import read_result
    from ddcodec.validate import validate as hold

    with about(run_dir):
        model, _, estimate = read_result(Path(run_dir))
    with about(file):
        report = hold(model, estimate, pipeline.read_file(file))
    print_sizes(report)
    for problem in report.problems:
        click.echo(f"ddcodec: {file}: {problem}", err=True)
    if not report.ok:
        raise click.exceptions.Exit(OUT_OF_TOLERANCE)
    click.echo(
        f"{file}: {report.file_bytes} bytes, within tolerance ({report.allowed_bytes:.0f}); "
        f"training's estimate is {report.training_error:+.2%} off"
    )


def percent(result: "EvalResult") -> str:
    """Mean and deviation of an accuracy."""
    spread = f" +- {100 * result.std:.1f}" if len(result.accuracies) > 1 else ""
    return f"{100 * result.mean:.1f}{spread} %"


def print_demo(report: "DemoReport") -> None:
    """The demo's closing table."""
    from ddcodec.cli.console import table

    sizes, rival = report.sizes, report.rival
    rows = [
        ("file", f"{sizes.file_bytes} bytes, {sizes.file_bytes / report.classes:.1f} per class"),
        ("bits: training's estimate", f"{8 * sizes.training_bytes:.0f} ({sizes.training_error:+.2%})"),
        ("bits: integer model", f"{8 * sizes.ideal_bytes:.0f}"),
        ("bits: file", f"{8 * sizes.file_bytes}"),
        (f"accuracy: {report.images} decoded images", percent(report.accuracy)),
        (
            f"accuracy: {rival.images_per_class * report.classes} random real images, "
            f"same codec, {rival.file_bytes} bytes",
            percent(rival.accuracy),
        ),
        (f"accuracy: all {report.full_images} real images", percent(report.full)),
    ]
    table("digits, distilled, coded, decoded", ("", "result"), rows)
    click.echo(f"file           {report.file}")  # as lines, so that a long path stays in one piece
    click.echo(f"decoded        {report.pictures}")
    click.echo(f"contact sheet  {report.sheet}")


@click.command()
@click.option("--out", type=click.Path(), default="demo-out", show_default=True, help="Folder for the results.")
@click.option("--device", default="auto", show_default=True)
def demo(out: str, device: str) -> None:
    """Do the whole job on bundled digits: distil, encode, decode, evaluate (about a minute)."""
    from ddcodec.cli.console import StepReporter, say
    from ddcodec.train.demo import run_demo
    from ddcodec.train.device import choose_device

    reporter = StepReporter()

    def note(line: str) -> None:
        reporter.close()
        say(line)

    with about(out):
        report = run_demo(Path(out), choose_device(device), reporter, note)
    sys.stderr.flush()
    print_demo(report)


COMMANDS = (info, validate, demo)

"""The command that takes in other projects' sets: import."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.import_options import options_of

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet
    from ddcodec.sources.adopt import Deviation
    from ddcodec.sources.foreign import ForeignSet
    from ddcodec.train.outcome import Result

NOTES = "import.json"
LABELS = ("hard", "logits", "probs", "scores")


@click.command("import")
@click.argument("source", metavar="FILE_OR_DIR", type=click.Path())
@click.argument("labels_file", required=False, type=click.Path())
@click.argument("lr_file", required=False, type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(), help="A file *.ddz, or a folder for the run.")
@click.option("--as", "layout", metavar="LAYOUT", help="Force a layout instead of going by structure.")
@click.option("--exp", type=int, default=-1, show_default=True, help="Entry of a file with several sets or steps.")
@click.option("--lr", type=float, help="The learned learning rate.")
@click.option(
    "--normalize", metavar="NAME", help="What the tensors were normalised with, such as mtt-cifar10; or none."
)
@click.option("--mean", metavar="A,B,C", help="The same in numbers, one per channel.")
@click.option("--std", metavar="A,B,C", help="Goes with --mean.")
@click.option("--zca-from", metavar="TEXT", help="Images are whitened; TEXT says what that was fitted on; or none.")
@click.option("--factor", type=int, help="Images are mosaics of F x F (IDC, NCFM).")
@click.option("--decode-type", metavar="WORD", help="How mosaics are cut: single.")
@click.option("--labels", type=click.Choice(LABELS), help="What the labels are.")
@click.option("--unsorted", is_flag=True, help="Accept soft labels that are not sorted by class.")
@click.option("--classes", metavar="A,B,C", help="Class names; @FILE has one in each line.")
@click.option("--protocol", metavar="NAME", help="How that project trains on its sets: dc, dsa, dm or mtt.")
@click.option("--recipe", multiple=True, metavar="KEY=VALUE", help="How to train on the set; repeatable.")
@click.option("--dataset", metavar="TEXT", help="What the set was distilled from, for the provenance.")
@click.option("--bits", type=int, help="Steps of the values, 4..16 bits over their range.  [default: 8]")
@click.option("--max-error", type=float, help="Greatest rounding error instead, in units of the tensors.")
@click.option("--label-bits", type=int, default=8, show_default=True, help="The same for soft labels.")
@click.option("--exact/--lossy", default=True, show_default=True, help="Keep every integer, or fit a budget.")
@click.option("--bytes-per-class", type=float, help="Budget of --lossy.")
@click.option("--lambda", "lambda_", type=float, help="Weight of a bit instead of a budget, for --lossy.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_(source: str, labels_file: str | None, lr_file: str | None, out: str, as_json: bool, **given: Any) -> None:
    """Take in another project's distilled set: its tensors, arrays, table or folder of images.

    LABELS_FILE and LR_FILE belong to a bare tensor of images; without them they are looked for beside it.
    """
    from ddcodec.cli.console import printable, say
    from ddcodec.sources.adopt import adopt, measure
    from ddcodec.sources.detect import read_foreign

    _check_budget(given)
    with about(source):
        options = options_of(given, labels_file, lr_file)
        foreign = read_foreign(source, options)
        facts = _provenance(source, foreign.layout, given["dataset"])
        grid = {name: given[name] for name in ("bits", "max_error", "label_bits")}
        dataset = adopt(foreign, **grid, provenance=facts)
        off = measure(foreign, dataset)
    asked = {name: value for name, value in given.items() if value not in (None, False, ())}
    report = _report(source, foreign, dataset, off) | {"options": asked}
    with about(out):
        size = _write(dataset, out, report, given)
    for note in foreign.notes:
        say(f"note: {printable(note)}")
    if as_json:
        click.echo(json.dumps({"out": out, "bytes": size, **report}))
        return
    click.echo(
        f"{out}: {size} bytes, {size / dataset.class_count:.1f} per class; {len(dataset)} images of "
        f"{dataset.class_count} classes, layout {foreign.layout}, {foreign.domain}; {in_words(off, dataset.peak)}"
    )


def _check_budget(given: dict[str, Any]) -> None:
    lossy = [name for name in ("bytes_per_class", "lambda_") if given[name] is not None]
    if given["exact"] and lossy:
        raise click.UsageError(f"--{lossy[0].strip('_').replace('_', '-')} goes with --lossy")
    if not given["exact"] and len(lossy) != 1:
        raise click.UsageError("--lossy needs --bytes-per-class or --lambda")


def in_words(off: "Deviation", peak: int) -> str:
    """What rounding to the grid did, in units of the tensors given."""
    if off.greatest == 0:
        return "every value kept"
    text = f"rounded to 1/{peak}: greatest error {off.greatest:.3g}, rms {off.rms:.3g}"
    if off.soft_greatest is not None:
        text += f"; soft labels {off.soft_greatest:.3g}, rms {off.soft_rms:.3g}"
    return text


def _provenance(source: str, layout: str, dataset: str | None) -> dict[str, Any]:
    import ddcodec
    from ddcodec.sources.digest import digest_of

    name = os.path.basename(os.path.normpath(source))
    return {
        "dataset": dataset or f"import:{name}",
        "version": ddcodec.__version__,
        "imported_from": name,
        "layout": layout,
        "source_sha256": digest_of(Path(source))[:16],
    }


def _report(source: str, foreign: "ForeignSet", dataset: "DistilledSet", off: "Deviation") -> dict[str, Any]:
    from ddcodec.sources.digest import digest_of

    read = (Path(os.path.normpath(source)), *foreign.files)
    return {
        "layout": foreign.layout,
        "domain": foreign.domain,
        "images": len(dataset),
        "class_count": dataset.class_count,
        "shape": list(dataset.pixels.shape[1:]),
        "peak": dataset.peak,
        **{name: value for name, value in vars(off).items() if value is not None},
        "soft_kind": foreign.soft_kind,
        "recipe": dict(dataset.recipe),
        "notes": list(foreign.notes),
        "sources": {path.name: digest_of(path) for path in read},
    }


def _write(dataset: "DistilledSet", out: str, report: dict[str, Any], given: dict[str, Any]) -> int:
    """Write the file, or the run directory that `encode` makes it from; how many bytes the file has."""
    from ddcodec.export.folder import new_folder
    from ddcodec.format.atomic import write_atomic
    from ddcodec.pipeline import encode_set, metadata_of
    from ddcodec.train.imported import exact_result
    from ddcodec.train.rundir import write_json, write_result

    result = exact_result(dataset) if given["exact"] else _fitted(dataset, given)
    blob = encode_set(result.model, metadata_of(dataset), with_hash=True)
    if out.endswith(".ddz"):
        write_atomic(out, blob)
    else:
        with new_folder(out) as folder:
            write_result(folder, result, dataset.provenance)
            write_json(folder / NOTES, report)
    return len(blob)


def _fitted(dataset: "DistilledSet", given: dict[str, Any]) -> "Result":
    from ddcodec.cli.console import StepReporter
    from ddcodec.train.imported import fit_set

    reporter = StepReporter()
    try:
        return fit_set(dataset, given["bytes_per_class"], given["lambda_"], reporter)
    finally:
        reporter.close()


COMMANDS: tuple[click.Command, ...] = (import_,)

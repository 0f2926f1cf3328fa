"""`ddcodec labels relabel`: soft labels of a set's images from a teacher."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.label_options import codec_options
from ddcodec.cli.labels_per_sample import per_sample_options, relabel_samples
from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.train.label_packing import Packed
    from ddcodec.views.generator import ViewGenerator


@click.command()
@click.argument("source", type=click.Path(), metavar="RUN_DIR_OR_FILE")
@click.option("--teacher", type=click.Path(), help="Weights: .safetensors, .pt, a run's pool or experts.")
@click.option("--views", type=int, help="Augmented views of each image.")
@per_sample_options
@click.option("--out", type=click.Path(), help="Set with these labels  [default: RUN_DIR/labelled.ddz]")
@click.option("--network", default="convnet", show_default=True, help="Of bare weights.")
@click.option("--norm", help="Of bare weights, as in a recipe.")
@click.option("--stages", type=int, default=1, show_default=True, help="Networks of a pool that are stages of one.")
@click.option("--crop", type=float, nargs=2, default=(0.08, 1.0), show_default=True, help="Least and greatest area.")
@click.option("--flip", type=float, default=0.5, show_default=True, help="Probability of a mirrored view.")
@click.option("--mix", type=click.Choice(["none", "cutmix", "mixup"]), default="cutmix", show_default=True)
@click.option("--device", default="auto", show_default=True)
@codec_options
@click.option("--work", type=click.Path(), help="Folder for what is done so far  [default: OUT.partial]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def relabel(source: str, out: str | None, as_json: bool, **options: Any) -> None:
    """Issue soft labels of the decoded images and write the set with them.

    The views come from a generator that the file states in about 18 bytes, however many there are. A run that was
    stopped goes on where it was, if it is called in the same way. With --per-sample each image gets a single label,
    seen as it is: softmax(logits / temperature) of --teacher, or of one that --train-teacher makes.
    """
    from ddcodec.cli.label_packing import report_pack

    place = Path(source)
    if out is None and not place.is_dir():
        raise click.UsageError("--out: needed where the source is a file")
    target = Path(out) if out is not None else place / "labelled.ddz"
    if options["per_sample"]:
        with about(source):
            return relabel_samples(_set_bytes(place), target, options, as_json)
    _check_views(options)
    with about(source):
        packed, size, seconds = _issue(place, target, options)
    report_pack(packed, size, seconds, str(target), as_json, alone=False)


def _check_views(options: dict[str, Any]) -> None:
    """See that what labels of views need is there, and nothing that only labels of samples have."""
    for name in ("teacher", "views"):
        if options[name] is None:
            raise click.UsageError(f"Missing option '--{name}'.")
    for name in ("train_teacher", "teacher_test", "teacher_out", "settings"):
        if options[name]:
            word = "--set" if name == "settings" else f"--{name.replace('_', '-')}"
            raise InputError(f"{word}: only --per-sample has a use for it")


def _set_bytes(place: Path) -> bytes:
    """The set of a finished run, or a file."""
    from ddcodec.pipeline import encode_set, read_file

    if not place.is_dir():
        return read_file(place)
    from ddcodec.train.rundir import read_result

    model, metadata, _ = read_result(place)
    return encode_set(model, metadata)


def _generator(options: dict[str, Any]) -> "ViewGenerator":
    from ddcodec.views.generator import ONE, ViewGenerator

    least, most = options["crop"]
    if not 0 < least <= most <= 1 or not 0 <= options["flip"] <= 1:
        raise InputError(f"--crop, --flip: shares from 0 to 1 expected, found {least}, {most}, {options['flip']}")
    areas = (max(1, round(least * ONE)), round(most * ONE))
    return ViewGenerator(
        options["seed"],
        *areas,
        flip_probability=round(options["flip"] * ONE),
        mix=options["mix"],
        distribution="beta-0.8" if options["mix"] == "mixup" else "uniform",
    )


def _issue(place: Path, target: Path, options: dict[str, Any]) -> "tuple[Packed, int, float]":
    from ddcodec.cli.console import StepReporter
    from ddcodec.cli.label_packing import pack_options
    from ddcodec.codecs.view_section import GENERATOR, encode_generator
    from ddcodec.label_files import write_with_labels
    from ddcodec.reading import decode
    from ddcodec.train.device import choose_device
    from ddcodec.train.label_issuing import TeacherSource
    from ddcodec.train.label_packing import LabelPacking
    from ddcodec.train.recipe import Recipe
    from ddcodec.train.teachers import read_teacher

    start = time.perf_counter()
    chosen, generator = pack_options(options), _generator(options)
    if options["views"] < 1:
        raise InputError(f"--views: expected at least 1, found {options['views']}")
    data = _set_bytes(place)
    found = decode(data)
    if found.whitening or found.recipe.get("zca"):
        raise InputError("the set's images are whitened, or training whitens them: no teacher of pictures labels them")
    images, work = found.images, Path(options["work"] or f"{target}.partial")
    height, width = images.shape[2:]
    recipe = (
        Recipe(network=options["network"])
        if options["norm"] is None
        else Recipe(network=options["network"], norm=options["norm"])
    )
    teacher = read_teacher(
        Path(options["teacher"]),
        (images.shape[1], *generator.size_hw(height, width)),
        found.class_count,
        recipe=recipe,
        normalise=found.normalize,
        stages=options["stages"],
    )
    reporter = StepReporter()

    def issued(done: int, total: int) -> None:
        reporter(done, total, "label", {})

    source = TeacherSource(
        *(images, teacher, generator, options["views"], found.class_count),
        folder=work / "views",
        device=choose_device(options["device"]),
        progress=issued,
    )
    packed = LabelPacking(source, chosen, found.labels, len(images), work, reporter).run()
    reporter.close()
    view = (GENERATOR, encode_generator(generator))
    size = write_with_labels(target, packed.rows, data, view=view)
    shutil.rmtree(work, ignore_errors=True)
    return replace(packed, view=view), size, time.perf_counter() - start

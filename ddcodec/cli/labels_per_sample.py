"""`ddcodec labels relabel --per-sample`: one soft label for each sample, from a teacher that may be trained here."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddcodec.cli.failure import about
from ddcodec.cli.running import DATA, SET
from ddcodec.errors import InputError

if TYPE_CHECKING:
    from torch import device as Device
    from torch import nn

    from ddcodec.dataset import DistilledSet
    from ddcodec.sources.labelled import LabelledImages
    from ddcodec.train.early_teacher import EarlyTeacher

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--per-sample", is_flag=True, help="One label for each image, or the mean of each prior; no views."),
    click.option(
        "--unit", type=int, default=64, show_default=True, help="per-sample: steps of a label's numbers, 0..1."
    ),
    click.option("--train-teacher", metavar="SPEC", help=f"per-sample: train one on all of {DATA}, :train by default."),
    click.option("--teacher-epochs", type=int, default=10, show_default=True, help="After which it is stopped early."),
    click.option("--teacher-test", metavar="SPEC", help="Images to test a trained teacher on, :test by default."),
    click.option("--teacher-out", type=click.Path(), help="Where it is kept  [default: OUT as .teacher.safetensors]"),
    SET,
)


def per_sample_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that this way of labelling has."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def relabel_samples(data: bytes, target: Path, options: dict[str, Any], as_json: bool) -> None:
    """Label the decoded images of a set and write a copy of it.

    Raises: InputError before any work for what does not go together; what reading, training and writing raise.
    """
    from ddcodec.cli.console import StepReporter
    from ddcodec.format.atomic import write_atomic
    from ddcodec.reading import decode
    from ddcodec.republish import with_soft_labels
    from ddcodec.train.device import choose_device
    from ddcodec.train.sample_labels import issue
    from ddcodec.train.set_teacher import check_teachable

    _check(target, options)
    found = decode(data)
    check_teachable(found)
    place, reporter = choose_device(options["device"]), StepReporter()
    try:
        teacher, facts = _teacher(found, target, options, place, reporter)

        def issued(done: int, total: int) -> None:
            reporter(done, total, "label", {})

        heat = options["temperature"] or 1.0
        soft = issue(found.images, teacher, unit=options["unit"], temperature=heat, device=place, progress=issued)
    finally:
        reporter.close()
    copy = with_soft_labels(data, soft)
    with about(str(target)):
        write_atomic(target, copy)
    agreed = float((soft.values.argmax(axis=1) == found.labels).mean())
    _report(target, copy, found, facts | {"unit": soft.unit, "agreement": agreed}, as_json)


def _check(target: Path, options: dict[str, Any]) -> None:
    """Hold options against each other and their ranges, before any work; raises InputError."""
    from ddcodec.train.sample_labels import UNITS

    if options["views"] is not None:
        raise InputError("--views: with --per-sample the images themselves are labelled; leave one of the two out")
    if (options["teacher"] is None) == (options["train_teacher"] is None):
        raise InputError("--per-sample: expected either --teacher or --train-teacher")
    if not UNITS[0] <= options["unit"] <= UNITS[1]:
        raise InputError(f"--unit: expected {UNITS[0]}..{UNITS[1]}, found {options['unit']}")
    if not 0 <= options["temperature"] < float("inf"):
        raise InputError(f"--temperature: expected a positive number, or 0 for 1, found {options['temperature']:g}")
    if options["teacher_epochs"] < 1:
        raise InputError(f"--teacher-epochs: expected at least 1, found {options['teacher_epochs']}")
    if options["train_teacher"] is None:
        for name in ("teacher_test", "teacher_out", "settings"):
            if options[name]:
                word = "--set" if name == "settings" else f"--{name.replace('_', '-')}"
                raise InputError(f"{word}: only --train-teacher has a use for it")
    for path in (target, _kept_at(target, options)):
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: its folder does not exist")


def _teacher(
    found: "DistilledSet", target: Path, options: dict[str, Any], place: "Device", reporter: Any
) -> "tuple[nn.Module, dict[str, Any]]":
    """The teacher, taking images in [0, 1], and what is worth telling of it."""
    from ddcodec.train.recipe import Recipe
    from ddcodec.train.teachers import read_teacher

    if options["train_teacher"] is not None:
        return _trained(found, target, options, place, reporter)
    bare = {"network": options["network"]} | ({} if options["norm"] is None else {"norm": options["norm"]})
    path, (_, channels, height, width) = Path(options["teacher"]), found.pixels.shape
    teacher = read_teacher(
        *(path, (channels, height, width), found.class_count),
        recipe=Recipe(**bare),
        normalise=found.normalize,
        stages=options["stages"],
    )
    return teacher, {"teacher": str(path)}


def _trained(
    found: "DistilledSet", target: Path, options: dict[str, Any], place: "Device", reporter: Any
) -> "tuple[nn.Module, dict[str, Any]]":
    """A teacher trained on real images, and kept in a file."""
    from ddcodec.sources.spec import subject_of
    from ddcodec.train.judging import recipe_of
    from ddcodec.train.set_teacher import train_for_set

    recipe, spec = recipe_of(found.recipe, options["settings"]), options["train_teacher"]
    real = _real(found, spec, "train")
    test = None if options["teacher_test"] is None else _real(found, options["teacher_test"], "test")

    def trained(done: int, total: int, metrics: dict[str, float]) -> None:
        reporter(done, total, "teacher", metrics)

    work = Path(options["work"] or f"{target}.partial")
    with about(subject_of(spec)):
        taught = train_for_set(
            *(found, real, recipe, options["teacher_epochs"]),
            seed=options["seed"],
            device=place,
            folder=work / "teacher",
            progress=trained,
        )
    teacher = taught.seeing()
    facts: dict[str, Any] = {"teacher_epochs": taught.epochs, "teacher_score": taught.score}
    if test is not None:
        facts["teacher_accuracy"] = _accuracy(teacher.to(place), test)
    kept = _kept_at(target, options)
    _keep(kept, taught, found, facts)
    shutil.rmtree(work, ignore_errors=True)
    return teacher, {"teacher": str(kept), **facts}


def _kept_at(target: Path, options: dict[str, Any]) -> Path:
    """Where a trained teacher is kept."""
    return Path(options["teacher_out"] or target.with_suffix(".teacher.safetensors"))


def _real(found: "DistilledSet", spec: str, split: str) -> "LabelledImages":
    from ddcodec.cli.console import say
    from ddcodec.cli.images import load_images
    from ddcodec.train.set_teacher import real_of_set

    notes: list[str] = []
    real = real_of_set(found, load_images(spec, split), notes)
    for note in notes:
        say(f"note: {spec}: {note}")
    return real


def _accuracy(teacher: "nn.Module", test: "LabelledImages") -> float:
    import torch

    from ddcodec.train.evaluate import accuracy

    return accuracy(teacher, torch.from_numpy(test.images), torch.from_numpy(test.labels))


def _keep(path: Path, taught: "EarlyTeacher", found: "DistilledSet", facts: dict[str, Any]) -> None:
    from ddcodec.train.teachers import save_teacher

    _, channels, height, width = found.pixels.shape
    with about(str(path)):
        shape = (channels, height, width)
        save_teacher(path, taught.network, taught.recipe, shape, found.class_count, taught.mean, taught.std, facts)


def _report(target: Path, copy: bytes, found: "DistilledSet", facts: dict[str, Any], as_json: bool) -> None:
    from ddcodec.pipeline import info

    label_bytes = info(copy).section_bytes["SOFT"]
    sizes = {"file": str(target), "file_bytes": len(copy), "labels": len(found), "classes": found.class_count}
    if as_json:
        click.echo(json.dumps({**sizes, "label_bytes": label_bytes, **facts}))
        return
    if "teacher_score" in facts:
        tested = facts.get("teacher_accuracy")
        words = "" if tested is None else f", {100 * tested:.1f} % of the test images"
        score = f"{100 * facts['teacher_score']:.1f} % of the training images in the last of {facts['teacher_epochs']}"
        click.echo(f"{facts['teacher']}: right for {score} epochs{words}")
    click.echo(
        f"{target}: {len(copy):,} bytes, {len(found):,} labels of {found.class_count:,} classes,"
        f" {label_bytes / len(found):.2f} bytes each; {100 * facts['agreement']:.1f} % agree with the hard label"
    )

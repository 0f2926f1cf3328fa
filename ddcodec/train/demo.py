"""The main job, from the bundled digits to a table: distil, encode, decode, evaluate, and a rival."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ddcodec.errors import InputError
from ddcodec.export.png import write_png_folder
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set, read_file
from ddcodec.sources.spec import load_spec
from ddcodec.train import rundir
from ddcodec.train.config import Config
from ddcodec.train.data import load_training_data
from ddcodec.train.evaluate import EvalResult
from ddcodec.train.judging import judge
from ddcodec.train.loop import Progress, default_factory, run
from ddcodec.train.rival import Rival, best_rival, real_set
from ddcodec.train.seams import DistillerFactory
from ddcodec.validate import ValidationReport, validate

SETTINGS = (
    "codec.block=8",
    "train.images_per_class=6",
    "train.bytes_per_class=64",
    "train.joint_steps=250",
    "matching.networks=4",
    "matching.width=32",
    "matching.stages=[40, 120]",  # later, digits are learned so well that they exert no gradient to match
    "matching.augmentation=crop",  # a mirrored digit is no digit
    "recipe.augmentation=crop",
    "recipe.width=32",
    "recipe.epochs=100",
    "recipe.batch_size=32",
    "recipe.learning_rate=0.03",
)
REPEATS = 3
RIVAL_SHARES = (0.5, 1, 2)  # rival images per class, in multiples of the distilled ones; the best one counts
_MARK = "demo.json"


@dataclass(frozen=True)
class DemoReport:
    """What the table says.

    file, sheet, pictures: where they lie; classes, images: of the distilled set; sizes: estimates against
    bytes; accuracy: of training on the decoded set; full: on all full_images real images.
    """

    file: Path
    sheet: Path
    pictures: Path
    classes: int
    images: int
    sizes: ValidationReport
    accuracy: EvalResult
    rival: Rival
    full: EvalResult
    full_images: int


def run_demo(
    out: Path,
    device: torch.device,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
    factory: DistillerFactory | None = None,
    config: Config | None = None,
) -> DemoReport:
    """Do everything and leave `run/`, `digits.ddz` and `images/` in a folder.

    Args:
        out: new, empty, or left by an earlier demo, whose results are then replaced.
        progress: of the distiller; note: called with a line at the start of each stage.
        factory, config: for tests; None takes the distiller and `SETTINGS`.
    Raises: InputError when `out` holds anything else; what the stages raise.
    """
    config = Config().with_settings(SETTINGS) if config is None else config
    factory = factory or default_factory()
    tell = note or (lambda text: None)
    _clear(out)
    torch.set_num_threads(1)  # on images this small, threads wait for each other more than they compute
    data, test = load_training_data("digits"), load_spec("digits:test")
    tell("distilling")
    run(config, data, out / "run", device, progress=progress, factory=factory)
    model, metadata, estimate = rundir.read_result(out / "run")
    file, pictures = out / "digits.ddz", out / "images"
    write_atomic(file, encode_set(model, metadata, with_hash=True))
    blob = read_file(file)
    decoded = decode(blob)
    write_png_folder(decoded, pictures)
    tell("training on the decoded set")
    scores = judge(decoded, test, config.recipe, REPEATS, device, real=data)
    tell("random real images in a file of the same size")
    counts = [max(1, round(share * config.train.images_per_class)) for share in RIVAL_SHARES]
    rival = best_rival(config, data, test, metadata, len(blob), counts, REPEATS, device, factory)
    tell("training on all real images")
    full = judge(real_set(data, decoded), test, config.recipe, 1, device, real=data)
    return DemoReport(
        file=file,
        sheet=out / "run" / rundir.SHEET,
        pictures=pictures,
        classes=decoded.class_count,
        images=len(decoded),
        sizes=validate(model, estimate, blob),
        accuracy=scores,
        rival=rival,
        full=full,
        full_images=len(data.images),
    )


def _clear(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder, found a file")
    if out.is_dir() and any(out.iterdir()):
        if not (out / _MARK).exists():
            raise InputError(f"{out}: is not empty and not from an earlier demo; choose another --out")
        for name in ("run", "images"):
            shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    rundir.write_json(out / _MARK, {"made_by": "ddcodec demo"})

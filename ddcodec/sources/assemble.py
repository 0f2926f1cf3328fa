"""From what a file holds and what the user says to one checked foreign set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.sources.foreign import ForeignSet, Options, Parts
from ddcodec.sources.soft import read_labels
from ddcodec.sources.trees import as_images

MAX_CLASSES = 10_000
_LOW, _HIGH = -0.5, 1.5  # pixels that a distillation moved stay about here; normalised ones do not
_ZCA_EPSILON = 0.1  # of kornia's ZCAWhitening as MTT and its successors call it
_KIP = ("kip", "rfad")


def assemble(parts: Parts, options: Options) -> ForeignSet:
    """Check images and labels, decide what the numbers mean, and say what is missing.

    Raises: InputError naming the part that is wrong; LimitError.
    """
    images = as_float_or_bytes(as_images(parts.images))
    labels = read_labels(parts, len(images), options)
    classes = parts.classes if options.classes is None else options.classes
    class_count = _class_count(labels.hard, labels.soft, classes)
    domain, stated = _domain(parts, options, images)
    normalisation = options.normalisation
    mean = parts.mean if normalisation is None else normalisation.mean
    std = parts.std if normalisation is None else normalisation.std
    if domain == "whitened":
        mean = std = None
    _check_normalisation(mean, std, images.shape[1])
    recipe = _recipe(parts, options)
    notes = [*parts.notes, *labels.notes, *stated, *_mosaic(parts, recipe, images.shape)]
    if options.learning_rate is not None and parts.learning_rate not in (None, options.learning_rate):
        notes.append(f"the file's learning rate {parts.learning_rate:g} gave way to --lr {options.learning_rate:g}")
    missing = _missing(mean if domain != "whitened" else (), classes, recipe)
    return ForeignSet(
        parts.layout,
        images,
        labels.hard,
        class_count,
        labels.soft,
        labels.kind,
        domain,
        mean,
        std,
        _whitening(parts, options) if domain == "whitened" else {},
        classes,
        recipe,
        (*notes, *missing),
        parts.files,
    )


def as_float_or_bytes(images: NDArray[Any]) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Images (N, C, H, W) as uint8 or float32, all of them finite.

    Raises: InputError for another type, and for NaN or infinity with its place.
    """
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind != "f":
        raise InputError(f"images: expected floats or uint8, found {images.dtype}")
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(images, dtype=np.float32)
    for number, image in enumerate(floats):
        good = np.isfinite(image)
        if not good.all():
            channel, row, column = np.argwhere(~good)[0].tolist()
            value = image[channel, row, column]
            raise InputError(
                f"images: {value} in image {number}, channel {channel}, row {row}, column {column}; "
                "every value must be a finite number"
            )
    return floats


def _class_count(hard: NDArray[np.int64], soft: NDArray[Any] | None, classes: tuple[str, ...] | None) -> int:
    count = int(hard.max()) + 1 if soft is None else soft.shape[1]
    if count > MAX_CLASSES:
        raise InputError(f"labels: {count} classes, at most {MAX_CLASSES} are allowed")
    if classes is None:
        return count
    if len(set(classes)) != len(classes):
        raise InputError("classes: two classes have the same name")
    if len(classes) < count or (soft is not None and len(classes) != count):
        raise InputError(f"classes: {len(classes)} names for {count} classes")
    return len(classes)


def _domain(parts: Parts, options: Options, images: NDArray[Any]) -> tuple[str, list[str]]:
    """Units of the images, and what was assumed."""
    always_pixels = parts.pixels or images.dtype == np.uint8
    if options.whitened is not None or parts.whitening:
        if always_pixels and options.whitened is not None:
            raise InputError(f"images of layout {parts.layout} are pixels; --zca-from does not apply")
        return "whitened", []
    if always_pixels or options.in_pixels:
        return "pixels", []
    low, high = float(images.min()), float(images.max())
    if options.normalisation is not None:
        if parts.mean is not None or parts.std is not None:
            raise InputError("the file states mean and std, so that its images are pixels; leave the option out")
        doubt = f"values from {low:.3g} to {high:.3g} look like pixels; were they normalised at all (--normalize none)?"
        return "normalised", [doubt] if low >= 0 and high <= 1 else []
    if low < _LOW or high > _HIGH:
        hint = "; files of KIP and RFAD are whitened" if parts.layout in _KIP else ""
        raise InputError(
            f"images: values from {low:.3g} to {high:.3g} are no pixels in 0..1, and the file does not say what was "
            "done to them; give --normalize NAME, or --mean and --std, or --zca-from TEXT when they are whitened, or "
            f"--normalize none when they are in 0..1 units{hint}"
        )
    if parts.mean is not None or parts.std is not None:
        return "pixels", []
    return "pixels", [f"values from {low:.3g} to {high:.3g} were taken as pixels in 0..1 units"]


def _check_normalisation(mean: tuple[float, ...] | None, std: tuple[float, ...] | None, channels: int) -> None:
    for name, values in (("mean", mean), ("std", std)):
        if values is not None:
            if len(values) != channels:
                raise InputError(f"{name}: {len(values)} numbers for images of {channels} channels")
            if not np.isfinite(values).all():
                raise InputError(f"{name}: a number is not finite")
    if std is not None and min(std) <= 0:
        raise InputError("std: a number is not greater than 0")


def _whitening(parts: Parts, options: Options) -> dict[str, Any]:
    if options.whitened is None:
        return dict(parts.whitening)
    found: dict[str, Any] = {"kind": "zca", "fitted_on": options.whitened}
    if parts.layout in _KIP:
        return found | {"trace_fraction": 0.1}  # regularised by a tenth of the mean variance, not by a constant
    return found | {"epsilon": _ZCA_EPSILON}


def _recipe(parts: Parts, options: Options) -> dict[str, Any]:
    recipe = {**parts.recipe, **options.recipe}
    rate = parts.learning_rate if options.learning_rate is None else options.learning_rate
    if rate is not None:
        recipe["learning_rate"] = float(rate)
    if options.factor is not None:
        if options.factor < 2:
            raise InputError(f"--factor: expected 2 or more, found {options.factor}")
        recipe["factor"] = options.factor
    if options.decode_type is not None:
        recipe["decode_type"] = options.decode_type
    return recipe


def _mosaic(parts: Parts, recipe: dict[str, Any], shape: tuple[int, ...]) -> list[str]:
    factor = recipe.get("factor")
    if factor is None:
        if parts.layout in ("idc", "ncfm"):
            return ["IDC and NCFM train on tiles of each image; give --factor (NCFM: 2) or training loses accuracy"]
        return []
    if isinstance(factor, int) and (shape[2] % factor or shape[3] % factor):
        return [f"sides of {shape[2]}x{shape[3]} pixels are no multiples of the factor {factor}"]
    return []


def _missing(mean: tuple[float, ...] | None, classes: tuple[str, ...] | None, recipe: dict[str, Any]) -> list[str]:
    wanted = {
        "normalisation (--normalize)": mean is None,
        "learning rate (--lr)": "learning_rate" not in recipe,
        "class names (--classes)": classes is None,
        "augmentation (--recipe augmentation=...)": "augmentation" not in recipe,
        "network (--recipe network=...)": "network" not in recipe,
    }
    lacking = [name for name, missing in wanted.items() if missing]
    return [f"nothing says: {', '.join(lacking)}"] if lacking else []

"""Images and labels from a numpy archive (.npz), never unpickling anything."""

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages

MAX_CHANNELS, MAX_SIDE, MAX_CLASSES = 4, 4_096, 10_000
_UNREADABLE = (
    *(ValueError, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
_WANTED: dict[str, tuple[str, ...]] = {
    "images": ("images", "x"),
    "labels": ("labels", "y"),
    "classes": ("classes",),
    "layout": ("layout",),
}


def load_npz(path: str, name: str | None = None) -> LabelledImages:
    """Read an archive with arrays `images` (or `x`), `labels` (or `y`), and perhaps `classes` and `layout`.

    Args:
        path: of the archive. Images are uint8, or floats in [0, 1], of shape NHWC, NCHW or NHW; the axis of
            the channels is the one of length 1..4, and where there are two of those, `layout` ("NCHW" or
            "NHWC") must say so. Labels are N integers from 0 on. `classes` holds the names.
        name: what to call the source; None takes the path.
    Raises: InputError, one line that begins with the path.
    """
    parts = _read_parts(path)
    try:
        for part in ("images", "labels"):
            if part not in parts:
                raise InputError(f"has no array {' or '.join(_WANTED[part])}")
        layout = str(parts["layout"]) if "layout" in parts else ""
        images = _as_images(_channels_first(parts["images"], layout))
        classes = _as_names(parts["classes"]) if "classes" in parts else None
        labels = _as_labels(parts["labels"], len(images), classes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return LabelledImages(images, labels, classes, path if name is None else name)


def _read_parts(path: str) -> dict[str, NDArray[Any]]:
    try:
        with open(path, "rb") as stream:  # opened here, since np.load leaves damaged files open
            return _pick(path, np.load(stream, allow_pickle=False))
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror or 'damaged archive'}") from error
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        if "pickle" in reason:
            reason = "no .npz archive, or one with Python objects in it"
        raise InputError(f"{path}: not a usable .npz archive: {reason}") from error


def _pick(path: str, archive: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InputError(f"{path}: holds a single array, not an .npz archive")
    found = {}
    for part, keys in _WANTED.items():
        present = [key for key in keys if key in archive.files]
        if len(present) > 1:
            raise InputError(f"{path}: has both {present[0]} and {present[1]}; keep one")
        if present:
            found[part] = archive[present[0]]
    return found


def _channels_first(images: NDArray[Any], layout: str) -> NDArray[Any]:
    if images.ndim == 3:
        return images[:, None]
    if images.ndim != 4:
        raise InputError(f"images: expected shape NHWC, NCHW or NHW, found {images.shape}")
    fits = {"NCHW": 1 <= images.shape[1] <= MAX_CHANNELS, "NHWC": 1 <= images.shape[3] <= MAX_CHANNELS}
    if layout:
        if layout not in fits:
            raise InputError(f"layout: expected NCHW or NHWC, found {layout!r}")
        chosen = [layout]
    else:
        chosen = [name for name, good in fits.items() if good]
    if len(chosen) == 2:
        raise InputError(f"images: shape {images.shape} may be NCHW or NHWC; add an array layout that says which")
    if not chosen or not fits[chosen[0]]:
        raise InputError(f"images: no axis of 1..{MAX_CHANNELS} channels in shape {images.shape}")
    return images if chosen == ["NCHW"] else images.transpose(0, 3, 1, 2)


def _as_images(images: NDArray[Any]) -> NDArray[np.float32]:
    if not images.size:
        raise InputError(f"images: there are none (shape {images.shape})")
    if max(images.shape[2:]) > MAX_SIDE:
        raise InputError(f"images: sides of at most {MAX_SIDE} pixels expected, found shape {images.shape}")
    if images.dtype == np.uint8:
        scaled = np.ascontiguousarray(images, dtype=np.float32)
        scaled /= np.float32(255)
        return scaled
    if images.dtype.kind != "f":
        raise InputError(f"images: expected uint8, or floats in 0..1, found {images.dtype}")
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("images: a value is NaN or infinite")
    if low < 0 or high > 1:
        raise InputError(f"images: floats must lie in 0..1, found {low:.4g}..{high:.4g}")
    return np.ascontiguousarray(images, dtype=np.float32)


def _as_names(names: NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise InputError(f"classes: expected a list of texts, found {names.dtype} of shape {names.shape}")
    try:
        texts = [item.decode() if isinstance(item, bytes) else str(item) for item in names.tolist()]
    except UnicodeDecodeError:
        raise InputError("classes: a name is not UTF-8") from None
    if len(set(texts)) != len(texts):
        raise InputError("classes: two classes have the same name")
    return tuple(texts)


def _as_labels(labels: NDArray[Any], count: int, classes: tuple[str, ...] | None) -> NDArray[np.int64]:
    if labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise InputError(f"labels: expected {count} of them, one per image, found shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise InputError(f"labels: expected integers, found {labels.dtype}")
    high = (MAX_CLASSES if classes is None else len(classes)) - 1
    if int(labels.min()) < 0 or int(labels.max()) > high:
        wrong = np.flatnonzero((labels < 0) | (labels > high))[0]
        raise InputError(f"labels: expected 0..{high}, found {labels[wrong]} at image {wrong}")
    return labels.astype(np.int64)

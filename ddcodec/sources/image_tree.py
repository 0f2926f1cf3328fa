"""Real images from a folder with one folder of pictures for each class."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddcodec.errors import InputError
from ddcodec.sources.labelled import LabelledImages
from ddcodec.sources.npz import MAX_CLASSES, MAX_SIDE

SPLITS = ("train", "test", "val")
MAX_VALUES = 1 << 31  # pixels x channels of all images
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_GREY, _COLOUR = ("1", "L"), ("P", "RGB", "RGBA", "CMYK", "YCbCr")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, MemoryError, Warning, Image.DecompressionBombError)


def load_image_tree(path: str, split: str | None, default: str, name: str) -> LabelledImages:
    """Read `path/<class>/*.png|jpg|jpeg|webp`, or `path/<split>/<class>/...`.

    Args:
        path: the folder. Class k is the k-th folder in the order of `sorted(names)`; within a class, images
            are taken in that order, too. Hidden files and files of other kinds are passed over.
        split: "train", "test" or "val", which must be a folder in `path`; None to take `default` where all
            folders in `path` are splits ("val" may stand for "test"), and `path` itself where they are not.
        default: "train" or "test".
        name: what to call the source.
    Returns: images of one size, grey (1 channel) if all files are, else RGB (transparency is dropped).
    Raises: InputError, one line that begins with the path, naming the first file that cannot be used.
    """
    root = _root(Path(path), split, default)
    folders = _folders(root)
    if not folders or len(folders) > MAX_CLASSES:
        raise InputError(f"{root}: expected 1..{MAX_CLASSES} folders, one for each class, found {len(folders)}")
    files = [(file, label) for label, folder in enumerate(folders) for file in _pictures(folder)]
    if not files:
        raise InputError(f"{root}: has no images ({', '.join(_SUFFIXES)}) in the folders of its classes")
    pictures: list[NDArray[np.uint8]] = []
    for file, _ in files:
        picture = _read(file)
        first = pictures[0] if pictures else picture
        if picture.shape[:2] != first.shape[:2]:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (first.shape, picture.shape)]
            raise InputError(f"{file}: expected {sizes[0]} pixels as in {files[0][0].name}, found {sizes[1]}")
        if first.shape[0] * first.shape[1] * 3 * len(files) > MAX_VALUES:
            raise InputError(f"{root}: {len(files)} images of {first.shape[1]}x{first.shape[0]} are too many to hold")
        pictures.append(picture)
    images = _stacked(pictures)
    labels = np.array([label for _, label in files], dtype=np.int64)
    return LabelledImages(images, labels, tuple(folder.name for folder in folders), name)


def _folders(root: Path) -> list[Path]:
    try:
        found = [entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{root}: cannot read it: {error.strerror}") from error
    return sorted(found, key=lambda folder: folder.name)


def _root(path: Path, split: str | None, default: str) -> Path:
    names = {folder.name for folder in _folders(path)}
    if split is not None:
        if split not in names:
            raise InputError(f"{path}: has no folder {split}")
        return path / split
    if not names or not names <= set(SPLITS):  # a data set may well have a class called "train"
        return path
    chosen = default if default in names or default != "test" else "val"
    if chosen not in names:
        raise InputError(f"{path}: has no folder {default}, only {', '.join(sorted(names))}; say which after a colon")
    return path / chosen


def _pictures(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot read it: {error.strerror}") from error
    return [
        entry
        for entry in entries
        if entry.suffix.lower() in _SUFFIXES and not entry.name.startswith(".") and entry.is_file()
    ]


def _read(file: Path) -> NDArray[np.uint8]:
    """(H, W) of a grey picture or (H, W, 3) of another, uint8."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as picture:
                if max(picture.size) > MAX_SIDE:
                    raise InputError(f"{file}: sides of at most {MAX_SIDE} pixels expected, found {picture.size}")
                if picture.mode in _GREY:
                    return np.asarray(picture.convert("L"))
                if picture.mode not in (*_COLOUR, "LA"):
                    raise InputError(f"{file}: expected 8 bits per channel, found mode {picture.mode}")
                return np.asarray(picture.convert("L" if picture.mode == "LA" else "RGB"))
    except (*_UNREADABLE, struct.error, zlib.error) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{file}: cannot be read as an image: {reason}") from error


def _stacked(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(N, 1 or 3, H, W) float32 in [0, 1]."""
    height, width = pictures[0].shape[:2]
    channels = 1 if all(picture.ndim == 2 for picture in pictures) else 3
    images = np.empty((len(pictures), channels, height, width), dtype=np.float32)
    for place, picture in zip(images, pictures, strict=True):
        place[:] = picture if picture.ndim == 2 else picture.transpose(2, 0, 1)  # grey fills all three
    images /= np.float32(255)
    return images

"""Exact coding of pictures beside lossless WebP, JPEG XL, PNG and xz: file bytes, and seconds on one core.

    python -m benchmarks.exact [--pack cifar10_exact] [--count 1000] [--methods ours,webp] [--output TABLE]
    python -m benchmarks.exact --pack flowers128 --count 60 [--halve]

The first images of a pack, sorted by class: as one file of ours, as one mosaic (the smallest of a few layouts),
and as a file each. Every file is decoded and compared, ours from the disk. Decoding speed is that from bytes in
memory to pixels, the median of the runs, in bytes of pixels; JPEG XL's is what djxl itself reports. No base
network was trained on the first 1,000 images of cifar10_exact, nor on the test images of flowers128.
"""

from __future__ import annotations

import argparse
import io
import lzma
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features

import ddcodec
from benchmarks.rivals import Images, decode_mosaic, layouts, make_mosaic, split_mosaic
from benchmarks.rows import DATA, RESULTS, append, load_pack, one_core
from ddcodec.dataset import make_set
from ddcodec.pipeline import decode, encode_pixels

TABLE = RESULTS / "exact.tsv"
SPLITS = {"cifar10_exact": "train", "flowers128": "test"}
PILLOW: dict[str, dict[str, Any]] = {"webp": {"lossless": True, "quality": 100, "method": 6}, "png": {"optimize": True}}
JXL = ("-d", "0", "-e", "9")
JXL_THOROUGH = (*JXL, "-E", "3", "-I", "100", "-g", "3")
XZ_ORDERS = {"NHWC": (0, 1, 2, 3), "NCHW": (0, 3, 1, 2), "CNHW": (3, 0, 1, 2)}


class Candidate(NamedTuple):
    """One way to store images (N, H, W, C); a method takes the smallest of its candidates."""

    layout: str
    encode: Callable[[Images], list[bytes]]
    decode: Callable[[list[bytes]], Images]


class Method(NamedTuple):
    """form: "one file", "mosaic" or "file each"; speed: MB/s of decoding as another program reports it, instead of
    one measured here."""

    name: str
    form: str
    version: str
    candidates: Sequence[Candidate]
    speed: Callable[[list[bytes]], float] | None = None


def _form(single: bool) -> str:
    return "file each" if single else "mosaic"


def ours(labels: NDArray[Any], classes: Sequence[str]) -> Method:
    """One file with labels, class names and content hash."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()

    def encode(images: Images) -> list[bytes]:
        return [encode_pixels(make_set(images.transpose(0, 3, 1, 2), 255, counts, classes=classes))]

    def pixels(blobs: list[bytes]) -> Images:
        return decode(blobs[0]).pixels.transpose(0, 2, 3, 1).astype(np.uint8)

    return Method("ours", "one file", f"ddcodec {ddcodec.__version__}", [Candidate("", encode, pixels)])


def mosaics(images: Images) -> dict[str, Callable[[Images], list[Images]]]:
    """Layouts of one picture, by name: columns x rows."""

    def tiled(columns: int, batch: Images) -> list[Images]:
        return [make_mosaic(batch, columns)]

    return {f"{columns}x{-(-len(images) // columns)}": partial(tiled, columns) for columns in layouts(len(images))}


def by_pillow(kind: str, images: Images, *, single: bool) -> Method:
    """WebP or PNG, as one mosaic or as a file each."""
    count, size_hw, channels = len(images), (images.shape[1], images.shape[2]), images.shape[3]

    def save(pictures: Callable[[Images], list[Images]], batch: Images) -> list[bytes]:
        files = []
        for picture in pictures(batch):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, kind, **PILLOW[kind])
            files.append(buffer.getvalue())
        return files

    def read(blobs: list[bytes]) -> Images:
        return np.concatenate([decode_mosaic(blob, 1 if single else count, size_hw, channels) for blob in blobs])

    ways = {"": list} if single else mosaics(images)
    library = f"libwebp {features.version('webp')}" if kind == "webp" else f"zlib {features.version('zlib')}"
    candidates = [Candidate(layout, partial(save, pictures), read) for layout, pictures in ways.items()]
    return Method(kind, _form(single), f"{library}, Pillow {PIL.__version__}", candidates)


def by_jpeg_xl(images: Images, *, single: bool) -> Method:
    """JPEG XL through its own programs, without threads; a thorough search is tried on the squarest mosaic, too."""
    count, size_hw = len(images), (images.shape[1], images.shape[2])

    def save(pictures: Callable[[Images], list[Images]], options: Sequence[str], batch: Images) -> list[bytes]:
        files = []
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "in.ppm"), Path(folder, "out.jxl")
            for picture in pictures(batch):
                Image.fromarray(picture).save(source)
                _run(["cjxl", str(source), str(target), *options, "--num_threads=0", "--quiet"])
                files.append(target.read_bytes())
        return files

    def read(blobs: list[bytes]) -> Images:
        found = []
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "in.jxl"), Path(folder, "out.ppm")
            for blob in blobs:
                source.write_bytes(blob)
                _run(["djxl", str(source), str(target), "--quiet"])
                found.append(split_mosaic(np.asarray(Image.open(target)), 1 if single else count, size_hw))
        return np.concatenate(found)

    def speed(blobs: list[bytes]) -> float:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "in.jxl").write_bytes(blobs[0])
            report = _run(["djxl", str(Path(folder, "in.jxl")), "--num_reps=5", "--num_threads=1"])
        found = re.search(r"([\d.]+) MP/s", report)
        return float("nan") if found is None else 3 * float(found[1])

    ways = {"": list} if single else mosaics(images)
    candidates = [Candidate(layout, partial(save, pictures, JXL), read) for layout, pictures in ways.items()]
    if not single:
        layout, pictures = next(iter(ways.items()))
        candidates.append(
            Candidate(f"{layout} {' '.join(JXL_THOROUGH[4:])}", partial(save, pictures, JXL_THOROUGH), read)
        )
    version = " ".join(_run(["cjxl", "--version"]).split()[:2])
    return Method("jpeg xl", _form(single), version, candidates, (lambda _: float("nan")) if single else speed)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def by_xz(images: Images) -> Method:
    """The bytes as they are, in the best order of the axes."""

    def save(axes: tuple[int, ...], batch: Images) -> list[bytes]:
        return [lzma.compress(np.ascontiguousarray(batch.transpose(axes)).tobytes(), preset=9 | lzma.PRESET_EXTREME)]

    def read(axes: tuple[int, ...], blobs: list[bytes]) -> Images:
        shape = [images.shape[axis] for axis in axes]
        return np.frombuffer(lzma.decompress(blobs[0]), np.uint8).reshape(shape).transpose(np.argsort(axes))

    candidates = [Candidate(name, partial(save, axes), partial(read, axes)) for name, axes in XZ_ORDERS.items()]
    return Method("xz", "one file", f"xz -9e, Python {sys.version.split()[0]}", candidates)


def methods(images: Images, labels: NDArray[Any], classes: Sequence[str]) -> Iterator[Method]:
    """All that this machine can measure."""
    yield ours(labels, classes)
    for single in (False, True):
        yield by_pillow("webp", images, single=single)
        if shutil.which("cjxl") and shutil.which("djxl"):
            yield by_jpeg_xl(images, single=single)
        yield by_pillow("png", images, single=single)
    yield by_xz(images)


def measure(method: Method, images: Images, runs: int) -> tuple[float, dict[str, Any]]:
    """Seconds of encoding, and the figures of the smallest candidate.

    Raises: SystemExit when what is decoded is not what was encoded.
    """
    found: list[tuple[int, float, Candidate, list[bytes]]] = []
    for candidate in method.candidates:
        started = time.perf_counter()
        blobs = candidate.encode(images)
        found.append((sum(map(len, blobs)), time.perf_counter() - started, candidate, blobs))
    size, seconds, best, blobs = min(found, key=lambda entry: entry[0])
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(len(blobs))]
        for path, blob in zip(paths, blobs, strict=True):
            path.write_bytes(blob)
        if not np.array_equal(best.decode([path.read_bytes() for path in paths]), images):
            raise SystemExit(f"{method.name}, {best.layout}: other pixels came back")
    times = []
    for _ in range(0 if method.speed else runs):
        started = time.perf_counter()
        best.decode(blobs)
        times.append(time.perf_counter() - started)
    speed = method.speed(blobs) if method.speed else images.nbytes / statistics.median(times) / 1e6
    return seconds, {
        "method": method.name,
        "form": method.form,
        "layout": best.layout,
        "files": len(blobs),
        "file_bytes": size,
        "bytes_per_100_images": round(100 * size / len(images)),
        "decode_mb_per_s": "" if np.isnan(speed) else f"{speed:.3g}",
        "version": method.version,
    }


def main() -> None:
    """One row for each method."""
    parser = argparse.ArgumentParser(description="Lossless coding of pictures, as TSV.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with load.py")
    parser.add_argument("--pack", choices=SPLITS, default="cifar10_exact")
    parser.add_argument("--halve", action="store_true", help="average 2x2 pixels: the flowers are poor JPEG copies")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--methods", help="measure these only, such as ours,webp")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    one_core()
    images, labels, classes = load_pack(options.data, options.pack, SPLITS[options.pack], options.count)
    by_class = np.argsort(labels, kind="stable")
    images, labels = np.ascontiguousarray(images[by_class]), labels[by_class]
    if options.halve:
        n, height, width, channels = images.shape
        blocks = images.reshape(n, height // 2, 2, width // 2, 2, channels).astype(np.float64)
        images = np.rint(blocks.mean((2, 4))).astype(np.uint8)
    name = options.pack + (", halved" if options.halve else "")
    common = {"pack": name, "images": len(images), "size": "x".join(map(str, images.shape[1:3]))}
    for method in methods(images, labels, classes):
        if options.methods is None or method.name in options.methods.split(","):
            seconds, figures = measure(method, images, options.runs)
            append(options.output, {**common, **figures}, seconds=seconds)
            print(*common.values(), f"{seconds:.2f} s", *figures.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()

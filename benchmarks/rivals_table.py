"""Rate and distortion of ordinary image codecs on lossless CIFAR-10 images, as a table:

python -m benchmarks.rivals_table --data PATH_TO_DATA_FOLDER
"""

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import (
    SUBSAMPLINGS,
    Encoder,
    Images,
    avif_mosaic,
    decode_mosaic,
    decode_per_class,
    decode_per_file,
    encode_per_class,
    encode_per_file,
    layouts,
    psnr,
    total_bytes,
    webp_mosaic,
)
from benchmarks.rows import RESULTS, ROOT, append, load_pack

TABLE = RESULTS / "rivals_representation.tsv"
AVIF_QUALITIES = (2, 8, 15, 22, 32, 42, 52, 62)
WEBP_QUALITIES = (0, 5, 10, 20, 30, 45, 60, 75, 85)


def best_at_psnr(rows: Iterable[Mapping[str, Any]], psnr_db: float) -> float:
    """Bytes the best of `rows` need for `psnr_db`: log-linear by (method, layout), then the least.

    Each curve is interpolated by itself: across curves, a sparse point of a poor one would hide a good one.

    Args:
        rows: each with `file_bytes` and `psnr_db`, numbers or their spelling; `method` and `layout` if any.
        psnr_db: the wanted quality.
    Returns: file bytes, interpolated.
    Raises: ValueError when no curve reaches around `psnr_db`.
    """
    curves: dict[tuple[Any, Any], list[tuple[float, float]]] = {}
    for row in rows:
        point = (float(row["psnr_db"]), float(row["file_bytes"]))
        curves.setdefault((row.get("method"), row.get("layout")), []).append(point)
    found = []
    for points in curves.values():
        envelope: list[tuple[float, float]] = []
        for point in sorted(points, reverse=True):
            # From the finest down, a point counts only if it is smaller than every finer one.
            if not envelope or point[1] < envelope[-1][1]:
                envelope.append(point)
        qualities, sizes = zip(*reversed(envelope), strict=True)
        if qualities[0] <= psnr_db <= qualities[-1]:
            found.append(float(np.exp(np.interp(psnr_db, qualities, np.log(sizes)))))
    if not found:
        raise ValueError(f"{psnr_db} dB lies outside the measured range")
    return min(found)


def first_per_class(data: Path, count: int) -> tuple[Images, NDArray[np.uint8]]:
    """The first `count` lossless CIFAR-10 images of each class, sorted by class; read by `data/load.py`."""
    images, labels, names = load_pack(data, "cifar10_exact", "train")
    chosen = np.concatenate([np.flatnonzero(labels == label)[:count] for label in range(len(names))])
    return images[chosen], labels[chosen]


def measure(images: Images, labels: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """Every rival at every quality, as rows with method, layout, quality, seconds, file_bytes, psnr_db."""
    count, size_hw = len(images), (images.shape[1], images.shape[2])

    def row(method: str, layout: str, quality: int, started: float, size: int, decoded: Images) -> dict[str, Any]:
        seconds = time.perf_counter() - started
        figures = {"seconds": seconds, "file_bytes": size, "psnr_db": f"{psnr(images, decoded):.3f}"}
        return {"method": method, "layout": layout, "quality": quality, **figures}

    def whole(method: str, columns: int, quality: int, encode: Encoder) -> dict[str, Any]:
        started = time.perf_counter()
        blob = encode(images)
        layout = f"set {columns}x{-(-count // columns)}"
        return row(method, layout, quality, started, len(blob), decode_mosaic(blob, count, size_hw))

    def parts(method: str, quality: int, encode: Encoder) -> Iterator[dict[str, Any]]:
        started = time.perf_counter()
        blobs = encode_per_class(images, labels, encode)
        decoded = decode_per_class(blobs, labels, size_hw)
        yield row(method, "per class", quality, started, total_bytes(blobs), decoded)
        started = time.perf_counter()
        blobs = encode_per_file(images, encode)
        yield row(method, "per file", quality, started, total_bytes(blobs), decode_per_file(blobs, size_hw))

    for quality in WEBP_QUALITIES:
        for columns in layouts(count):
            yield whole("webp", columns, quality, partial(webp_mosaic, quality=quality, columns=columns))
        yield from parts("webp", quality, partial(webp_mosaic, quality=quality))
    for subsampling in SUBSAMPLINGS:
        method = f"avif {subsampling}"
        for quality in AVIF_QUALITIES:
            encode = partial(avif_mosaic, quality=quality, subsampling=subsampling)
            for columns in layouts(count):
                yield whole(method, columns, quality, partial(encode, columns=columns))
            yield from parts(method, quality, encode)
    # The encoder's own default tuning, for the record: on the squarest layout only.
    square = layouts(count)[0]
    for quality in AVIF_QUALITIES:
        encode = partial(avif_mosaic, quality=quality, columns=square, tune=None)
        yield whole("avif 4:2:0 default tune", square, quality, encode)


def main() -> None:
    """Write the table, row by row, and print it."""
    parser = argparse.ArgumentParser(description="Rate and distortion of ordinary image codecs, as TSV.")
    default = os.environ.get("DDCODEC_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(default), help="folder with load.py")
    parser.add_argument("--per-class", type=int, default=10, help="images a class")
    parser.add_argument("--output", type=Path, default=TABLE)
    arguments = parser.parse_args()
    images, labels = first_per_class(arguments.data, arguments.per_class)
    classes = len(np.unique(labels))
    arguments.output.unlink(missing_ok=True)
    for found in measure(images, labels):
        seconds = found.pop("seconds")
        append(arguments.output, {**found, "bytes_per_class": f"{found['file_bytes'] / classes:.1f}"}, seconds=seconds)
        print(*found.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()

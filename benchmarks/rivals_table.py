"""Rate and distortion of ordinary image codecs on lossless CIFAR-10 images, as a table:

python -m benchmarks.rivals_table --data PATH_TO_DATA_FOLDER
"""

import argparse
import os
import time
from collections.abc import Iterator
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
from benchmarks.rows import RESULTS, ROOT, append, first_of_each, load_pack

TABLE = RESULTS / "rivals_representation.tsv"
AVIF_QUALITIES = (2, 8, 15, 22, 32, 42, 52, 62)
WEBP_QUALITIES = (0, 5, 10, 20, 30, 45, 60, 75, 85)


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
    images, labels, _ = load_pack(arguments.data, "cifar10_exact", "train")
    first = first_of_each(labels, arguments.per_class)
    images, labels = images[first], labels[first]
    classes = len(np.unique(labels))
    arguments.output.unlink(missing_ok=True)
    for found in measure(images, labels):
        seconds = found.pop("seconds")
        append(arguments.output, {**found, "bytes_per_class": f"{found['file_bytes'] / classes:.1f}"}, seconds=seconds)
        print(*found.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()

"""File size against ideal code length: on sources of known entropy, and on real files.

    python -m benchmarks.rate_agreement [FILE.ddz | RUN_DIR ...]

Source rows: latents drawn from the integer pmfs by numpy's generator, entropy summed while drawing; the file
may have 1.005 x (that, and the ideal length of the networks) + 5 bytes per stream + the fixed bytes. File rows:
1.01 x (ideal code length of the integer model) instead. Exits with 1 where a file has more.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import RESULTS, append
from benchmarks.workloads import draw_set, pyramid_networks, transform_networks
from ddcodec.codecs.latent import decode_latents
from ddcodec.codecs.networks import decode_groups
from ddcodec.format.container import read_container
from ddcodec.format.metadata import Metadata
from ddcodec.limits import Limits
from ddcodec.pipeline import EncodedModel, decode, encode_set
from ddcodec.reading import read_file, read_metadata, required
from ddcodec.validate import STREAM_BYTES, validate

TABLE = RESULTS / "rate_agreement.tsv"
SOURCE_TOLERANCE, FILE_TOLERANCE = 0.005, 0.01
SOURCES = {
    "pyramid 10 x 10 of 32x32": (lambda: pyramid_networks(32, np.random.default_rng(0)), 10),
    "transform 10 x 10 of 32x32": (lambda: transform_networks(32), 10),
    "pyramid 10 x 2 of 128x128": (lambda: pyramid_networks(128, np.random.default_rng(0)), 2),
    "transform 10 x 2 of 128x128": (lambda: transform_networks(128), 2),
}


def coded_form(data: bytes) -> tuple[EncodedModel, Metadata]:
    """The integers of a file and its metadata."""
    container, limits = read_container(data), Limits()
    header, found = container.header, decode(data)
    payload, offset = required(container, "NETS")
    networks = decode_groups(payload, header.group_count, header.shape, limits, offset=offset)
    payload, offset = required(container, "LATN")
    latents = decode_latents(payload, networks, header.group_of_class, header.counts, limits, offset=offset)
    return EncodedModel(networks, header.group_of_class, latents, found.order), read_metadata(container)


def agreement(model: EncodedModel, data: bytes, tolerance: float, latent_bits: float | None = None) -> dict[str, Any]:
    """Sizes of one file in bytes. latent_bits: entropy of the source, None for the model's own code length."""
    unknown = {"training_latent_bits": 0, "training_network_bits": 0, "latent_bits": [], "network_bits": []}
    report = validate(model, unknown, data)  # its problems are about estimates that are not at hand here
    ideal = report.ideal_bytes - report.fixed_bytes
    if latent_bits is not None:
        ideal += (latent_bits - next(row.ideal_bits for row in report.rows if row.section == "LATN")) / 8
    allowed = (1 + tolerance) * ideal + STREAM_BYTES * report.streams + report.fixed_bytes
    return {
        "ideal_bytes": round(ideal, 1),
        "fixed_bytes": report.fixed_bytes,
        "streams": report.streams,
        "file_bytes": len(data),
        "allowed_bytes": round(allowed, 1),
        "excess_percent": round(100 * ((len(data) - report.fixed_bytes) / ideal - 1), 3),
        "within": len(data) <= allowed,
    }


def main() -> None:
    """One row per source, then per file; stops with 1 if one is beyond its tolerance."""
    parser = argparse.ArgumentParser(description="File size against ideal code length, as TSV.")
    parser.add_argument("files", nargs="*", type=Path, help=".ddz files, or run directories")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-sources", action="store_true")
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    good = True
    for name, (make, images) in {} if options.no_sources else SOURCES.items():
        started = time.perf_counter()
        drawn = draw_set(make(), 10, images, options.seed)
        data = encode_set(drawn.model)
        row = agreement(drawn.model, data, SOURCE_TOLERANCE, drawn.entropy_bits)
        good &= report(options, {"source": name, **row}, started)
    for path in options.files:
        started = time.perf_counter()
        if path.is_dir():
            from ddcodec.train.rundir import read_result

            model, metadata, _ = read_result(path)
            data = encode_set(model, metadata)
        else:
            data = read_file(path)
            model, _ = coded_form(data)
        good &= report(options, {"source": path.name, **agreement(model, data, FILE_TOLERANCE)}, started)
    if not good:
        raise SystemExit("a file has more bytes than its tolerance allows")


def report(options: argparse.Namespace, row: dict[str, Any], started: float) -> bool:
    """Write and print one row; whether it is within its tolerance."""
    append(options.output, {"seed": options.seed, **row}, seconds=time.perf_counter() - started)
    print(*(f"{key}={value}" for key, value in row.items()), flush=True)
    return bool(row["within"])


if __name__ == "__main__":
    main()

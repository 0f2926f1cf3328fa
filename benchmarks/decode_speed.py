"""Speed and memory of decoding on one core, beside the entropy coder's own speed with all tables known.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.decode_speed [--sets abcd] [--runs 5]

Sets of 10 classes, latents drawn from the model that codes them: a, pyramids of 10 images of 32x32 a class;
b, of 51 of 128x128; c and d, the same with the transform. Each set is measured in a process of its own. Every
figure is the best of the runs, entropy and coder alternating; peak memory is that of one whole decode.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import RESULTS, append
from benchmarks.workloads import draw_set, pyramid_networks, transform_networks
from ddcodec.codecs.latent import decode_latents, encode_latents
from ddcodec.codecs.lockstep import contexts
from ddcodec.codecs.networks import GroupNetworks, decode_groups
from ddcodec.entropy.coder import Decoder, Encoder
from ddcodec.entropy.tables import ESCAPE, REACH
from ddcodec.format.container import Container, read_container
from ddcodec.limits import Limits
from ddcodec.pipeline import encode_set, load
from ddcodec.reading import read_file, required

TABLE = RESULTS / "decode_speed.tsv"
CLASSES = 10
SETS = {"a": ("pyramid", 32, 10), "b": ("pyramid", 128, 51), "c": ("transform", 32, 10), "d": ("transform", 128, 51)}


def seconds_of(action: Callable[[], Any]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def peak_mib() -> float:
    """Peak memory of this process since it was started; getrusage would count its parent's, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def networks_of(container: Container) -> GroupNetworks:
    """The one group of a file, without anything cached."""
    payload, offset = required(container, "NETS")
    return decode_groups(payload, 1, container.header.shape, Limits(), offset=offset)[0]


def bare_stream(net: GroupNetworks, latents: NDArray[np.int16]) -> tuple[bytes, NDArray[np.int16]]:
    """Symbols of one class in a stream without the bits of escapes, and their rows of the table."""
    steps = list(contexts(net.layout, net.context, latents))
    residual = np.concatenate([part.reshape(-1) for part, _ in steps])
    rows = np.concatenate([part.reshape(-1) for _, part in steps]).astype(np.int16)
    encoder = Encoder(0)
    encoder.push_table(np.where(np.abs(residual) > REACH, ESCAPE, residual + REACH).astype(np.int32), rows)
    return encoder.bytes(), rows


def measure(path: Path, runs: int) -> dict[str, Any]:
    """Figures of one file; to be called in a fresh process."""
    whole = [seconds_of(lambda: load(path))]
    memory = peak_mib()
    whole += [seconds_of(lambda: load(path)) for _ in range(runs - 1)]
    alone = min(seconds_of(lambda: load(path, classes=[CLASSES // 2])) for _ in range(runs))
    container = read_container(read_file(path))
    header, (payload, offset) = container.header, required(container, "LATN")

    def entropy() -> list[NDArray[np.int16]]:
        groups, net = header.group_of_class, networks_of(container)
        return decode_latents(payload, [net], groups, header.counts, Limits(), offset=offset)

    latents = entropy()
    bare = [bare_stream(networks_of(container), part) for part in latents]

    def coder() -> None:
        for stream, rows in bare:
            decoder = Decoder(stream, offset=0)
            decoder.take_table(rows)
            decoder.close(0)

    def encode() -> bytes:
        return encode_latents([networks_of(container)], header.group_of_class, latents)

    assert encode() == payload
    times = np.array([[seconds_of(action) for action in (entropy, coder, encode)] for _ in range(runs)])
    decoding, bound, encoding = times.min(axis=0).tolist()
    count = sum(part.size for part in latents)
    return {
        "latents": count,
        "bits_per_latent": round(8 * len(payload) / count, 3),
        "entropy_msymbols_per_s": round(count / decoding / 1e6, 2),
        "coder_alone_msymbols_per_s": round(count / bound / 1e6, 2),
        "encode_over_decode": round(encoding / decoding, 2),
        "whole_decode_s": round(min(whole), 3),
        "peak_mib": round(memory),
        "one_class_over_its_share": round(CLASSES * alone / min(whole), 2),
    }


def main() -> None:
    """Measure the sets asked for, one row each."""
    parser = argparse.ArgumentParser(description="Decoding speed and memory on one core, as TSV.")
    parser.add_argument("--sets", default="abcd")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=TABLE)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.runs)))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for name in options.sets:
        synthesis, size, images = SETS[name]
        started = time.perf_counter()
        make = pyramid_networks(size, np.random.default_rng(0)) if synthesis == "pyramid" else transform_networks(size)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "set.ddz"
            path.write_bytes(encode_set(draw_set(make, CLASSES, images, options.seed).model))
            child = ["-m", "benchmarks.decode_speed", "--measure", str(path), "--runs", str(options.runs)]
            done = subprocess.run(
                [sys.executable, *child], env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
        kind = {"set": name, "synthesis": synthesis, "size": size, "images": CLASSES * images}
        figures = {**kind, **json.loads(done.stdout)}
        append(options.output, {"seed": options.seed, **figures}, seconds=time.perf_counter() - started)
        print(*(f"{key}={value}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()

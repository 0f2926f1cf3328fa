"""Fit only: PSNR against whole-file bytes on 10 lossless CIFAR-10 images per class.

    python -m benchmarks.representation ours        this codec at several budgets (built-in base networks)
    python -m benchmarks.representation own         the same without base networks: every weight in the file
    python -m benchmarks.representation paper       per-class pyramids of arXiv 2507.17221, exp-Golomb weights
    python -m benchmarks.representation table       bytes at equal PSNR, from all rows and the rivals' rows

Rows go to results/representation.tsv; a row that exists is not measured again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.rivals import psnr as eight_bit_psnr
from benchmarks.rows import RESULTS, append, finished, first_of_each, load_pack
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.format.atomic import write_atomic
from ddcodec.pipeline import decode, encode_set
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.distiller import Distiller

TABLE = RESULTS / "representation.tsv"
BUDGETS_KIB = (0.45, 0.5, 1.0, 2.0, 2.7, 4.0)


def first_images(folder: Path, per_class: int) -> TrainingData:
    """The first images of each class of the lossless pack, class-sorted."""
    images, labels, names = load_pack(folder, "cifar10_exact", "train")
    rows = first_of_each(labels, per_class)
    scaled = (images[rows].transpose(0, 3, 1, 2) / 255).astype(np.float32)
    return TrainingData(scaled, labels[rows].astype(np.int64), tuple(names), "cifar10_exact")


def psnr(decoded: np.ndarray, images: np.ndarray) -> float:
    """Of images rounded to 8 bits, from the mean squared error over everything."""
    return eight_bit_psnr(*(np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8) for part in (decoded, images)))


def exp_golomb_bits(values: np.ndarray) -> float:
    """Signed exp-Golomb code of integer weights at its best order, plus 4 bits for the order."""
    magnitude = 2 * np.abs(values) - (values > 0)
    lengths = [(2 * np.floor(np.log2(magnitude / 2**k + 1)) + 1 + k).sum() for k in range(13)]
    return float(min(lengths)) + 4


def fit(config: Config, data: TrainingData) -> Distiller:
    """A finished run of the fit and finalise phases."""
    distiller = Distiller(config, data, torch.device("cpu"))
    while distiller.steps_done < distiller.steps_total:
        distiller.step()
    return distiller


def measure(method: str, setting: float, config: Config, data: TrainingData, *, paper: bool = False) -> None:
    """One row: file bytes and PSNR of the decoded file (for the paper's design also its own byte count)."""
    key = {"method": method, "setting": setting, "seed": config.train.seed}
    if finished(TABLE, key) is not None:
        return
    started = time.perf_counter()
    model = fit(config, data).result().model
    blob = encode_set(model)
    size = float(len(blob))
    if paper:  # its ideal latents and exp-Golomb weights, no container: the most generous count
        _, bits = encode_class_streams(model.networks, model.group_of_class, model.latents)
        weights = sum(exp_golomb_bits(t.reshape(-1)) for net in model.networks for t in net.tensors)
        size = (sum(bits) + weights) / 8
    quality = psnr(decode(blob).images, data.images)
    append(
        TABLE,
        {**key, "file_bytes": len(blob), "counted_bytes_per_class": round(size / 10, 1), "psnr_db": round(quality, 3)},
        seconds=time.perf_counter() - started,
    )
    print(f"{method} {setting}: {size / 10:.1f} B/class, {quality:.2f} dB", flush=True)
    if not paper:
        write_atomic(RESULTS / f"representation-{method.replace(' ', '-')}-{setting:g}.ddz", blob)


def ours(data: TrainingData, budgets: list[float]) -> None:
    """This codec with its base networks, the block size that is better at each budget."""
    for kib in budgets:
        for block in (8, 16):
            config = Config().with_settings(
                ["train.joint_steps=0", "train.fit_steps=12", "train.tune_steps=0", f"codec.block={block}",
                 f"train.bytes_per_class={1024 * kib}"]
            )  # fmt: skip
            measure(f"ours block {block}", kib, config, data)


def own(data: TrainingData, budgets: list[float]) -> None:
    """This codec with all networks in the file."""
    for kib in budgets:
        config = Config().with_settings(
            ["train.joint_steps=0", "train.fit_steps=250", "train.tune_steps=15", "codec.block=8",
             f"train.bytes_per_class={1024 * kib}", "codec.context_base=0", "codec.context_widths=[8]",
             "codec.filter_base=0", "codec.filter_layers=2", "codec.filter_width=6"]
        )  # fmt: skip
        measure("own networks", kib, config, data)


def paper(data: TrainingData, preset: str, lambdas: list[float], steps: int) -> None:
    """Networks for each class, one latent channel a level, same-level context."""
    for weight in lambdas:
        config = Config().with_settings(
            ["codec.synthesis=pyramid", f"codec.preset={preset}", "codec.share=class", "codec.cross_level=false",
             "codec.context_widths=[16,16]", "train.joint_steps=0", f"train.fit_steps={steps}",
             "train.tune_steps=30", f"train.lambda={weight}"]
        )  # fmt: skip
        measure(f"paper {preset}", weight, config, data, paper=True)


def main() -> None:
    """Measure the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ours", "own", "paper", "table"))
    parser.add_argument("--settings", default="", help="budgets in KiB per class, or lambdas of the paper's design")
    parser.add_argument("--preset", default="v3-2")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    if options.what == "table":
        from benchmarks.representation_table import print_table

        print_table()
        return
    data = first_images(options.data, 10)
    settings = [float(text) for text in options.settings.split(",") if text]
    if options.what == "ours":
        ours(data, settings or list(BUDGETS_KIB))
    elif options.what == "own":
        own(data, settings or [0.5, 1.0, 2.0, 4.0])
    else:
        paper(data, options.preset, settings or [0.003, 0.01, 0.04, 0.12], options.steps)


if __name__ == "__main__":
    main()

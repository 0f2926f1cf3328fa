"""Networks of each class, of groups of classes, or of all: what sharing is worth at equal bytes.

    python -m benchmarks.studies.sharing [--data FOLDER]

20 lossless CIFAR-10 images per class, fit only, transform of 8x8 blocks without a filter, at a few fixed lambdas:
"own" carries a context network (8, 8) for all classes, for each group of five, or for each class; "built-in" carries
none, so that a group costs little more than its step sizes. Rows: real file bytes, those of the networks in them, PSNR
of the decoded file. The plot adds what each gives at 1,400 bytes per class, which all of them span, interpolated
between its points on the logarithm of the bytes.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from benchmarks.representation import first_images, fit, psnr
from benchmarks.rows import DATA, RESULTS, append, finished, latest
from benchmarks.studies.drawing import bytes_axis, plot
from ddcodec.pipeline import decode, encode_set, info
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData

TABLE = RESULTS / "study_sharing.tsv"
PER_CLASS = 20
LAMBDAS = (0.0003, 0.001)
SHARES = ("all", "group", "class")
NETWORKS = {
    "own": ["codec.context_base=0", "codec.context_widths=[8,8]", "train.fit_steps=40", "train.tune_steps=3"],
    "built-in": ["train.fit_steps=12", "train.tune_steps=0"],
}
WANTED_BYTES = 1400


def measure(data: TrainingData, networks: str, share: str, weight: float) -> None:
    """One row."""
    key = {"networks": networks, "share": share, "lambda": weight, "images_per_class": PER_CLASS, "seed": 0}
    if finished(TABLE, key) is not None:
        return
    started = time.perf_counter()
    settings = [f"train.images_per_class={PER_CLASS}", "train.joint_steps=0", "codec.block=8", "codec.filter_base=0"]
    config = Config().with_settings([*settings, f"codec.share={share}", *NETWORKS[networks], f"train.lambda={weight}"])
    blob = encode_set(fit(config, data).result().model)
    row = {
        **key,
        "file_bytes": len(blob),
        "network_bytes": info(blob).section_bytes["NETS"],
        "bytes_per_class": round(len(blob) / data.class_count, 1),
        "psnr_db": round(psnr(decode(blob).images, data.images), 3),
    }
    append(TABLE, row, seconds=time.perf_counter() - started)
    print(*(f"{name}={value}" for name, value in row.items()), flush=True)


def at_bytes(points: list[tuple[float, float]], wanted: float) -> float | None:
    """PSNR at so many bytes between (bytes, PSNR) points, None outside of them."""
    points = sorted(points)
    for (small, low), (large, high) in zip(points, points[1:], strict=False):
        if small <= wanted <= large and large > small:
            share = math.log(wanted / small) / math.log(large / small)
            return (1 - share) * low + share * high
    return None


def draw_plot() -> None:
    """PSNR against bytes per class."""
    rows = latest(TABLE, "networks", "share", "lambda", "images_per_class")
    title = f"Sharing of networks: {PER_CLASS} lossless CIFAR-10 images per class, fit only"
    with plot("sharing", title) as (panel,):
        for style, networks in zip(("o-", "s--"), NETWORKS, strict=True):
            for colour, share in enumerate(SHARES):
                part = [row for row in rows if (row["networks"], row["share"]) == (networks, share)]
                points = sorted((float(row["bytes_per_class"]), float(row["psnr_db"])) for row in part)
                found = at_bytes(points, WANTED_BYTES)
                level = "" if found is None else f": {found:.2f} dB"
                label = f"{networks}, {share}{level}"
                panel.plot([x for x, _ in points], [y for _, y in points], style, color=f"C{colour}", label=label)
                print(label)
        bytes_axis(panel, "file bytes per class")
        panel.axvline(WANTED_BYTES, color="#5a5a5a", linewidth=1, linestyle=":")
        panel.yaxis.set_major_formatter("{x:g} dB")
        panel.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            title=f"networks, shared by: PSNR at {WANTED_BYTES:,} bytes",
            alignment="left",
        )


def main() -> None:
    """All rows, then the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    data = first_images(parser.parse_args().data, PER_CLASS)
    for networks in NETWORKS:
        for share in SHARES:
            for weight in LAMBDAS:
                measure(data, networks, share, weight)
    draw_plot()


if __name__ == "__main__":
    main()

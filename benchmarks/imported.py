"""What storing another project's tensors as a .ddz costs in accuracy: fp32, exact grids, and the lossy codec.

    python -m benchmarks.imported [--bits 8,6,5,4] [--budgets 2048,1024,512] [--repeats 3] [--epochs 300]

The tensors are those of `benchmarks.floats --kinds distilled` (100 images of CIFAR-10 after plain distribution matching
in pixel space), imported as `ddcodec import --bits` and `--lossy --bytes-per-class` do. All are judged alike: ConvNet-3
of the stated width, all test images. Rows that exist are not measured again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import floats
from benchmarks.rows import DATA, RESULTS, ROOT, append, finished, load_pack, one_core
from ddcodec.dataset import DistilledSet
from ddcodec.export.tensors import torch_file
from ddcodec.pipeline import decode, encode_pixels, encode_set, metadata_of
from ddcodec.sources.adopt import adopt
from ddcodec.sources.foreign import ForeignSet
from ddcodec.train.evaluate import Recipe, evaluate
from ddcodec.train.imported import fit_set

TABLE = RESULTS / "imported.tsv"
Images = NDArray[np.float32]


def stored(foreign: ForeignSet, how: str, value: int) -> tuple[Images, int]:
    """Images in [0, 1] units after storing them in one way, and the bytes of the file."""
    if how == "fp32":
        mean, std = (np.array(part, dtype=np.float32)[:, None, None] for part in (foreign.mean, foreign.std))
        images = np.asarray(foreign.images * std + mean, dtype=np.float32)
        return images, len(torch_file({"images": foreign.images, "labels": foreign.labels}))
    if how == "exact":
        blob = encode_pixels(adopt(foreign, bits=value))
    else:
        dataset = adopt(foreign, bits=12)
        blob = encode_set(fit_set(dataset, bytes_per_class=value).model, metadata_of(dataset), with_hash=True)
    found: DistilledSet = decode(blob)
    return found.images, len(blob)


def main() -> None:
    """One row for each way of storing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with load.py")
    parser.add_argument("--bits", default="8,6,5,4")
    parser.add_argument("--budgets", default="2048,1024,512", help="bytes per class of the lossy files")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=300, help="of distillation")
    parser.add_argument("--learning-rate", type=float, default=1.0, help="of distillation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "floats", help="folder for distilled tensors")
    options = parser.parse_args()
    one_core()
    foreign = floats.foreign_set("distilled", floats.Images(options.data), options)
    pixels, labels, _ = load_pack(options.data, "cifar10_q75", "test")
    test = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    recipe = Recipe(width=options.width, epochs=options.epochs)
    ways = [("fp32", 32), *(("exact", int(b)) for b in options.bits.split(","))]
    ways += [("lossy", int(b)) for b in options.budgets.split(",")]
    for how, value in ways:
        key: dict[str, Any] = {"how": how, "value": value, "steps": options.steps, "epochs": options.epochs}
        if finished(TABLE, key) is not None:
            continue
        started = time.perf_counter()
        images, size = stored(foreign, how, value)
        found = evaluate(
            *(torch.from_numpy(images), torch.from_numpy(foreign.labels), test, torch.from_numpy(labels).long()),
            *(recipe, range(options.repeats), "cpu", floats.MEAN, floats.STD),
        )
        figures = {"file_bytes": size, "width": options.width, "repeats": options.repeats}
        figures |= {"accuracy_percent": f"{100 * found.mean:.2f}", "std_percent": f"{100 * found.std:.2f}"}
        append(TABLE, key | figures, seconds=time.perf_counter() - started)
        print(key, figures, flush=True)


if __name__ == "__main__":
    main()

"""The same 100 images in the layouts that projects release, and as files of ours: bytes, and what they carry.

    python -m benchmarks.layouts [--bytes-per-class 2048] [--flips 40] [--output TABLE]

Ten lossless CIFAR-10 images of each class. A layout holds what its project writes, no more: the yes and no say
whether a reader finds labels, normalisation, learning rate or recipe, and class names in it. `checksum` is tried:
yes where none of the flipped bits, each at a random place of a file, gave other images or labels without an error.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.rivals import psnr
from benchmarks.rows import DATA, RESULTS, append, first_of_each, load_pack, one_core
from ddcodec.dataset import DistilledSet, make_set
from ddcodec.export.imagefolder import class_folders
from ddcodec.export.parquet import write_parquet
from ddcodec.export.tensors import torch_file
from ddcodec.pipeline import decode, encode_pixels, encode_set, metadata_of
from ddcodec.sources.normalisations import find_normalisation
from ddcodec.train.imported import fit_set

TABLE = RESULTS / "layouts.tsv"
PER_CLASS, RUNS = 10, 5
CARRIED = ("labels", "normalisation", "recipe", "class_names")
RECIPE = {"learning_rate": 0.01, "epochs": 1000, "augmentation": "color_crop_cutout_flip_scale_rotate"}
Files = dict[str, bytes]
Read = Callable[[Files], tuple[NDArray[Any], NDArray[Any]]]


class Layout(NamedTuple):
    """files by name; read gives images, in any form, and labels; carries are some of `CARRIED`; normalised: images."""

    name: str
    files: Files
    read: Read
    carries: tuple[str, ...]
    normalised: bool = False


def _torch_read(files: Files, name: str) -> Any:
    return torch.load(io.BytesIO(files[name]), weights_only=True)


def dc_layout(images: NDArray[np.float32], labels: NDArray[np.int64], runs: int) -> Layout:
    """`res_*.pt` of DC, DSA, DM: images and labels of each run in one dict."""
    name = "res_DM_CIFAR10_ConvNet_10ipc.pt"
    scores = {"ConvNet": [0.0] * 20}
    data = torch_file({"data": [[images.copy(), labels.copy()] for _ in range(runs)], "accs_all_exps": scores})

    def read(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        found = _torch_read(files, name)["data"]
        return np.stack([run[0].numpy() for run in found]), np.stack([run[1].numpy() for run in found])

    return Layout(f"DC, DSA, DM .pt, {runs} run{'s' * (runs > 1)}", {name: data}, read, ("labels",), True)


def tensor_layouts(dataset: DistilledSet) -> list[Layout]:
    """MTT's two tensors, IDC's list, npz of bytes, safetensors of halves."""
    normalised, pixels, labels = dataset.normalised(), dataset.images, dataset.labels
    halves, small = normalised.astype(np.float16), dataset.pixels.astype(np.uint8).transpose(0, 2, 3, 1)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, images=small, labels=labels)

    def pair(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        return _torch_read(files, "images_best.pt").numpy(), _torch_read(files, "labels_best.pt").numpy()

    def listed(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        found = _torch_read(files, "data.pt")
        return found[0].numpy(), found[1].numpy()

    def arrays(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        found = np.load(io.BytesIO(files["set.npz"]), allow_pickle=False)
        return found["images"], found["labels"]

    def safe(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        found = safetensors.numpy.load(files["set.safetensors"])
        return found["images"], found["labels"]

    two = {"images_best.pt": torch_file(normalised), "labels_best.pt": torch_file(labels)}
    packed = safetensors.numpy.save({"images": halves, "labels": labels})
    return [
        Layout("MTT images_best.pt, labels_best.pt", two, pair, ("labels",), True),
        Layout("IDC data.pt", {"data.pt": torch_file([pixels, labels])}, listed, ("labels",)),
        Layout("npz, compressed, uint8", {"set.npz": buffer.getvalue()}, arrays, ("labels",)),
        Layout("safetensors, fp16", {"set.safetensors": packed}, safe, ("labels",), True),
    ]


def _picture(pixels: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _pixels(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pictures in class folders; labels are the folders."""
    pictures = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in files.values()]
    return np.stack(pictures), np.array([name.split("/")[0] for name in files])


def picture_layouts(dataset: DistilledSet) -> list[Layout]:
    """PNG by class in a zip, JPEG as RDED and SRe2L write it, Parquet as the Hugging Face hub does."""
    rows = dataset.pixels.astype(np.uint8).transpose(0, 2, 3, 1)
    places = [(label, number % PER_CLASS) for number, label in enumerate(dataset.labels.tolist())]
    folders = class_folders(dataset)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for pixels, (label, number) in zip(rows, places, strict=True):
            archive.writestr(f"{folders[label]}/{number:04d}.png", _picture(pixels, "PNG"))

    def unzip(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        with zipfile.ZipFile(io.BytesIO(files["set.zip"])) as found:
            return _pixels({name: found.read(name) for name in found.namelist()})

    def table(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        from pyarrow import parquet

        found = parquet.read_table(io.BytesIO(files["set.parquet"])).to_pydict()
        pictures, _ = _pixels({f"0/{number}": row["bytes"] for number, row in enumerate(found["image"])})
        return pictures, np.array(found["label"])

    jpegs = {
        f"new{label:03d}/class{label:03d}_id{number:03d}.jpg": _picture(pixels, "JPEG", quality=75)
        for pixels, (label, number) in zip(rows, places, strict=True)
    }
    bare = make_set(dataset.pixels, 255, dataset.class_counts, classes=dataset.classes)
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(bare, Path(folder, "set.parquet"))
        stored = Path(folder, "set.parquet").read_bytes()
    named = ("labels", "class_names")
    return [
        Layout("PNG folders, zip", {"set.zip": buffer.getvalue()}, unzip, named),
        Layout("RDED, SRe2L JPEG folder (q 75)", jpegs, _pixels, ("labels",)),
        Layout("Parquet (Hugging Face)", {"set.parquet": stored}, table, named),
    ]


def own_layouts(dataset: DistilledSet, bytes_per_class: float) -> list[Layout]:
    """What `ddcodec import` writes, exactly and with --lossy."""

    def read(files: Files) -> tuple[NDArray[Any], NDArray[Any]]:
        found = decode(files["set.ddz"])
        return found.images, found.labels

    fitted = fit_set(dataset, bytes_per_class=bytes_per_class)
    lossy = encode_set(fitted.model, metadata_of(dataset), with_hash=True)
    return [
        Layout("ours, exact", {"set.ddz": encode_pixels(dataset)}, read, CARRIED),
        Layout("ours, lossy", {"set.ddz": lossy}, read, CARRIED),
    ]


def psnr_db(layout: Layout, dataset: DistilledSet) -> float:
    """dB of the images as bytes; infinite where these are the original ones."""
    images = layout.read(layout.files)[0]
    if images.dtype != np.uint8:
        images = images.reshape(-1, *dataset.pixels.shape)[-1].astype(np.float64)  # the last run
        if layout.normalised:
            mean, std = (np.array(part)[:, None, None] for part in (dataset.mean, dataset.std))
            images = images * std + mean
        images = np.rint(255 * images.clip(0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    return psnr(images, dataset.pixels.astype(np.uint8).transpose(0, 2, 3, 1))


def silent_flips(layout: Layout, flips: int) -> int:
    """How many of the flipped bits give other images or labels without an error."""
    rng, silent = np.random.default_rng(0), 0
    images, labels = layout.read(layout.files)
    names, sizes = list(layout.files), np.array([len(data) for data in layout.files.values()])
    for place in rng.integers(0, sizes.sum(), flips):
        number = int(np.searchsorted(np.cumsum(sizes), place, side="right"))
        damaged = bytearray(layout.files[names[number]])
        damaged[int(place - sizes[:number].sum())] ^= 1 << int(rng.integers(8))
        try:
            found = layout.read({**layout.files, names[number]: bytes(damaged)})
        except Exception:  # whatever a library says
            continue
        silent += not (np.array_equal(found[0], images) and np.array_equal(found[1], labels))
    return silent


def main() -> None:
    """One row for each layout."""
    parser = argparse.ArgumentParser(description="Released layouts, as TSV.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with load.py")
    parser.add_argument("--bytes-per-class", type=float, default=2048, help="of our lossy file")
    parser.add_argument("--flips", type=int, default=40)
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    one_core()
    warnings.simplefilter("ignore")  # about damaged files
    images, labels, names = load_pack(options.data, "cifar10_exact", "train")
    first = first_of_each(labels, PER_CLASS)
    mean, std = find_normalisation("cifar10-vico")
    facts: dict[str, Any] = {"classes": names, "mean": mean, "std": std, "recipe": RECIPE}
    dataset = make_set(images[first].transpose(0, 3, 1, 2), 255, [PER_CLASS] * len(names), **facts)
    makers: list[Callable[[], list[Layout]]] = [
        lambda: [dc_layout(dataset.normalised(), dataset.labels, runs) for runs in (RUNS, 1)],
        partial(tensor_layouts, dataset),
        partial(picture_layouts, dataset),
        partial(own_layouts, dataset, options.bytes_per_class),
    ]
    for make in makers:
        started = time.perf_counter()
        found = make()
        seconds = (time.perf_counter() - started) / len(found)
        for layout in found:
            quality, silent = psnr_db(layout, dataset), silent_flips(layout, options.flips)
            row = {
                "layout": layout.name,
                "images": len(dataset),
                "files": len(layout.files),
                "file_bytes": sum(map(len, layout.files.values())),
                "psnr_db": f"{quality:.2f}",
                **{part: "yes" if part in layout.carries else "no" for part in CARRIED},
                "checksum": "no" if silent else "yes",
                "silent_flips": f"{silent}/{options.flips}",
            }
            append(options.output, row, seconds=seconds)
            print(*row.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()

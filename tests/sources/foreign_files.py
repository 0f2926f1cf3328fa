"""Writes one small set in every layout that an importer must know, names, nesting and types as their projects do."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ddcodec.dataset import make_set
from ddcodec.export.png import write_png_folder
from ddcodec.export.tensors import write_tensors
from ddcodec.sources.foreign import Options
from ddcodec.sources.normalisations import NORMALISATIONS

CLASSES, EACH = 3, 2
COUNT = CLASSES * EACH
RNG = np.random.default_rng(11)
BYTES = RNG.integers(0, 256, (COUNT, 3, 8, 8), dtype=np.uint8)
BYTES[0, 0, 0, :2] = 0, 255
LABELS = np.repeat(np.arange(CLASSES), EACH)
NAMES = ("ant", "bee", "cat")
LOGITS = (RNG.normal(size=(COUNT, CLASSES)) + 9 * np.eye(CLASSES)[LABELS]).astype(np.float32)
CENTRED = (np.eye(CLASSES)[LABELS] - 0.1).astype(np.float32)
RATE = 0.0179
CIFAR = NORMALISATIONS["cifar10-vico"]

PIXELS = BYTES / np.float32(255)
NORMALISED = ((PIXELS - np.array(CIFAR.mean)[:, None, None]) / np.array(CIFAR.std)[:, None, None]).astype(np.float32)

AS_CIFAR = Options(normalisation=CIFAR)
AS_PIXELS = Options(in_pixels=True)


def images() -> torch.Tensor:
    """Normalised images, float32 (6, 3, 8, 8)."""
    return torch.from_numpy(NORMALISED.copy())


def labels() -> torch.Tensor:
    """Hard labels, int64 (6,), sorted."""
    return torch.from_numpy(LABELS.copy())


def _other() -> list[torch.Tensor]:
    """Images and labels of an experiment that shall not be taken."""
    return [images() * 0.5, labels()]


def dc(folder: Path) -> Path:
    """DC, DSA, DM: five experiments, and accuracies that hold numpy numbers."""
    path = folder / "res_DM_CIFAR10_ConvNet_2ipc.pt"
    data = [*(_other() for _ in range(4)), [images(), labels()]]
    accuracies = {"ConvNet": [0.261, np.float64(0.25), np.float32(0.5)]}
    torch.save({"data": data, "accs_all_exps": accuracies}, path)
    return path


def continual(folder: Path) -> Path:
    """Continual learning: the index is the step."""
    path = folder / "cl_res_DM_CIFAR100.pt"
    torch.save({"data": [_other(), [images(), labels()]]}, path)
    return path


def mtt(folder: Path) -> Path:
    """MTT: two bare tensors; older iterations lie beside them."""
    path = folder / "images_best.pt"
    torch.save(images(), path)
    torch.save(labels(), folder / "labels_best.pt")
    torch.save(images() * 0.5, folder / "images_100.pt")
    torch.save(labels(), folder / "labels_100.pt")
    return path


def mtt_parameter(folder: Path) -> Path:
    """The same, with images that need a gradient."""
    path = mtt(folder)
    torch.save(images().requires_grad_(True), path)
    return path


def datm(folder: Path) -> Path:
    """DATM: labels are logits, and the learning rate is a tensor without axes."""
    folder = folder / "Normal"
    folder.mkdir()
    torch.save(images(), folder / "images_best.pt")
    torch.save(torch.from_numpy(LOGITS), folder / "labels_best.pt")
    torch.save(torch.tensor(RATE), folder / "lr_best.pt")
    return folder


def dd_ranking(folder: Path) -> Path:
    """DD-Ranking's input with hard labels left out."""
    torch.save(images(), folder / "images.pt")
    torch.save(torch.tensor(RATE), folder / "lr.pt")
    return folder


def idc(folder: Path) -> Path:
    """IDC: a list of un-normalised images and targets."""
    path = folder / "data.pt"
    torch.save([torch.from_numpy(PIXELS.copy()), labels()], path)
    return path


def ncfm(folder: Path) -> Path:
    """NCFM: the same list."""
    folder = folder / "distilled_data"
    folder.mkdir()
    path = folder / "data_20000.pt"
    torch.save([torch.from_numpy(PIXELS.copy()), labels()], path)
    return path


def fred(folder: Path) -> Path:
    """FreD: a tuple inside a list inside a list, and a mask beside it."""
    path = folder / "res_DM_CIFAR10_ConvNet_2ipc.pt"
    torch.save({"data": [[tuple(_other())], [(images(), labels())]]}, path)
    torch.save(torch.ones(COUNT, 3, 8, 8), folder / "mask.pt")
    return path


def kip(folder: Path) -> Path:
    """KIP: channels last, labels one-hot-like floats."""
    path = folder / "kip_cifar10.npz"
    np.savez(path, images=PIXELS.transpose(0, 2, 3, 1), labels=CENTRED)
    return path


def rfad(folder: Path) -> Path:
    """RFAD: channels first, centred labels, and numbers of the run."""
    path = folder / "best.npz"
    run = {"valid_loss": np.float32(0.3), "k": np.float64(5), "jit": np.float64(0.006)}
    np.savez(path, images=PIXELS, labels=CENTRED, **run)
    return path


def wang(folder: Path) -> Path:
    """Dataset Distillation: a list of steps with a learning rate each."""
    path = folder / "results.pth"
    torch.save([(*_other(), torch.tensor([0.5])), (images(), labels(), torch.tensor([RATE]))], path)
    return path


def _save(path: Path, pixels: np.ndarray, **how: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(path, **how)


def sre2l(folder: Path) -> Path:
    """SRe2L's names (it writes JPEG; here the suffix is PNG, so that nothing is lost)."""
    for k, label in enumerate(LABELS):
        _save(folder / f"new{label:03d}" / f"class{label:03d}_id{k % EACH:03d}.png", BYTES[k])
    return folder


def rded(folder: Path) -> Path:
    """RDED's names."""
    for k, label in enumerate(LABELS):
        _save(folder / f"{label:05d}" / f"class{label:05d}_id{k % EACH:05d}.png", BYTES[k])
    return folder


def named_folders(folder: Path) -> Path:
    """Class folders with the classes' names, as torchvision's ImageFolder reads them; here as WebP."""
    for k, label in enumerate(LABELS):
        _save(folder / NAMES[label] / f"{k}.webp", BYTES[k], lossless=True, exact=True)
    (folder / "README.txt").write_text("three insects, one of them a cat")
    return folder


def jpeg_folders(folder: Path) -> Path:
    """SRe2L as it is, with Pillow's default quality."""
    for k, label in enumerate(LABELS):
        _save(folder / f"new{label:03d}" / f"class{label:03d}_id{k % EACH:03d}.jpg", BYTES[k])
    return folder


def bench(folder: Path) -> Path:
    """DC-BENCH: bare tensors with the data set in front; labels may be floats."""
    path = folder / "CIFAR10_IPC2_images.pt"
    torch.save(images(), path)
    torch.save(labels().float(), folder / "CIFAR10_IPC2_labels.pt")
    return path


def bench_random(folder: Path) -> Path:
    """DC-BENCH, random images."""
    path = folder / "CIFAR10_IPC2_normalize_images.pt"
    torch.save(images(), path)
    torch.save(labels(), folder / "CIFAR10_IPC2_labels.pt")
    return path


def bench_parts(folder: Path) -> Path:
    """DC-BENCH, Tiny ImageNet: images in several files."""
    for k in range(3):
        torch.save(images()[2 * k : 2 * k + 2].clone(), folder / f"images_best_{k}.pt")
        torch.save(labels()[2 * k : 2 * k + 2].clone(), folder / f"labels_best_{k}.pt")
    return folder


def bench_parts_one_label_file(folder: Path) -> Path:
    """The same with all labels in one file."""
    for k in range(3):
        torch.save(images()[2 * k : 2 * k + 2].clone(), folder / f"images_best_{k}.pt")
    torch.save(labels(), folder / "labels_best.pt")
    return folder


def parquet(folder: Path) -> Path:
    """The hub's columns and its description of them."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    def png(pixels: np.ndarray) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(stream, "PNG")
        return stream.getvalue()

    path = folder / "train-00000-of-00001.parquet"
    rows = [{"bytes": png(pixels), "path": f"{k}.png"} for k, pixels in enumerate(BYTES)]
    features = {"img": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(NAMES)}}
    table = pa.table({"img": rows, "label": LABELS.tolist()})
    notes = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(notes), path)
    return path


def our_set() -> Any:
    """The set in our own form."""
    counts = [EACH] * CLASSES
    return make_set(BYTES, 255, counts, classes=NAMES, mean=CIFAR.mean, std=CIFAR.std, recipe={"learning_rate": RATE})


def our_tensors(kind: str) -> Callable[[Path], Path]:
    """A writer of `ddcodec decode --to kind`."""

    def write(folder: Path) -> Path:
        path = folder / f"out.{kind}"
        write_tensors(our_set(), path, kind)
        return path

    return write


def our_pictures(folder: Path) -> Path:
    """`ddcodec decode`."""
    write_png_folder(our_set(), folder / "out")
    return folder / "out"


@dataclass(frozen=True)
class Case:
    """How a layout is written, what the user must say, and which layout is found."""

    write: Callable[[Path], Path]
    options: Options
    layout: str


CASES = {
    "DC": Case(dc, AS_CIFAR, "dc"),
    "continual learning": Case(continual, AS_CIFAR, "dc"),
    "MTT": Case(mtt, AS_CIFAR, "mtt"),
    "MTT folder": Case(lambda folder: mtt(folder).parent, AS_CIFAR, "mtt"),
    "MTT parameter": Case(mtt_parameter, AS_CIFAR, "mtt"),
    "DATM": Case(datm, AS_CIFAR, "datm"),
    "DD-Ranking": Case(dd_ranking, Options(normalisation=CIFAR, classes=NAMES, layout="dd-ranking"), "dd-ranking"),
    "IDC": Case(idc, Options(), "idc"),
    "NCFM": Case(ncfm, Options(layout="ncfm", factor=2, decode_type="single"), "ncfm"),
    "FreD": Case(fred, AS_CIFAR, "fred"),
    "KIP": Case(kip, AS_PIXELS, "kip"),
    "RFAD": Case(rfad, AS_PIXELS, "rfad"),
    "DD": Case(wang, AS_CIFAR, "dd"),
    "SRe2L": Case(sre2l, Options(), "image-folder"),
    "RDED": Case(rded, Options(), "image-folder"),
    "ImageFolder": Case(named_folders, Options(), "image-folder"),
    "DC-BENCH": Case(bench, AS_CIFAR, "mtt"),
    "DC-BENCH random": Case(bench_random, AS_CIFAR, "mtt"),
    "DC-BENCH parts": Case(bench_parts, AS_CIFAR, "mtt"),
    "DC-BENCH parts, labels whole": Case(bench_parts_one_label_file, AS_CIFAR, "mtt"),
    "parquet": Case(parquet, Options(), "parquet"),
    "our npz": Case(our_tensors("npz"), Options(), "arrays"),
    "our safetensors": Case(our_tensors("safetensors"), Options(), "arrays"),
    "our pt": Case(our_tensors("pt"), Options(), "arrays"),
    "our PNG": Case(our_pictures, Options(), "image-folder"),
}

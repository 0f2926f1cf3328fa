"""A decoded set as the tensors that other projects' programs read.

They know neither mean nor factor: images are normalised, mosaics are cut and enlarged, samples are sorted by class.
"""

import os

import numpy as np
from numpy.typing import NDArray

from ddcodec.dataset import DistilledSet
from ddcodec.errors import InputError
from ddcodec.export.folder import new_folder
from ddcodec.export.tensors import torch_file
from ddcodec.format.atomic import write_atomic
from ddcodec.views.zca import recipe_epsilon


def for_networks(
    dataset: DistilledSet,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32] | None]:
    """Images, labels and logits as a network is trained on them, sorted by class.

    Returns: images (N', channels, height, width) float32, normalised (whitened ones as they are), N' = N f^2 for
        mosaics of f x f; labels (N',) int64; (N', C) float32 whose softmax are the soft labels, None where there
        are none or where they are scores, which no softmax gives.
    Raises: as `DistilledSet.expanded`; InputError where the recipe whitens images, as the matrix is not in the file.
    """
    if not dataset.whitening and recipe_epsilon(dataset.recipe):
        raise InputError(
            "the recipe whitens images (recipe.zca) by a matrix that is not in the file, and this layout holds what "
            "networks see; keep the pictures (--to npz, pt or safetensors)"
        )
    images, labels, soft = dataset.expanded()
    if not dataset.whitening:
        images = dataset.eval_transform()(images)
    if dataset.soft is not None and soft is not None:
        if dataset.soft.kind == "probabilities":
            soft = np.log(np.maximum(soft, np.float32(0.5 / dataset.soft.unit)))  # half the least that is not 0
        elif dataset.soft.kind == "scores":
            soft = None
    places = np.argsort(labels, kind="stable")
    return images[places], labels[places], None if soft is None else soft[places]


def write_dc(dataset: DistilledSet, path: str | os.PathLike[str]) -> None:
    """Write the `res_*.pt` of DC, DSA and DM: {"data": [[images, labels]], "accs_all_exps": {}}, hard labels.

    Raises: DdzError without torch; as `for_networks` and `write_atomic`.
    """
    images, labels, _ = for_networks(dataset)
    write_atomic(path, torch_file({"data": [[images, labels]], "accs_all_exps": {}}))


def _write_folder(dataset: DistilledSet, target: str | os.PathLike[str], ending: str) -> None:
    images, labels, logits = for_networks(dataset)
    parts: dict[str, NDArray[np.generic]] = {"images": images, "labels": labels if logits is None else logits}
    if "learning_rate" in dataset.recipe:
        parts["lr"] = np.array(dataset.recipe["learning_rate"], dtype=np.float32)
    files = {f"{name}{ending}.pt": torch_file(part) for name, part in parts.items()}
    with new_folder(target) as root:
        for name, content in files.items():
            (root / name).write_bytes(content)


def write_mtt(dataset: DistilledSet, target: str | os.PathLike[str]) -> None:
    """Write a folder with images_best.pt, labels_best.pt and, if the recipe has a learning rate, lr_best.pt.

    Labels are (N,) int64, or logits (N, C) float32 (as in DATM) where the set has soft labels.

    Raises: DdzError without torch; as `for_networks` and `new_folder`.
    """
    _write_folder(dataset, target, "_best")


def write_ddranking(dataset: DistilledSet, target: str | os.PathLike[str]) -> None:
    """Write what DD-Ranking measures: a folder with images.pt, labels.pt and perhaps lr.pt, as `write_mtt`."""
    _write_folder(dataset, target, "")

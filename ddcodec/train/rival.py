"""What a distilled set must beat: random real images through the same codec, in a file of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ddcodec.dataset import DistilledSet, make_set
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import decode, encode_set
from ddcodec.sources.labelled import LabelledImages
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.evaluate import EvalResult
from ddcodec.train.judging import judge
from ddcodec.train.seams import DistillerFactory

_TRIES, _TOLERANCE = 3, 0.02


@dataclass(frozen=True)
class Rival:
    """images_per_class: real images in the file; file_bytes: its size; accuracy: of training on them."""

    images_per_class: int
    file_bytes: int
    accuracy: EvalResult


def real_set(data: TrainingData, like: DistilledSet) -> DistilledSet:
    """All real images as a set with 8-bit pixels, normalised as another one."""
    order = data.labels.argsort(kind="stable")
    pixels = (data.images[order] * 255).round().astype("int16")
    counts = torch.bincount(torch.from_numpy(data.labels), minlength=data.class_count).tolist()
    return make_set(pixels, 255, counts, classes=data.classes, mean=like.mean, std=like.std)


def coded_images(
    config: Config,
    data: TrainingData,
    metadata: Metadata,
    target_bytes: int,
    device: torch.device,
    factory: DistillerFactory,
) -> bytes:
    """The file of random real images whose size is nearest to the target: a run without its joint phase.

    Args: config: says how many images; metadata: goes into the file, so that all sizes mean the same.
    """
    classes = data.class_count
    wanted, best = float(target_bytes), b""
    for _ in range(_TRIES):
        fit_only = {"joint_steps": 0, "bytes_per_class": wanted / classes}
        distiller = factory(config.updated({"train": fit_only}), data, device)
        while distiller.steps_done < distiller.steps_total:
            distiller.step()
        blob = encode_set(distiller.result().model, metadata, with_hash=True)
        if not best or abs(len(blob) - target_bytes) < abs(len(best) - target_bytes):
            best = blob
        if abs(len(best) / target_bytes - 1) <= _TOLERANCE:
            break
        wanted *= target_bytes / len(blob)
    return best


def best_rival(
    config: Config,
    data: TrainingData,
    test: LabelledImages,
    metadata: Metadata,
    target_bytes: int,
    counts: Sequence[int],
    repeats: int,
    device: torch.device,
    factory: DistillerFactory,
) -> Rival:
    """The best of several numbers of images per class, judged as the distilled set is.

    Args: counts: images per class to try (never more than a class has).
    """
    most = int(torch.bincount(torch.from_numpy(data.labels)).min())
    found = []
    for count in sorted({min(count, most) for count in counts}):
        sized = config.updated({"train": {"images_per_class": count}})
        blob = coded_images(sized, data, metadata, target_bytes, device, factory)
        found.append(Rival(count, len(blob), judge(decode(blob), test, config.recipe, repeats, device, real=data)))
    return max(found, key=lambda rival: rival.accuracy.mean)

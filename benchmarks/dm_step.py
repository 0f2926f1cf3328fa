"""A step of distribution matching: seconds and peak memory of a plain reference and of ours.

    python -m benchmarks.dm_step [--width 128] [--images 10] [--real 256] [--rounds 5] [--device cpu] [--data PATH]
        [--output TABLE]

Plain: `benchmarks.plain_dm`. Ours, by precision: `random`, the same work; `pool`, the default, whose real statistics
are taken once before the first step (that is not in these figures, neither its time nor its memory). All learn the
same number of CIFAR-10 pixels by SGD under the same policy of augmentation. Each variant lives in a process of its
own with its own malloc (ours as `ddcodec distill` sets it); they take turns step by step, so that a noisy machine is
noisy for all, after a step that is not counted; `times_as_fast` compares medians, on the CPU those of CPU seconds,
which other processes disturb least (on one core and one thread). Peak memory on the CPU: the process's largest
resident size less that before its matcher was made, with data and libraries loaded; on CUDA the most that torch ever
held, data included.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.plain_dm import PlainMatching
from benchmarks.rows import DATA, RESULTS, append, finished, load_pack, one_core
from ddcodec.train.augment import DSA
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.train.losses.registry import make_matcher
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.memory import keep_freed_memory

TABLE = RESULTS / "dm_step.tsv"
CLASSES, READ = 10, 10_000
VARIANTS = ("plain float32", "random float32", "random bfloat16", "pool float32", "pool bfloat16")


def training_data(folder: Path) -> TrainingData:
    """The first images of CIFAR-10, (READ, 3, 32, 32) float32 in [0, 1]."""
    images, labels, names = load_pack(folder, "cifar10_q75", "train", READ)
    scaled = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)
    scaled /= 255  # in place: what is only needed on the way here shall not be the peak
    return TrainingData(scaled, labels.astype(np.int64), tuple(names), "cifar10_q75 train")


def first_pixels(data: TrainingData, each: int) -> tuple[Tensor, Tensor]:
    """The first `each` real images of every class, in [0, 1], and their labels."""
    rows = np.concatenate([np.flatnonzero(data.labels == c)[:each] for c in range(CLASSES)])
    return torch.from_numpy(data.images[rows]), torch.arange(CLASSES).repeat_interleave(each)


def plain(data: TrainingData, options: argparse.Namespace, device: torch.device) -> Callable[[int], float]:
    """A step of the reference."""
    mean, std = (torch.tensor([v] * 3).view(1, 3, 1, 1) for v in (0.5, 0.25))
    images = torch.from_numpy(data.images).sub_(mean).div_(std).to(device)
    pixels = first_pixels(data, options.images)[0].to(device)
    labels = torch.from_numpy(data.labels).to(device)
    sizes = {"classes": CLASSES, "width": options.width, "real": options.real}
    return PlainMatching(images, labels, pixels, **sizes).step


def ours(
    data: TrainingData, options: argparse.Namespace, device: torch.device, source: str, precision: str
) -> Callable[[int], float]:
    """A step of ours; a pool of one network that has seen the first few images once stands for any other."""
    keep_freed_memory()
    start, labels = first_pixels(data, options.images)
    if source == "pool":
        data = TrainingData(start.numpy(), labels.numpy(), data.classes, data.name)
    settings = {"source": source, "precision": precision, "width": options.width, "real_batch": options.real}
    matching = {**settings, "augmentation": DSA, "networks": 1, "stages": [1]}
    real = RealImages(data, torch.full((3,), 0.5), torch.full((3,), 0.25), device)
    matcher = make_matcher(Config().updated({"matching": matching}), real, torch.Generator().manual_seed(0))
    for number in range(matcher.prepare_steps):
        matcher.prepare(number)
    pixels, labels = start.clone().to(device), labels.to(device)
    optimiser = torch.optim.SGD([pixels], lr=1.0, momentum=0.5)

    def step(number: int) -> float:
        pixels.grad, terms = matcher.pixel_gradient(pixels, labels, number)
        optimiser.step()
        return sum(value for name, value in terms.items() if name.startswith("loss_"))

    return step


def resident_bytes() -> int:
    """Largest size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def work(options: argparse.Namespace) -> None:
    """One variant: a step for each line on stdin, answered by its seconds, CPU seconds and the peak bytes so far."""
    device = torch.device(options.device)
    data = training_data(options.data)
    source, precision = options.variant.split()
    before = resident_bytes()
    step = plain(data, options, device) if source == "plain" else ours(data, options, device, source, precision)
    for number, _ in enumerate(sys.stdin):
        started, busy = time.perf_counter(), time.process_time()
        loss = step(number)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        assert np.isfinite(loss)
        peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else resident_bytes() - before
        print(f"{seconds} {busy} {peak}", flush=True)


def measured(options: argparse.Namespace) -> dict[str, tuple[list[float], list[float], int]]:
    """Seconds and CPU seconds of every counted step, and peak bytes, by variant."""
    command = [sys.executable, "-m", "benchmarks.dm_step", *sys.argv[1:], "--variant"]
    pipes = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in VARIANTS
    ]
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    busy: dict[str, list[float]] = {name: [] for name in VARIANTS}
    peaks = dict.fromkeys(VARIANTS, 0)
    for number in range(options.rounds + 1):
        for name, process in zip(VARIANTS, pipes, strict=True):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("step\n")
            process.stdin.flush()
            answer = process.stdout.readline().split()
            if len(answer) != 3:
                raise SystemExit(f"{name}: failed in step {number}")
            if number:
                seconds[name].append(float(answer[0]))
                busy[name].append(float(answer[1]))
            peaks[name] = int(answer[2])
    for process in pipes:
        process.communicate()
    return {name: (seconds[name], busy[name], peaks[name]) for name in VARIANTS}


def main() -> None:
    """A row for each variant."""
    parser = argparse.ArgumentParser(description="Seconds and peak memory of a step of distribution matching, as TSV.")
    for name, value in (("width", 128), ("images", 10), ("real", 256), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, default=TABLE)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = torch.device(options.device)
    if options.variant:
        work(options)
        return
    if device.type == "cpu":
        one_core()
    shown = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, 1 core"
    key = {"device": shown, "width": options.width, "images_per_class": options.images, "real_per_class": options.real}
    if all(finished(options.output, {**key, "variant": name}) for name in VARIANTS):
        print(f"{options.output.name} has these rows")
        return
    begun = time.perf_counter()
    found = measured(options)
    clock = 1 if device.type == "cpu" else 0
    reference = statistics.median(found[VARIANTS[0]][clock])
    for name, (seconds, busy, peak) in found.items():
        row = {
            **key,
            "variant": name,
            "torch": torch.__version__,
            "rounds": options.rounds,
            "step_s": f"{statistics.median(seconds):.3f}",
            "step_cpu_s": f"{statistics.median(busy):.3f}",
            "peak_mib": f"{peak / 2**20:.0f}",
            "times_as_fast": f"{reference / statistics.median((seconds, busy)[clock]):.2f}",
        }
        append(options.output, row, seconds=time.perf_counter() - begun)
        print(*row.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()

"""Experts of trajectory matching: trained until all are there or time is up; seconds per expert-epoch."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from benchmarks.gpu.desk import Desk
from benchmarks.gpu.ways import together_is_faster
from ddcodec.train.experts import Experts
from ddcodec.train.loop import Stopped
from ddcodec.train.losses.seam import RealImages


def folder_of(desk: Desk) -> Path:
    """Where experts lie."""
    return desk.work / "experts"


def experts_of(desk: Desk) -> Experts:
    """The experts of the plan, with their folder."""
    images = desk.train.images
    mean = torch.from_numpy(images.mean((0, 2, 3), dtype="float64")).float()
    std = torch.from_numpy(images.std((0, 2, 3), dtype="float64")).float().clamp(min=1e-3)
    experts = Experts(desk.plan.experts_config(), RealImages(desk.train, mean, std, desk.device))
    experts.store.use_folder(folder_of(desk))
    return experts


def choose_way(desk: Desk, experts: Experts) -> bool:
    """Whether a group's batch is faster in one pass on this device."""
    options, images = desk.plan.experts_config().tm, desk.train.images
    count, each = experts.count(0), min(options.expert_batch, len(images))
    seen = torch.rand(count, each, *images.shape[1:], device=desk.device)
    labels = torch.zeros(count, each, dtype=torch.int64, device=desk.device)
    flat = torch.stack([experts.network.fresh(row) for row in range(count)])

    def work(together: bool) -> None:
        for _ in range(3):
            experts._slopes(flat, seen, labels, together)

    return together_is_faster(desk, "experts", lambda: work(True), lambda: work(False))


def measure(desk: Desk) -> None:
    """Train what is missing; one row for what this call trained.

    Raises: Stopped when time is up first.
    """
    experts, options = experts_of(desk), desk.plan.experts_config().tm
    missing = [number for number in range(experts.steps) if not _there(experts, number, options.expert_epochs)]
    if not missing:
        return
    experts.together = choose_way(desk, experts)
    desk.peak_mib(reset=True)
    started = time.perf_counter()
    epochs, longest, stopped = 0, 0.0, False
    loss = float("nan")
    for number in missing:
        if desk.clock.left() <= longest:
            stopped = True
            break
        begun = time.perf_counter()
        metrics = experts.train(number)
        desk.synchronise()
        longest = max(longest, time.perf_counter() - begun)
        loss = metrics.get("loss", loss)
        epochs += experts.count(number // options.expert_epochs)
        if number % 10 == 0:
            desk.say("experts", metrics, f"{(time.perf_counter() - started) / epochs:.3f} s per expert-epoch")
    if epochs:
        seconds = time.perf_counter() - started
        row = {
            "experts": options.experts,
            "epochs": options.expert_epochs,
            "width": desk.plan.experts_config().matching.width,
            "batch": options.expert_batch,
            "group": options.together,
            "together": experts.together,
            "expert_epochs_done": epochs,
            "seconds_per_expert_epoch": f"{seconds / epochs:.4f}",
            "peak_mib": desk.peak_mib(),
            "last_loss": f"{loss:.4f}",
        }
        desk.add("experts", row, started)
    if stopped:
        raise Stopped(f"experts: {len(missing)} steps were missing; go on in the next call")


def _there(experts: Experts, number: int, epochs: int) -> bool:
    group, epoch = divmod(number, epochs)
    return experts.store.has(group, epoch + 1)


def complete(desk: Desk) -> bool:
    """Whether all experts are there."""
    experts, epochs = experts_of(desk), desk.plan.experts_config().tm.expert_epochs
    return all(_there(experts, number, epochs) for number in range(experts.steps))

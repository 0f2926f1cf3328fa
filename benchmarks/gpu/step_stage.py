"""Steps per second and peak memory of dm and tm, beside plain references on the same device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.gpu.candidates import Replayed, back_of, slope_of, unrolled_in_parts
from benchmarks.gpu.desk import Desk
from benchmarks.gpu.plain_dm import plain_distribution
from benchmarks.plain_tm import plain_trajectory
from ddcodec.train.augment import augment
from ddcodec.train.config import Config
from ddcodec.train.convnet import ConvNet, seeded_convnet
from ddcodec.train.flat import mixed_seed
from ddcodec.train.losses.dm import DistributionMatching
from ddcodec.train.losses.seam import RealImages
from ddcodec.train.losses.tm import TrajectoryMatching
from ddcodec.train.losses.unroll import unrolled

_WARM, _LEAST = 2, 3

Work = Callable[[], Tensor]
"""One step; returns the pixel gradient."""
WAYS = {"dm": ("ours", "plain"), "tm": ("ours", "ours, bf16", "ours, replayed", "plain")}


def measure(desk: Desk) -> None:
    """A row for each method and number of images that has none."""
    for images in desk.plan.step_images:
        rows(desk, "dm", images, dm_ways)
        rows(desk, "tm", images, tm_ways)


def rows(desk: Desk, loss: str, each: int, ways: Callable[[Desk, int], dict[str, Work]]) -> None:
    """Rows of one loss at so many synthetic images per class."""
    key = {"loss": loss, "images": each}
    missing = [way for way in WAYS[loss] if desk.known("step", {**key, "way": way}) is None]
    if not missing or desk.clock.left() < 4 * desk.plan.step_seconds:
        return
    made = ways(desk, each)
    config = desk.plan.config(desk.plan.dm[0] if loss == "dm" else desk.plan.tm[0])
    for way in missing:
        started = time.perf_counter()
        row = {**key, "way": way, "width": config.matching.width, **timed(desk, made[way])}
        comparable = loss == "tm" and row["steps"]  # dm's reference has another loss
        row["cosine"] = cosine(made[way], made["ours"]) if comparable else ""
        desk.add("step", row, started)


def cosine(one: Work, other: Work) -> str:
    """Between the pixel gradients of two ways."""
    return f"{float(torch.cosine_similarity(one().flatten(), other().flatten(), dim=0)):.4f}"


def timed(desk: Desk, work: Work) -> dict[str, object]:
    """Steps per second from the median step, and peak memory; or why there is none."""
    try:
        for _ in range(_WARM):
            work()
        desk.synchronise()
        desk.peak_mib(reset=True)
        took: list[float] = []
        while len(took) < _LEAST or sum(took) < desk.plan.step_seconds:
            started = time.perf_counter()
            work()
            desk.synchronise()
            took.append(time.perf_counter() - started)
    except RuntimeError as error:  # memory that ran out is one; a candidate may fail for other reasons
        torch.cuda.empty_cache()
        reason = str(error).partition("\n")[0][:80]
        return {"steps_per_s": "", "steps": 0, "peak_mib": "", "failed": reason}
    return {
        "steps_per_s": f"{1 / statistics.median(took):.3f}",
        "steps": len(took),
        "peak_mib": desk.peak_mib(),
        "failed": "",
    }


def real_of(desk: Desk) -> RealImages:
    """The real images, normalised as far as timing needs it."""
    channels = desk.train.images.shape[1]
    return RealImages(desk.train, torch.full((channels,), 0.5), torch.full((channels,), 0.25), desk.device)


def synthetic(desk: Desk, each: int) -> tuple[Tensor, Tensor]:
    """Noise, which costs what photographs cost: images (10 each, C, H, W) and labels on the device."""
    classes = desk.train.class_count
    shape = (classes * each, *desk.train.images.shape[1:])
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return images.to(desk.device), torch.arange(classes).repeat_interleave(each).to(desk.device)


def dm_ways(desk: Desk, each: int) -> dict[str, Work]:
    """A step of each: from pixels to their gradient."""
    config = desk.plan.config(desk.plan.dm[0]).with_settings(["matching.networks=1"])
    real, (images, labels) = real_of(desk), synthetic(desk, each)
    matcher = DistributionMatching(config, real, torch.Generator().manual_seed(0))
    matcher.prepare(0)
    # the reference finds its real images on the device, too: it shall not be slow for that reason
    everything, names = real.all()
    of_class = [everything[names == label] for label in range(real.classes)]
    draw = torch.Generator().manual_seed(1)
    normal = real.normalise(images)
    count = 0

    def some(label: int) -> Tensor:
        rows = torch.randint(len(of_class[label]), (desk.plan.step_real,), generator=draw)
        return of_class[label][rows.to(desk.device)]

    def plain() -> Tensor:
        nonlocal count
        count += 1
        matching = config.matching
        return plain_distribution(normal, labels, some, width=matching.width, policy=matching.augmentation, seed=count)

    return {"ours": lambda: matcher.pixel_gradient(images, labels, 0)[0], "plain": plain}


def tm_ways(desk: Desk, each: int) -> dict[str, Work]:
    """A step of each, towards a made-up expert; both are given the same start, target and batches."""
    config: Config = desk.plan.config(desk.plan.tm[0])
    real, (images, labels) = real_of(desk), synthetic(desk, each)
    matcher = TrajectoryMatching(config, real, torch.Generator().manual_seed(0))
    network = matcher.experts.network
    start = network.fresh(1)
    target = start + 0.01 * torch.randn(len(start), generator=torch.Generator().manual_seed(2)).to(desk.device)
    batches = matcher._batches(len(images))
    policy, rate = config.matching.augmentation, config.tm.student_rate

    def view(batch: Tensor, step: int) -> Tensor:
        return augment(real.normalise(batch), policy, torch.Generator().manual_seed(mixed_seed(3, step)))

    frame: ConvNet = seeded_convnet(real.channels, real.size_hw, real.classes, seed=0, width=config.matching.width)
    frame = frame.to(desk.device)
    problem = (images, labels, (start, target), rate, batches, view)
    recorded: list[Replayed] = []

    def ours() -> Tensor:
        return unrolled(network, *problem).pixels

    def replayed() -> Tensor:
        if not recorded:
            rows = batches[0]
            examples = (start, view(images[rows], 0), labels[rows])
            recorded.append(Replayed(slope_of(network), examples))
            recorded.append(Replayed(back_of(network), (*examples, start)))
        return unrolled_in_parts(*problem, *recorded)

    def half(work: Work) -> Work:
        def inside() -> Tensor:
            with torch.autocast(desk.device.type, torch.bfloat16, cache_enabled=False):
                return work()

        return inside

    ways = {"ours": ours, "ours, bf16": half(ours), "ours, replayed": replayed}
    return {**ways, "plain": lambda: plain_trajectory(frame, *problem)[1]}

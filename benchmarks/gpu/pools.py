"""One pool of matching networks for all points of dm: it depends on data, seed and [matching] alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save

from ddcodec.format.atomic import write_atomic
from ddcodec.train.convnet import ConvNet
from ddcodec.train.distiller import Distiller
from ddcodec.train.losses.dm import DistributionMatching
from ddcodec.train.pool import pool_from_state, pool_state

POOL = "pool.safetensors"


def lend_pool(distiller: Distiller, folder: Path) -> None:
    """Give a fresh run the pool that lies in the folder; without one, see that it is put there when it is complete."""
    matcher = distiller.matcher
    assert isinstance(matcher, DistributionMatching)
    path, pool, device = folder / POOL, matcher.pool, distiller.device
    channels, height, width = distiller.data.images.shape[1:]
    shape = channels, (height, width), distiller.data.class_count, pool.options.width
    if path.exists():
        state = {name: value.to(device) for name, value in load_file(path).items()}
        pool.members = pool_from_state(state, lambda: ConvNet(*shape).to(device))
        return
    plain = pool.train

    def train(number: int) -> dict[str, float]:
        metrics = plain(number)
        if number == matcher.prepare_steps - 1:
            kept = {name: value.cpu().contiguous() for name, value in pool_state(pool.members).items()}
            write_atomic(path, save(kept))
        return metrics

    changed: Any = pool
    changed.train = train

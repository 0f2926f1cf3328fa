"""Work on the latents of many images: some images in each thread, where torch was given several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_LEAST = 32
"""Images that are worth a thread."""

Found = TypeVar("Found")


def by_parts(images: int, work: Callable[[slice], Found]) -> list[Found]:
    """Call `work` with slices that cover 0..images in order, at the same time; its answers in that order.

    numpy lets go of the interpreter in all that takes long here. Answers must not depend on where the cuts are: what
    is added up over images has to be put in place by the parts and added up afterwards.
    """
    count = max(1, min(torch.get_num_threads(), images // _LEAST))
    edges = [images * place // count for place in range(count + 1)]
    parts = [slice(start, stop) for start, stop in zip(edges, edges[1:], strict=False)]
    if count == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, parts))

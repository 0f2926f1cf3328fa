"""From networks and latents to images, and to what images are drawn from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.networks import GroupNetworks
from ddcodec.format.records import Shape
from ddcodec.priors import Priors


def render(
    networks: Sequence[GroupNetworks],
    group_of_class: Sequence[int],
    latents: Sequence[NDArray[np.int16]],
    shape: Shape,
) -> NDArray[np.int16]:
    """Pixels (N, channels, height, width) int16, sorted by class; latents are (n, per image) int16 each."""
    pixels = np.empty((sum(len(part) for part in latents), *shape[:3]), dtype=np.int16)
    start = 0
    for group, part in zip(group_of_class, latents, strict=True):
        if len(part):
            pixels[start : start + len(part)] = networks[group].render(part)
        start += len(part)
    return pixels


def priors_of(
    networks: Sequence[GroupNetworks],
    group_of_class: Sequence[int],
    latents: Sequence[NDArray[np.int16]],
    pixels: NDArray[np.int16],
    counts: Sequence[int],
) -> Priors | None:
    """Priors of a set, None where no group has any.

    Args: latents: (n, per image) int16 of each class; pixels: what `render` makes of them; counts: images of each
        class in the whole file, of which latents hold the first.
    """
    if not any(net.priors is not None for net in networks):
        return None
    starts = np.cumsum((0, *counts))
    numbers = [start + np.arange(len(part)) for start, part in zip(starts, latents, strict=False)]
    kept = tuple(len(part) for part in latents)
    sources = tuple(networks[group].priors for group in group_of_class)
    return Priors(pixels, kept, np.concatenate(numbers), tuple(latents), sources)

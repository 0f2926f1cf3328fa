"""Bytes that passes through a network take, counted in a trial with a few images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ddcodec.train.flat import FlatNetwork
from ddcodec.train.model import GroupModel


@dataclass(frozen=True)
class PassBytes:
    """Bytes per image: kept for a pass back, kept where that is differentiated itself, largest of the kept tensors."""

    kept: int
    kept_twice: int
    largest: int

    def graph(self, images: int) -> int:
        """Of a pass forward and back, on whose way two gradients of the largest tensor meet."""
        return images * (self.kept + 2 * self.largest)

    def twice(self, images: int) -> int:
        """Of a pass through which the gradient of a gradient is taken."""
        return images * (self.kept_twice + 2 * self.largest)

    def blind(self, images: int) -> int:
        """Of a pass without a graph: what enters and what leaves a layer."""
        return images * 2 * self.largest


def saved_bytes(work: Callable[[], object]) -> list[int]:
    """Bytes of every piece of memory that autograd keeps during `work`, in order."""
    sizes: dict[int, int] = {}
    alive: list[Tensor] = []  # or an address might come again

    def note(value: Tensor) -> Tensor:
        alive.append(value)
        storage = value.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        work()
    return list(sizes.values())


def grown(work: Callable[[int], object]) -> list[int]:
    """Bytes by which each piece that `work` keeps grows with an image: what four images take over two."""
    few, more = (saved_bytes(lambda count=count: work(count)) for count in (2, 4))  # type: ignore[misc]
    return [(b - a) // 2 for a, b in zip(few, more, strict=True)]


def pass_bytes(network: FlatNetwork, shape: tuple[int, int, int], device: torch.device) -> PassBytes:
    """What a network's loss keeps of an image of shape (C, H, W)."""
    flat = network.fresh(0).requires_grad_(True)

    def loss(count: int) -> Tensor:
        images = torch.zeros(count, *shape, device=device, requires_grad=True)
        return network.loss(flat, images, torch.zeros(count, dtype=torch.int64, device=device))

    def slope(count: int) -> object:
        return torch.autograd.grad(loss(count), flat, create_graph=True)

    once, again = grown(loss), grown(slope)
    return PassBytes(sum(once), sum(again), max(once))


def context_bytes(model: GroupModel) -> PassBytes:
    """What the bits of an image's latents keep of it."""

    def bits(count: int) -> Tensor:
        return model.context.bits(torch.zeros(count, model.layout.latent_count, requires_grad=True))

    once = grown(bits)
    return PassBytes(sum(once), 0, max(once))

"""Faster ways to the gradient of trajectory matching that wait to be measured: recorded kernels, bfloat16.

At usual sizes a student step is hundreds of small kernels, which a GPU finishes sooner than Python starts them. Here
the two functions that a step is made of are recorded once as CUDA graphs and replayed; views of images, which draw
random numbers on the CPU, stay outside. What helps is to move into the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ddcodec.train.flat import FlatNetwork
from ddcodec.train.losses.unroll import View, distance

Work = Callable[..., tuple[Tensor, ...]]


def slope_of(network: FlatNetwork) -> Work:
    """(flat, seen, labels) -> (gradient of the loss,)."""

    def work(flat: Tensor, seen: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        leaf = flat.detach().requires_grad_(True)
        return torch.autograd.grad(network.loss(leaf, seen, labels), leaf)

    return work


def back_of(network: FlatNetwork) -> Work:
    """(flat, seen, labels, adjoint) -> gradients of the slope along the adjoint by what was seen and by flat."""

    def work(flat: Tensor, seen: Tensor, labels: Tensor, adjoint: Tensor) -> tuple[Tensor, ...]:
        leaf, pixels = flat.detach().requires_grad_(True), seen.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(network.loss(leaf, pixels, labels), leaf, create_graph=True)
        return torch.autograd.grad((adjoint * slope).sum(), (pixels, leaf))

    return work


class Replayed:
    """A function of tensors of fixed shapes, recorded on a GPU; elsewhere the function itself."""

    def __init__(self, work: Work, examples: Sequence[Tensor]) -> None:
        self._work = work
        self._graph: torch.cuda.CUDAGraph | None = None
        if examples[0].device.type != "cuda":
            return
        self._inputs = [example.detach().clone() for example in examples]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries choose their kernels before anything is recorded
            for _ in range(3):
                work(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = work(*self._inputs)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The function's answers, as tensors of their own."""
        if self._graph is None:
            return self._work(*inputs)
        for place, value in zip(self._inputs, inputs, strict=True):
            place.copy_(value)
        self._graph.replay()
        return tuple(value.clone() for value in self._outputs)


def unrolled_in_parts(
    images: Tensor,
    labels: Tensor,
    ends: tuple[Tensor, Tensor],
    rate: float,
    batches: Sequence[Tensor],
    view: View,
    slope: Work,
    back: Work,
) -> Tensor:
    """The pixel gradient of `ddcodec.train.losses.unroll.unrolled`, whose arguments these are, by two functions."""
    start, target = ends
    path = [start]
    for step, rows in enumerate(batches):
        (found,) = slope(path[-1], view(images[rows], step), labels[rows])
        path.append(path[-1] - rate * found)
    last = path.pop().detach().requires_grad_(True)
    (adjoint,) = torch.autograd.grad(distance(last, start, target), last)
    pixels = torch.zeros_like(images)
    for step in reversed(range(len(batches))):
        rows = batches[step]
        leaf = images[rows].detach().requires_grad_(True)
        seen = view(leaf, step)
        by_seen, by_flat = back(path.pop(), seen.detach(), labels[rows], adjoint)
        (by_pixel,) = torch.autograd.grad(seen, leaf, by_seen)
        pixels.index_add_(0, rows, -rate * by_pixel)
        adjoint = adjoint - rate * by_flat
    return pixels

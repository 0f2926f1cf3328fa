"""Train several networks of one kind at once: their weights stacked, one forward and backward pass for all."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from ddcodec.train.augment import augment
from ddcodec.train.ingredients import make_optimiser
from ddcodec.train.recipe import Recipe


def worthwhile(device: torch.device, count: int) -> bool:
    """Whether `count` networks train faster together than one by one.

    On a CPU only toys do (8x8 or 16x16 pixels and few images); at usual sizes it costs time, and results would
    change in their last digits: `benchmarks/parallel_seeds.py` measures both. A GPU is not kept busy by one small
    network.
    """
    return device.type == "cuda" and count > 1


def train_together(
    networks: Sequence[nn.Module],
    inputs: Tensor,
    targets: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    recipe: Recipe,
    seeds: Sequence[int],
) -> None:
    """Train networks in place; each gets the batches and augmentation that its seed gives it when trained alone.

    Results differ from those of `train_classifier` only by the rounding of sums in another order (which training
    may magnify, as it does every small difference).

    Args:
        networks: of one architecture, in training mode, on the device of the images.
        inputs: (N, C, H, W) float32, normalised. targets: (N,) int64 or (N, classes) float32.
        loss: of outputs and targets of a batch.
        seeds: as many as networks.
    Raises: torch.cuda.OutOfMemoryError; the networks are then as they were.
    """
    skeleton = copy.deepcopy(networks[0]).to("meta")
    weights, buffers = stack_module_state(list(networks))
    optimiser = make_optimiser(recipe, list(weights.values()))

    def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, wanted: Tensor) -> Tensor:
        return loss(functional_call(skeleton, (weights, buffers), (images,)), wanted)

    losses = vmap(one)
    # On the CPU, one for each network, as in `train_classifier`.
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for epoch in range(recipe.epochs):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(epoch)
        orders = [torch.randperm(len(inputs), generator=generator).to(inputs.device) for generator in generators]
        for chosen in torch.split(torch.stack(orders), recipe.batch_size, dim=1):
            batches = [
                augment(inputs[rows], recipe.augmentation, generator)
                for rows, generator in zip(chosen, generators, strict=True)
            ]
            optimiser.zero_grad(set_to_none=True)
            total = losses(weights, buffers, torch.stack(batches), targets[chosen]).sum()
            total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    with torch.no_grad():
        for place, network in enumerate(networks):
            for name, tensor in (*network.named_parameters(), *network.named_buffers()):
                tensor.copy_((weights | buffers)[name][place])

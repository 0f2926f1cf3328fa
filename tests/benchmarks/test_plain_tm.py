"""The plain references that speed is measured against compute the same thing."""

import pytest
import torch

from benchmarks.plain_tm import plain_trajectory
from ddcodec.train.convnet import seeded_convnet
from ddcodec.train.flat import FlatNetwork
from ddcodec.train.losses.unroll import unrolled


def test_trajectory_gradients_agree():
    network, frame = FlatNetwork(1, (8, 8), 3, 4, torch.device("cpu")), seeded_convnet(1, (8, 8), 3, seed=0, width=4)
    generator = torch.Generator().manual_seed(4)
    images, labels = torch.rand(6, 1, 8, 8, generator=generator), torch.tensor([0, 0, 1, 1, 2, 2])
    ends = network.fresh(1), network.fresh(1) + 0.05 * torch.randn(network.size, generator=generator)
    batches = [torch.tensor([0, 2, 4]), torch.tensor([1, 3, 5]), torch.tensor([0, 3, 5])]

    def view(batch, step):
        return batch.flip(3) if step == 1 else 2 * batch

    ours = unrolled(network, images, labels, ends, 0.1, batches, view)
    loss, pixels, rate = plain_trajectory(frame, images, labels, ends, 0.1, batches, view)
    assert loss == pytest.approx(ours.loss, rel=1e-5)
    assert rate == pytest.approx(ours.rate, rel=1e-4)
    assert float(pixels.norm()) > 0
    assert torch.allclose(pixels, ours.pixels, rtol=1e-3, atol=1e-6)

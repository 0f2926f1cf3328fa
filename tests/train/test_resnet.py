"""The residual network: size, shapes, seeds, what it refuses."""

import pytest
import torch
from torch import nn

from ddcodec.errors import EncodeError
from ddcodec.train.ingredients import make_network
from ddcodec.train.recipe import Recipe
from ddcodec.train.resnet import ResNet18, seeded_resnet18


def test_usual_network_has_the_usual_number_of_weights():
    assert sum(p.numel() for p in ResNet18(3, (32, 32), 10).parameters()) == 11_173_962


@pytest.mark.parametrize("size_hw", [(9, 9), (32, 32), (17, 40)])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_shapes(size_hw, norm):
    network = ResNet18(2, size_hw, 7, width=4, norm=norm)
    assert network(torch.rand(1, 2, *size_hw)).shape == (1, 7)


def test_stages_halve_the_side_three_times():
    network = ResNet18(3, (32, 32), 10, width=2)
    assert network.body(torch.rand(1, 3, 32, 32)).shape == (1, 16, 4, 4)


def test_a_block_adds_its_input():
    network = ResNet18(3, (9, 9), 10, width=2, norm="instance").eval()
    block = network.body[3]
    nn.init.zeros_(block.body[3].weight)  # the second convolution, and so what it adds to the shortcut
    images = torch.rand(2, 2, 9, 9)
    torch.testing.assert_close(block(images), images)


def test_weights_depend_on_the_seed_alone():
    before = torch.random.get_rng_state()
    one, two, other = (seeded_resnet18(1, (9, 9), 10, seed=seed, width=4) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


@pytest.mark.parametrize("arguments", [(3, (8, 32), 10), (0, (32, 32), 10), (3, (32, 32), 0), (3, (32, 32), 10, 0)])
def test_impossible_networks_are_refused(arguments):
    with pytest.raises(EncodeError):
        ResNet18(*arguments)


@pytest.mark.parametrize(
    ("network", "norm", "kind"),
    [
        ("convnet", "", nn.GroupNorm),
        ("convnet", "instance", nn.GroupNorm),
        ("convnet", "batch", nn.BatchNorm2d),
        ("resnet18", "", nn.BatchNorm2d),
        ("resnet18", "instance", nn.GroupNorm),
        ("resnet18", "batch", nn.BatchNorm2d),
    ],
)
def test_the_norm_that_is_asked_for(network, norm, kind):
    made = make_network(Recipe(network=network, norm=norm, width=4), 3, (12, 12), 5, seed=1)
    found = {type(part) for part in made.modules() if isinstance(part, nn.GroupNorm | nn.BatchNorm2d)}
    assert found == {kind}


def test_the_norm_does_not_change_the_first_weights():
    one, two = (make_network(Recipe(norm=norm, width=4), 3, (12, 12), 5, seed=1) for norm in ("instance", "batch"))
    assert torch.equal(one.head.weight, two.head.weight)
    assert torch.equal(one.body[0].weight, two.body[0].weight)

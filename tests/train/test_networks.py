"""Networks for judging across architectures: sizes, weights, norms, seeds, what they refuse."""

import pytest
import torch
from torch import nn

from ddcodec.errors import EncodeError, InputError
from ddcodec.train.convnet import ConvNet
from ddcodec.train.evaluate import Normalise, accuracy, train_classifier
from ddcodec.train.ingredients import make_network
from ddcodec.train.networks.alexnet import AlexNet
from ddcodec.train.networks.names import USUAL_TRAINING, USUAL_WIDTH, nearest, parse_networks
from ddcodec.train.networks.norms import norm_layer
from ddcodec.train.networks.vgg11 import VGG11
from ddcodec.train.networks.vit import ViT
from ddcodec.train.recipe import Recipe

SMALLEST = {"convnet": 2, "resnet18": 9, "vgg11": 17, "alexnet": 8, "vit": 8}
NETWORKS = tuple(USUAL_WIDTH)


def make(network, size_hw=(32, 32), channels=3, **fields):
    recipe = Recipe(**({"network": network, "width": 4, "depth": 2 if network == "vit" else 0} | fields))
    return make_network(recipe, channels, size_hw, 7, seed=1)


@pytest.mark.parametrize(("kind", "count"), [(VGG11, 9_231_114), (AlexNet, 1_872_202), (ViT, 5_362_378)])
def test_usual_networks_have_the_number_of_weights_that_is_documented(kind, count):
    assert sum(weights.numel() for weights in kind(3, (32, 32), 10).parameters()) == count
    assert f"{count:,}" in kind.__doc__


@pytest.mark.parametrize("size_hw", [(32, 32), (28, 28), (17, 40), (64, 64), (128, 96)])
@pytest.mark.parametrize("network", NETWORKS)
def test_any_size_gives_logits(network, size_hw):
    for channels in (1, 4):
        assert make(network, size_hw, channels)(torch.rand(2, channels, *size_hw)).shape == (2, 7)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_smallest_size_still_tells_images_apart(network):
    side = SMALLEST[network]
    made = make(network, (side, side)).eval()
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    one, other = made(images)
    if network != "convnet":  # at 2x2 pixels its only block leaves instance norm's mean, which is 0
        assert not torch.allclose(one, other, atol=1e-6)
    with pytest.raises(EncodeError, match=f"{side}x{side} pixels|no network|leave nothing"):
        make(network, (side - 1, 32)) if network != "convnet" else ConvNet(3, (1, 1), 7, depth=1)


@pytest.mark.parametrize("network", ["vgg11", "alexnet", "vit"])
def test_senseless_counts_are_refused(network):
    for fields in ({"channels": 0}, {"classes": 0}, {"width": 0}):
        kind = {"vgg11": VGG11, "alexnet": AlexNet, "vit": ViT}[network]
        with pytest.raises(EncodeError, match="no network"):
            kind(**({"channels": 3, "size_hw": (32, 32), "classes": 5} | fields))
    with pytest.raises(EncodeError, match="depth"):
        ViT(3, (32, 32), 5, depth=-1)


@pytest.mark.parametrize(
    ("network", "norm", "kinds"),
    [
        ("convnet", "layer", {(nn.GroupNorm, 1)}),
        ("resnet18", "layer", {(nn.GroupNorm, 1)}),
        ("vgg11", "", {(nn.GroupNorm, 0)}),
        ("vgg11", "batch", {(nn.BatchNorm2d, 0)}),
        ("alexnet", "", set()),
        ("alexnet", "instance", {(nn.GroupNorm, 0)}),
        ("vit", "", {(nn.LayerNorm, 0)}),
        ("vit", "layer", {(nn.LayerNorm, 0)}),
    ],
)
def test_the_norm_that_is_asked_for(network, norm, kinds):
    norms = nn.GroupNorm | nn.BatchNorm2d | nn.LayerNorm
    found = {
        (type(part), int(getattr(part, "num_groups", 0) == 1))
        for part in make(network, norm=norm).modules()
        if isinstance(part, norms)
    }
    assert found == kinds


def test_norms_that_do_not_exist():
    with pytest.raises(EncodeError, match="vit has layer norm only, found 'batch'"):
        make("vit", norm="batch")
    with pytest.raises(EncodeError, match="expected instance, batch or layer, found 'group'"):
        norm_layer("group", 4)


@pytest.mark.parametrize("network", NETWORKS)
def test_weights_depend_on_the_seed_alone(network):
    before = torch.random.get_rng_state()
    recipe = Recipe(network=network, width=4, depth=1 if network == "vit" else 0)
    one, two, other = (make_network(recipe, 1, (32, 32), 10, seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        ("vgg11", {"width": 4}),
        ("alexnet", {"width": 16, "norm": "instance"}),
        ("vit", {"width": 24, "depth": 1, "optimizer": "adamw", "learning_rate": 0.005}),
    ],
)
def test_they_learn(network, changes):
    images = torch.rand(12, 3, 17, 17, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(12) % 3
    recipe = Recipe(**({"network": network, "epochs": 40, "learning_rate": 0.05, "augmentation": "none"} | changes))
    model = train_classifier(images, labels, recipe, 0, "cpu", Normalise([0.5] * 3, [0.25] * 3))
    assert accuracy(model, images, labels) == 1.0


def test_the_transformer_sees_places_and_fills_up_what_does_not_divide():
    network = ViT(1, (17, 20), 4, width=8, depth=1).eval()
    assert network.positions.shape == (1, 6 * 7, 8)  # patches of 3 pixels
    images = torch.rand(1, 1, 17, 20)
    assert not torch.allclose(network(images), network(images.flip(3)))
    changed = images.clone()
    changed[..., -1, -1] += 1  # the last pixel belongs to a patch that is filled up
    assert not torch.allclose(network(images), network(changed))
    assert [ViT(1, (8, 8), 4, width=width, depth=1).blocks[0].heads for width in (8, 128, 192, 200)] == [1, 2, 3, 2]


def test_names():
    assert parse_networks("vit, convnet,vit") == ("vit", "convnet")
    for text, near in {"resnet": "resnet18", "AlexNet2": "alexnet", "ViT-tiny": "vit", "conv": "convnet"}.items():
        assert nearest(text) == near
        with pytest.raises(InputError, match=f"unknown network '{text}'; the nearest is {near}, known: convnet"):
            parse_networks(f"convnet,{text}")
    with pytest.raises(InputError, match="found nothing"):
        parse_networks(",")
    assert set(USUAL_TRAINING) == set(USUAL_WIDTH)
    for network in NETWORKS:
        Recipe(network=network, **USUAL_TRAINING[network])

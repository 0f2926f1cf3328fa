"""The trainable context network against the integer one."""

import numpy as np
import pytest
import torch

from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.lockstep import Neighbourhood, contexts
from ddcodec.entropy.values import residual_bits
from ddcodec.train.model import GroupModel
from tests.train.small_runs import started

SHAPE = Shape(3, 7, 10, 255)
CONFIGS = {
    "one level": (PyramidConfig((2, 1, 1), False, (3,), 0), 0),
    "all levels": (PyramidConfig((3, 2, 1), True, (3,), 0), 0),
    "transform": (TransformConfig(4, (7, 5, 3)), 0),
    "transform, base": (TransformConfig(8, (15, 15, 15)), 1),
}


def group_model(config, base, seed=0):
    """A model with weights that use its range, and steps that differ."""
    model = GroupModel(SHAPE, config, (32, 32) if base else (6, 5), base, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    if not base:
        for weight, bias in zip(model.context.weights, model.context.biases, strict=True):
            weight.data = 0.3 * torch.randn(weight.shape, generator=rng)
            bias.data += 20 * torch.rand(bias.shape, generator=rng)
    if isinstance(config, TransformConfig):
        model.set_steps(torch.randint(30, 90, (SHAPE.channels, 8), generator=rng).float())
    return model


@pytest.mark.parametrize(("config", "base"), CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("largest", [2, 300])
def test_means_and_scales_are_those_of_the_integer_network(config, base, largest):
    model = group_model(config, base)
    networks = model.networks()
    assert model.layout == networks.layout
    latents = np.random.default_rng(1).integers(-largest, largest + 1, (3, model.layout.latent_count)).astype(np.int16)
    with torch.no_grad():
        mean, scale = model.context(torch.from_numpy(latents).float(), exact=True)
    around = Neighbourhood(networks.layout, networks.context, 3)
    for step in networks.layout.steps():
        whole_mean, whole_scale = around.context(step)
        assert np.array_equal(16 * mean[step.latents].numpy(), whole_mean)
        assert np.array_equal(scale[step.latents].numpy(), whole_scale)
        around.store(step, latents.T[step.latents].astype(np.int64))
    assert len(np.unique(mean.numpy())) > 3
    assert len(np.unique(scale.numpy())) > 3


@pytest.mark.parametrize("settings", [(), ("codec.synthesis=pyramid",)], ids=["transform", "pyramid"])
def test_bits_are_those_of_the_stream(settings):
    distiller = started(*settings, "train.joint_steps=0")
    for _ in range(3):
        distiller.step()
    (group,) = distiller.groups
    networks = group.model.networks()
    ideal = sum(
        residual_bits(residual.reshape(-1), rows.reshape(-1))
        for residual, rows in contexts(networks.layout, networks.context, group.chosen)
    )
    with torch.no_grad():
        exact = float(group.model.context.bits(group.chosen_tensor(), True).sum())
        smooth = float(group.model.context.bits(group.chosen_tensor()).sum())
    assert exact == pytest.approx(ideal, rel=0.005)
    assert smooth == pytest.approx(ideal, rel=0.05)


def test_layers_can_be_taken_over():
    model, other = group_model(CONFIGS["all levels"][0], 0), group_model(CONFIGS["all levels"][0], 0, seed=1)
    other.context.load_layers(model.context.layers())
    for mine, theirs in zip(model.context.layers(), other.context.layers(), strict=True):
        assert np.array_equal(mine.weight, theirs.weight)
        assert np.array_equal(mine.bias, theirs.bias)
        assert (mine.shift, mine.bias_shift) == (theirs.shift, theirs.bias_shift)


def test_every_weight_has_a_gradient():
    model = group_model(CONFIGS["all levels"][0], 0)
    latents = torch.randn(4, model.layout.latent_count).requires_grad_(True)
    model.context.bits(latents, exact=True).sum().backward()
    for tensor in [*model.context.parameters(), latents]:
        assert bool(tensor.grad.isfinite().all())
        assert bool(tensor.grad.any())

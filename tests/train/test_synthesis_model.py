"""The trainable syntheses against the integer ones."""

import numpy as np
import pytest
import torch

from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.train.model import GroupModel

PEAK = 4080
# (channels, height, width), configuration, largest difference in pixel integers (16 are an 8-bit step): the float
# models leave out the rounding of activations, which random layers magnify
CASES = {
    "pyramid": ((1, 8, 8), PyramidConfig((1, 1, 1, 1), True, (6,), 2), 16),
    "pyramid, odd": ((3, 7, 13), PyramidConfig((2, 1, 1), True, (5, 4), 1), 16),
    "pyramid, no layers": ((2, 5, 3), PyramidConfig((2, 0, 3), False, (), 0), 16),
    "transform": ((1, 8, 16), TransformConfig(8, (15,)), 4),
    "transform, odd": ((3, 13, 7), TransformConfig(4, (7, 5, 6)), 4),
    "transform, 4 channels": ((4, 9, 18), TransformConfig(16, (31, 20, 9, 0)), 4),
    "own filter": ((2, 9, 14), TransformConfig(8, (15, 15), (5, 5)), 5),
    "base filter": ((3, 11, 18), TransformConfig(8, (15, 15, 15), (24, 24, 24), 2), 5),
}


def group_model(dimensions, config, seed=0):
    """A model whose weights are all in use."""
    model = GroupModel(Shape(*dimensions, PEAK), config, (4,), 0, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.synthesis.store.values.items():
        if name.startswith("residual") or (name.startswith("filter") and not config.filter_base):
            value.data += 0.05 * torch.randn(value.shape, generator=generator)
    if isinstance(config, TransformConfig):
        model.set_steps(torch.randint(40, 60, (dimensions[0], 8), generator=generator).float())
    return model


@pytest.mark.parametrize(("dimensions", "config", "tolerance"), CASES.values(), ids=CASES)
def test_pixels_are_those_of_the_integer_synthesis(dimensions, config, tolerance):
    model = group_model(dimensions, config)
    latents = np.random.default_rng(2).integers(-4, 5, (3, model.layout.latent_count)).astype(np.int16)
    pixels = model.networks().render(latents)
    with torch.no_grad():
        found = PEAK * model.synthesis(torch.from_numpy(latents).float(), exact=True)
    assert found.shape == pixels.shape == (3, *dimensions)
    assert pixels.std() > 50
    assert np.abs(found.numpy() - pixels).max() < tolerance


@pytest.mark.parametrize("name", [name for name in CASES if "filter" in name])
def test_filters_do_something(name):
    dimensions, config, _ = CASES[name]
    model = group_model(dimensions, config)
    with torch.no_grad():
        added = model.synthesis.filtered(torch.randn(1, dimensions[0], 9, 9) * 100, exact=True)
    assert float(added.abs().max()) > 1


def test_a_new_filter_is_the_identity():
    model = GroupModel(Shape(3, 8, 8, PEAK), TransformConfig(8, (15,) * 3, (5, 5)), (4,), 0, seed=1)
    with torch.no_grad():
        assert not model.synthesis.filtered(torch.randn(1, 3, 8, 8), exact=True).any()


@pytest.mark.parametrize(("channels", "block"), [(1, 8), (2, 4), (3, 16), (4, 32)])
def test_analysis_inverts_the_transform(channels, block):
    config = TransformConfig(block, (2 * block - 1,) * channels)
    model = group_model((channels, 2 * block, block), config)
    latents = torch.randn(2, model.layout.latent_count, generator=torch.Generator().manual_seed(1)) * 5
    with torch.no_grad():
        assert float((model.synthesis.analyse(model.synthesis(latents, True)) - latents).abs().max()) < 0.05
    odd = group_model((channels, block + 3, 2 * block - 1), config)
    images = torch.rand(2, channels, block + 3, 2 * block - 1, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        again = odd.synthesis(odd.synthesis.analyse(images), True)
    assert float((again - images).abs().max()) < 0.002


@pytest.mark.parametrize("name", ["pyramid, odd", "own filter"])
def test_gradients_reach_latents_and_weights(name):
    dimensions, config, _ = CASES[name]
    model = group_model(dimensions, config)
    latents = torch.randn(2, model.layout.latent_count).requires_grad_(True)
    model.synthesis(latents, exact=True).square().sum().backward()
    for tensor in [latents, *model.synthesis.parameters()]:
        assert bool(tensor.grad.isfinite().all())
        assert bool(tensor.grad.any())

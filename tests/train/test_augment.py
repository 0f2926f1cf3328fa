"""Augmentation: identities checked by hand, randomness that comes from the generator alone, gradients."""

import pytest
import torch

from ddcodec.errors import EncodeError
from ddcodec.train.augment import DSA, Strengths, augment

OPERATIONS = DSA.split("_")
STILL = Strengths(
    flip_probability=0.0, scale_ratio=1.0, rotate_degrees=0.0, crop_pad=0.0, cutout_side=0.0, brightness=0.0
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 6, channels: int = 3, height: int = 16, width: int = 12) -> torch.Tensor:
    return torch.randn(count, channels, height, width, generator=seeded(99))


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_changes_something_and_keeps_the_shape(name):
    images = batch()
    out = augment(images, name, seeded(1), mode="M")
    assert out.shape == images.shape
    assert out.dtype == images.dtype
    assert not torch.equal(out, images)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("name", ["flip", "scale", "rotate", "crop", "cutout"])
def test_strength_zero_is_the_identity(name):
    images = batch()
    torch.testing.assert_close(augment(images, name, seeded(1), mode="M", strengths=STILL), images)


@pytest.mark.parametrize("policy", [DSA, "flip_crop", *OPERATIONS])
def test_same_generator_state_same_result_without_global_state(policy):
    images = batch()
    before = torch.random.get_rng_state()
    first = augment(images, policy, seeded(5))
    torch.rand(3)
    second = augment(images, policy, seeded(5))
    torch.random.set_rng_state(before)
    augment(images, policy, seeded(5))
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", OPERATIONS)
def test_siamese_shares_parameters_and_default_does_not(name):
    same = batch(1).expand(16, -1, -1, -1)
    shared = augment(same, name, seeded(3), mode="M", siamese=True)
    assert all(torch.equal(shared[0], other) for other in shared[1:])
    own = augment(same, name, seeded(3), mode="M")
    assert any(not torch.equal(own[0], other) for other in own[1:])


@pytest.mark.parametrize("name", OPERATIONS)
def test_siamese_gives_two_batches_the_same_transform(name):
    one = batch(1)
    alone = augment(one, name, seeded(7), mode="M", siamese=True)
    among = augment(one.repeat(5, 1, 1, 1), name, seeded(7), mode="M", siamese=True)
    torch.testing.assert_close(among[4], alone[0])


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradient_is_right(name):
    images = batch(2, 3, 5, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augment(x, name, seeded(2), mode="M"), images)


def test_flip_mirrors_about_half_of_the_images():
    images = batch(400, 1, 4, 4)
    out = augment(images, "flip", seeded(0))
    mirrored = (out == images.flip(3)).flatten(1).all(dim=1)
    kept = (out == images).flatten(1).all(dim=1)
    assert bool((mirrored ^ kept).all())
    assert 150 < int(mirrored.sum()) < 250


def test_crop_shifts_whole_pixels_by_at_most_the_pad_and_fills_with_zero():
    image = torch.zeros(1, 1, 32, 32)
    image[0, 0, 16, 16] = 1.0
    out = augment(image.repeat(500, 1, 1, 1), "crop", seeded(0))
    place = out.flatten(1).argmax(dim=1)
    assert out.sum().item() == 500
    assert (place // 32).unique().tolist() == (place % 32).unique().tolist() == list(range(12, 21))
    ones = augment(torch.ones(500, 1, 32, 32), "crop", seeded(0))
    assert ones.flatten(1).sum(dim=1).min().item() == 28 * 28


def test_cutout_blanks_at_most_a_quarter():
    blank = (augment(torch.ones(500, 1, 32, 32), "cutout", seeded(0)) == 0).flatten(1).sum(dim=1)
    assert blank.max().item() == 16 * 16
    assert blank.min().item() >= 8 * 8


def test_quarter_turn_of_a_square_is_exact():
    image = batch(1, 2, 7, 7)
    # The angle is (2u - 1) times the strength; knowing u, one can ask for 90 degrees.
    u = torch.rand(1, 1, 1, 1, generator=seeded(4)).item()
    out = augment(image, "rotate", seeded(4), mode="M", strengths=Strengths(rotate_degrees=90 / (2 * u - 1)))
    assert any(torch.allclose(out, torch.rot90(image, turn, (2, 3)), atol=1e-4) for turn in (1, 3))


def test_rotation_of_a_wide_image_does_not_shear():
    image = torch.zeros(1, 1, 9, 33)
    image[0, 0, 4, 19] = 1.0  # three pixels right of the centre
    u = torch.rand(1, 1, 1, 1, generator=seeded(4)).item()
    out = augment(image, "rotate", seeded(4), mode="M", strengths=Strengths(rotate_degrees=90 / (2 * u - 1)))
    row, column = divmod(int(out.argmax()), 33)
    assert column == 16
    assert abs(row - 4) == 3


def test_grey_images_skip_saturation_and_keep_the_order_of_values():
    image = batch(3, 1)
    out = augment(image, "color", seeded(1))
    assert torch.equal(out.flatten(1).argsort(dim=1), image.flatten(1).argsort(dim=1))


def test_single_mode_draws_one_operation_a_batch_and_every_one_in_time():
    images, strengths = torch.ones(4, 1, 8, 8), Strengths(brightness=1.0)
    generator, dark, bright = seeded(0), 0, 0
    for _ in range(60):
        out = augment(images, "color_cutout", generator, strengths=strengths)
        has_zero, has_shift = bool((out == 0).any()), not bool(((out == 0) | (out == 1)).all())
        assert has_zero != has_shift
        dark, bright = dark + has_zero, bright + has_shift
    assert dark > 15
    assert bright > 15


def test_none_returns_its_input_and_unknown_names_are_refused():
    images = batch()
    assert augment(images, "none", seeded()) is images
    with pytest.raises(EncodeError, match="blur"):
        augment(images, "flip_blur", seeded())

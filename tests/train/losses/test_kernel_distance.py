"""Maximum mean discrepancy: by hand, unbiased, with exact gradients."""

import math

import pytest
import torch

from ddcodec.train.losses.kernel_distance import kernel, kernel_distance, kernel_widths

WIDTHS = (0.5, 1.5, 4.0)


def seeded(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def plain_kernel(x, y):
    return sum(torch.exp(-(x - y).square().sum() / (2 * width**2)) for width in WIDTHS) / len(WIDTHS)


def plain(real, found, labels):
    """Loops over pairs."""
    total = 0.0
    for c, own_real in enumerate(real):
        own = found[labels == c]
        n, m = len(own_real), len(own)
        if n > 1:
            pairs = [plain_kernel(own_real[i], own_real[j]) for i in range(n) for j in range(n) if i != j]
            total = total + sum(pairs) / (n * (n - 1))
        if m > 1:
            pairs = [plain_kernel(own[i], own[j]) for i in range(m) for j in range(m) if i != j]
            total = total + sum(pairs) / (m * (m - 1))
        total = total - 2 * sum(plain_kernel(x, y) for x in own_real for y in own) / (n * m)
    return total


@pytest.mark.parametrize("labels", [[0, 1, 1, 0, 2, 2, 1, 2], [2, 0, 1], [0, 0, 0, 0, 1, 2]])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_value_and_gradient_are_those_of_the_pairs(labels, count):
    real, labels = seeded(3, count, 6), torch.tensor(labels)
    found = seeded(len(labels), 6, seed=1).requires_grad_(True)
    value, expected = kernel_distance(real, found, labels, WIDTHS), plain(real, found, labels)
    assert float(value.detach()) == pytest.approx(float(expected.detach()), abs=1e-12)
    slope, wanted = (torch.autograd.grad(each, found)[0] for each in (value, expected))
    torch.testing.assert_close(slope, wanted, rtol=1e-9, atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: kernel_distance(real, x, labels, WIDTHS), found)


def test_it_is_unbiased():
    """Nought on average for equal distributions, with few images, and not so for others."""
    labels, rounds = torch.arange(2).repeat_interleave(3), 4000

    def values(shift):
        generator = torch.Generator().manual_seed(5)
        found = []
        for _ in range(rounds):
            real, own = (torch.randn(2, n, 4, generator=generator, dtype=torch.float64) for n in (4, 3))
            found.append(float(kernel_distance(real, shift + own.flatten(0, 1), labels, WIDTHS)))
        return torch.tensor(found)

    same, other = values(0.0), values(0.3)
    assert abs(float(same.mean())) < 3 * float(same.std()) / math.sqrt(rounds)
    assert bool((same < 0).any())
    assert float(other.mean()) > 5 * float(other.std()) / math.sqrt(rounds)


def test_a_single_image_is_pulled_to_the_real_ones():
    real = seeded(1, 20, 3) * 0.1 + 1
    found = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(kernel_distance(real, found, torch.tensor([0]), WIDTHS), found)
    assert bool((slope < 0).all())  # downhill is towards (1, 1, 1)


def test_two_images_push_each_other_away():
    real, labels = torch.zeros(1, 2, 1, dtype=torch.float64), torch.tensor([0, 0])
    found = torch.tensor([[10.0], [10.1]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(kernel_distance(real, found, labels, (0.5,)), found)
    assert float(slope[0]) > 0 > float(slope[1])


def test_widths_grow_with_the_root_of_the_features():
    assert kernel_widths((50, 200), 64) == (4.0, 16.0)
    apart = kernel(*(seeded(200, 400, seed=s) for s in (1, 2)), kernel_widths((100,), 400))
    assert float(apart.mean()) == pytest.approx(math.exp(-1), rel=0.05)


def test_single_precision_is_near_enough():
    real, found, labels = seeded(4, 30, 500), seeded(12, 500, seed=2), torch.arange(12) % 4
    widths = kernel_widths((25, 50, 100, 200, 400), 500)
    exact = float(kernel_distance(real, found, labels, widths))
    assert float(kernel_distance(real.float(), found.float(), labels, widths)) == pytest.approx(exact, abs=1e-5)

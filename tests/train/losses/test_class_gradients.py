"""Per-class gradients in one pass, against the plain loop over classes."""

import pytest
import torch
from torch.nn import functional

from ddcodec.train.flat import FlatNetwork, mixed_seed
from ddcodec.train.losses.class_gradients import class_gradients, class_table, cosine_distance

NETWORK = FlatNetwork(2, (9, 8), 4, 5, torch.device("cpu"), torch.float64)
LABELS = torch.tensor([2, 0, 1, 1, 3, 0, 1])


def images(count=7):
    return torch.randn(count, 2, 9, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def loop_gradients(flat, some, labels):
    flat = flat.requires_grad_(True)
    found = []
    for c in range(4):
        loss = functional.cross_entropy(NETWORK.logits(flat, some[labels == c]), labels[labels == c])
        found.append(torch.autograd.grad(loss, flat, create_graph=True)[0])
    return torch.stack(found)


def test_a_table_holds_every_image_once():
    rows, weights = class_table(LABELS, 4)
    assert rows.shape == weights.shape == (4, 3)
    assert [sorted(r[w > 0].tolist()) for r, w in zip(rows, weights, strict=True)] == [[1, 5], [2, 3, 6], [0], [4]]
    assert torch.allclose(weights.sum(1), torch.ones(4))


@pytest.mark.parametrize("together", [False, True])
def test_gradients_and_their_gradients_are_those_of_the_loop(together):
    flat, leaf = NETWORK.fresh(3), images().requires_grad_(True)
    rows, weights = class_table(LABELS, 4)
    found = class_gradients(NETWORK, flat, leaf[rows], weights.double(), together)
    expected = loop_gradients(flat.clone(), leaf, LABELS)
    assert torch.allclose(found, expected, atol=1e-12)
    target = torch.randn(found.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ((ours,), (theirs,)) = (torch.autograd.grad(cosine_distance(NETWORK, g, target), leaf) for g in (found, expected))
    assert float(theirs.norm()) > 0
    assert torch.allclose(ours, theirs, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(class_gradients(NETWORK, flat, leaf[rows], weights.double(), together), found)


def test_the_distance_sees_directions_of_weights_only():
    flat = NETWORK.fresh(3)
    rows, weights = class_table(LABELS, 4)
    found = class_gradients(NETWORK, flat, images()[rows], weights.double())
    assert abs(float(cosine_distance(NETWORK, found, 7 * found))) < 1e-9
    parts = NETWORK.split(torch.ones_like(found))
    channels = sum(part.shape[1] for part in parts.values() if part.ndim > 2)
    assert float(cosine_distance(NETWORK, found, -found)) > channels  # most of 2 for each channel and class
    other = found.clone()
    NETWORK.split(other)["head.bias"].add_(5)
    assert float(cosine_distance(NETWORK, found, other)) < 1e-9


def test_a_flat_network_is_the_network():
    flat = NETWORK.fresh(5)
    assert flat.shape == (NETWORK.size,)
    assert torch.equal(flat, NETWORK.fresh(5))
    assert not torch.equal(flat, NETWORK.fresh(6))
    rebuilt = torch.cat([part.flatten() for part in NETWORK.split(flat).values()])
    assert torch.equal(rebuilt, flat)
    assert NETWORK.logits(flat, images()).shape == (7, 4)


def test_mixed_seeds_differ():
    seeds = {mixed_seed(a, b, c) for a in range(6) for b in range(6) for c in range(6)}
    assert len(seeds) == 216
    assert all(0 <= seed < 2**63 for seed in seeds)

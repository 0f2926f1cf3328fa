"""Names of means and deviations."""

import pytest

from ddcodec.errors import InputError
from ddcodec.sources.normalisations import NORMALISATIONS, find_normalisation


def test_cifar100_is_normalised_by_whoever_made_it():
    assert find_normalisation("cifar100-vico").mean == (0.5071, 0.4866, 0.4409)
    assert find_normalisation("mtt-cifar100") == find_normalisation("cifar10-vico")
    assert find_normalisation("dd-ranking-cifar100").std == (0.2023, 0.1994, 0.2010)


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(InputError, match=r"'cifar100'; the nearest: .*cifar100-vico") as caught:
        find_normalisation("cifar100")
    assert "mnist" not in str(caught.value)
    with pytest.raises(InputError, match="imagenet"):
        find_normalisation("?")


def test_every_entry_is_sound():
    for name, found in NORMALISATIONS.items():
        assert len(found.mean) == len(found.std), name
        assert all(0 < value < 1 for value in (*found.mean, *found.std)), name

"""Means and deviations that distillation projects normalise with, by name."""

import difflib
from typing import NamedTuple

from ddcodec.errors import InputError


class Normalisation(NamedTuple):
    """mean, std: a float per channel, in units of 1.0 = white."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


_CIFAR10 = Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_CIFAR100 = Normalisation((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762))
_IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_MNIST = Normalisation((0.1307,), (0.3081,))
_FASHION = Normalisation((0.2861,), (0.3530,))
_SVHN = Normalisation((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970))

# A project's name is part of each name of CIFAR-100, since they differ there: VICO (DC, DSA, DM) normalises it with
# its own statistics (with those of CIFAR-10 in its first versions), MTT and DD-Ranking with those of CIFAR-10.
NORMALISATIONS: dict[str, Normalisation] = {
    "cifar10-vico": _CIFAR10,
    "cifar100-vico": _CIFAR100,
    "svhn-vico": _SVHN,
    "mnist-vico": _MNIST,
    "fashionmnist-vico": _FASHION,
    "mtt-cifar10": _CIFAR10,
    "mtt-cifar100": _CIFAR10,
    "dd-ranking-cifar10": _CIFAR10,
    "dd-ranking-cifar100": _CIFAR10,
    "imagenet": _IMAGENET,
    "mtt-tiny": _IMAGENET,
    "mtt-imagenet": _IMAGENET,
}


def find_normalisation(name: str) -> Normalisation:
    """Mean and std under a name of `NORMALISATIONS`.

    Raises: InputError that lists the nearest names.
    """
    if name in NORMALISATIONS:
        return NORMALISATIONS[name]
    near = difflib.get_close_matches(name, NORMALISATIONS, n=4, cutoff=0.4) or sorted(NORMALISATIONS)
    raise InputError(f"no normalisation is called {name!r}; the nearest: {', '.join(near)} (or give --mean and --std)")

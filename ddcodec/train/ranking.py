"""Scores that hold a distilled set's accuracy against real images and random ones (DD-Ranking).

All accuracies are fractions. Percent would put numbers like -10 into the exponent, and scores outside [0, 1].
Source: Li et al., "DD-Ranking: Rethinking the Evaluation of Dataset Distillation" (2025).
"""

import math

from ddcodec.errors import InputError

WEIGHT = 0.5


def hard_label_recovery(real_hard: float, distilled_hard: float) -> float:
    """HLR = acc(real, hard) - acc(distilled, hard): what is lost against all real images; lower is better.

    Args: real_hard: of networks trained on all real images; distilled_hard: on the set; both with hard labels.
    Returns: a number in -1..1.
    Raises: InputError for accuracies that are no fractions.
    """
    _check(real_hard=real_hard, distilled_hard=distilled_hard)
    return real_hard - distilled_hard


def improvement_over_random(distilled: float, random: float) -> float:
    """IOR = acc(distilled, own recipe) - acc(random real images, same number and recipe); higher is better.

    Returns: a number in -1..1.
    Raises: InputError for accuracies that are no fractions.
    """
    _check(distilled=distilled, random=random)
    return distilled - random


def label_robust_score(hlr: float, ior: float, weight: float = WEIGHT) -> float:
    """LRS = (e^a - e^-1) / (e - e^-1) with a = w IOR - (1 - w) HLR.

    Args: hlr, ior: differences of fractions, each in -1..1; weight: w in 0..1.
    Returns: a score in 0..1, higher is better; it rises with `ior` and falls with `hlr`.
    Raises: InputError for values outside.
    """
    _check_differences(weight, hlr=hlr, ior=ior)
    return _normalised(weight * ior - (1 - weight) * hlr)


def augmentation_robust_score(with_augmentation: float, without: float, weight: float = WEIGHT) -> float:
    """ARS = (e^b - e^-1) / (e - e^-1) with b = g IOR(with augmentation) + (1 - g) IOR(without).

    Args: with_augmentation, without: accuracy on the set minus that on random images, each in -1..1; weight: g
        in 0..1.
    Returns: a score in 0..1, higher is better; it rises with both.
    Raises: InputError for values outside.
    """
    _check_differences(weight, with_augmentation=with_augmentation, without=without)
    return _normalised(weight * with_augmentation + (1 - weight) * without)


def _normalised(value: float) -> float:
    """From -1..1 to 0..1, steeper at the upper end."""
    score = (math.exp(value) - math.exp(-1)) / (math.e - math.exp(-1))
    return min(1.0, max(0.0, score))  # against rounding at the ends only: `value` has been checked


def _check(**accuracies: float) -> None:
    for name, value in accuracies.items():
        if not 0 <= value <= 1:
            raise InputError(f"accuracy {name}: expected a fraction in 0..1, not percent, found {value}")


def _check_differences(weight: float, **differences: float) -> None:
    if not 0 <= weight <= 1:
        raise InputError(f"weight: expected 0..1, found {weight}")
    for name, value in differences.items():
        if not -1 <= value <= 1:
            raise InputError(f"{name}: expected a difference of fractions in -1..1, not percent, found {value}")

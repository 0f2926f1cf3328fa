"""Context networks and filters that files may refer to instead of carrying them (spec section 10).

A base is trained once on photographs (see `benchmarks/train_base.py`) and frozen: its id names these
integers for ever, the hash says which.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import prod

import numpy as np

from ddcodec.entropy.fixed_point import Layer
from ddcodec.errors import FormatError, TooNewError


@dataclass(frozen=True)
class Base:
    """Shape and hash of one base.

    kind: "context 2" (of synthesis 2) or "filter"; fits: inputs of the context network, or channels;
    shapes of its layers follow from kind, fits and widths.
    """

    kind: str
    fits: int
    widths: tuple[int, ...]
    weight_shifts: tuple[int, ...]
    bias_shifts: tuple[int, ...]
    sha256: str


BASES: dict[int, Base] = {
    1: Base(
        "context 2",
        38,
        (32, 32),
        (8, 8, 8),
        (0, 0, 0),
        "7bb57bb6fdc858d637a64f4b7f3d66451344fda992e876774c4830bfefe69892",
    ),
    2: Base(
        "filter",
        3,
        (24, 24, 24),
        (9, 7, 7, 8),
        (0, 0, 0, 0),
        "aa5c654d8f1e72f6d8fe5e8760541ecb8057a897f5174159c32bcd052749e3e8",
    ),
    3: Base(
        "context 4",
        56,
        (64, 32),
        (8, 8, 11),
        (4, 4, 6),
        "740d63ce1d0af02e4df8836d8e43ccd588a283b475f20cefec689eb7934543cd",
    ),
}


def find_base(base_id: int, kind: str, fits: int, *, offset: int) -> Base:
    """The base a file names at `offset`; raises TooNewError or FormatError, rule G3."""
    base = BASES.get(base_id)
    if base is None:
        raise TooNewError("base network", offset=offset, expected=f"one of {sorted(BASES)}", found=base_id, rule="G3")
    if (base.kind, base.fits) != (kind, fits):
        raise FormatError(
            f"base network {base_id} does not fit",
            offset=offset,
            expected=f"{kind}, {fits}",
            found=f"{base.kind}, {base.fits}",
            rule="G3",
        )
    return base


def matching_base(kind: str, fits: int) -> int:
    """Id of the newest base of that kind and size, 0 if there is none."""
    return max((i for i, base in BASES.items() if (base.kind, base.fits) == (kind, fits)), default=0)


@cache
def base_layers(base_id: int) -> tuple[Layer, ...]:
    """Layers of a known base, checked against its hash.

    Raises: RuntimeError if the installed file is not the specification's.
    """
    base = BASES[base_id]
    data = (resources.files("ddcodec") / "resources" / f"base-{base_id}.bin").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != base.sha256:
        raise RuntimeError(f"base network {base_id} has SHA-256 {digest}, the specification says {base.sha256}")
    numbers = np.frombuffer(data, "<i2").astype(np.int64)
    field = (3, 3) if base.kind == "filter" else ()
    sizes = (base.fits, *base.widths, base.fits if field else 2)
    layers, start = [], 0
    for number, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        size = fan_in * fan_out * prod(field)
        weight = numbers[start : start + size].reshape(fan_out, fan_in, *field)
        start += size
        bias = numbers[start : start + fan_out]
        start += fan_out
        layers.append(Layer(weight, base.weight_shifts[number], bias, base.bias_shifts[number]))
    return tuple(layers)

"""Integer context network: from decoded neighbours to (mean, scale index) (spec section 4).

The spec states integers. Here they are carried in float32 or float64, whichever the static bound shows
to be exact, because matrix products of floats are many times faster than those of integers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ddcodec.entropy.fixed_point import Layer, exact_dtype

INPUT_MAX = 1536
HIDDEN_MAX = 2047
MEAN_MIN, MEAN_MAX = -16_384, 16_383
SCALE_MAX = 63

# round(128 log2(1 + n)), n = 0..255, by integers: the 128th power of 1 + n against powers of two
LOG = np.array([((((1 + n) ** 256).bit_length() - 1) + 1) // 2 for n in range(256)], dtype=np.int64)
_SIGNED_RANGE = (np.array(-63), np.array(63))


def signed_input(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Signed network input of neighbour values."""
    return 16 * np.clip(values, *_SIGNED_RANGE)


def magnitude_input(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Logarithmic network input of neighbour values."""
    return LOG.take(np.minimum(np.abs(values), 255))


@dataclass(frozen=True)
class ContextNet:
    """Layers of the network; the first sees `static` features as its last inputs; scale_max: greatest scale index;
    input_max: greatest magnitude of an input.

    The static part is multiplied apart: it is the same for all images, and so is done once a step.
    """

    layers: tuple[Layer, ...]
    static_count: int
    scale_max: int = SCALE_MAX
    input_max: int = INPUT_MAX
    dtype: type = field(init=False)

    def __post_init__(self) -> None:
        bounds = [self.input_max] + [HIDDEN_MAX] * (len(self.layers) - 1)
        dtypes = {exact_dtype(layer, bound) for layer, bound in zip(self.layers, bounds, strict=True)}
        object.__setattr__(self, "dtype", np.float64 if np.float64 in dtypes else np.float32)
        matrices: list[tuple[NDArray[np.floating], NDArray[np.floating]]] = []
        for layer in self.layers:
            scale = 1.0 / (1 << layer.shift)
            half = (1 << layer.shift) >> 1
            bias = (layer.bias.astype(np.int64) << layer.bias_shift) + half
            # powers of two only move the exponent, so scaling first keeps every sum exact
            matrices.append(((layer.weight * scale).astype(self.dtype), (bias * scale).astype(self.dtype)[:, None]))
        object.__setattr__(self, "_matrices", matrices)
        dynamic = np.ascontiguousarray(matrices[0][0][:, : self.input_count - self.static_count])
        object.__setattr__(self, "_dynamic_weight", dynamic)
        # as arrays of the same dtype: clipping with Python integers is several times slower
        ranges = ((0, HIDDEN_MAX), ([[MEAN_MIN], [0]], [[MEAN_MAX], [self.scale_max]]))
        object.__setattr__(self, "_ranges", [tuple(np.array(x, self.dtype) for x in pair) for pair in ranges])

    @property
    def input_count(self) -> int:
        """Number of inputs, static ones included."""
        return int(self.layers[0].weight.shape[1])

    def static_part(self, static: NDArray[np.generic]) -> NDArray[np.floating]:
        """First-layer sums (bias included) of static features (static_count, n) -> (width, n)."""
        weight, bias = self._matrices[0]  # type: ignore[attr-defined]
        if not self.static_count:
            return np.broadcast_to(bias, (len(bias), static.shape[1])).astype(self.dtype)
        product: NDArray[np.floating] = weight[:, -self.static_count :] @ static.astype(self.dtype)
        product += bias
        return product

    def apply(
        self, dynamic: NDArray[np.floating], static_part: NDArray[np.floating]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Mean and scale of each latent.

        Args: dynamic: (inputs, n, images) in `dtype`; static_part: (width, n) from `static_part`.
        Returns: mean in sixteenths and scale index, both (n, images) int64.
        """
        _, count, images = dynamic.shape
        flat = dynamic.reshape(len(dynamic), count * images)
        hidden = self._dynamic_weight @ flat  # type: ignore[attr-defined]
        spread = hidden.reshape(len(hidden), count, images)
        spread += static_part[:, :, None]
        hidden_range, output_range = self._ranges  # type: ignore[attr-defined]
        for weight, bias in self._matrices[1:]:  # type: ignore[attr-defined]
            np.floor(hidden, out=hidden)
            np.clip(hidden, *hidden_range, out=hidden)
            hidden = weight @ hidden
            hidden += bias
        np.floor(hidden, out=hidden)
        np.clip(hidden, *output_range, out=hidden)
        result = hidden.astype(np.int64).reshape(2, count, images)
        return result[0], result[1]

"""What the context network of exact pixels sees, and what it should have said: training data for its base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import load_pack
from ddcodec.codecs import pixel_context
from ddcodec.codecs.pixel_context import PixelModel, PixelNeighbourhood
from ddcodec.codecs.pixel_fit import pixel_networks
from ddcodec.codecs.pixel_layout import GRADIENTS, PixelLayout
from ddcodec.views.zca import fit_zca

MEASURED = 1000  # images at the front of the lossless pack that figures are measured on
NEIGHBOURS = 22
Pixels = NDArray[np.int16]


@dataclass(frozen=True)
class Recording:
    """errors: (n, 26) int16, unclamped inputs in the network's unit; static: (n, 4); wanted: (n,) error to be told.

    share: how much of a batch it makes up.
    """

    errors: NDArray[np.int16]
    static: NDArray[np.int16]
    wanted: NDArray[np.int16]
    share: float


class _Witness:
    """Stands in for the context network, keeps what it is shown, and says nothing."""

    dtype = np.float32

    def __init__(self) -> None:
        self.shown: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def static_part(self, static: NDArray[Any]) -> NDArray[Any]:
        return static

    def apply(self, inputs: NDArray[Any], static: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        self.shown.append((inputs, static))
        nothing = np.zeros(inputs.shape[1:], np.int64)
        return nothing, nothing


def record(pixels: Pixels, share: float) -> Recording:
    """Walk through images under predictors of their own, in 1/16 of a pixel integer."""
    fitted = pixel_networks(pixels, 255).context
    assert isinstance(fitted, PixelModel)
    witness = _Witness()
    model = PixelModel(fitted.predictors, witness, fitted.centre, 0, fitted.reach)  # type: ignore[arg-type]
    layout = PixelLayout(*pixels.shape[1:])
    around = PixelNeighbourhood(layout, model, len(pixels))
    turned = np.ascontiguousarray(pixels.reshape(len(pixels), -1).T).astype(np.int64)
    errors, static, wanted = [], [], []
    for step in layout.steps():
        witness.shown.clear()
        mean, _ = around.context(step)
        values = turned[step.latents]
        for inputs, features in witness.shown:
            first = 2 * NEIGHBOURS
            seen = np.concatenate([inputs[:NEIGHBOURS], inputs[first : first + len(GRADIENTS)]])
            errors.append(seen.reshape(len(seen), -1).T.astype(np.int16))
            static.append(np.repeat(features.T, len(pixels), axis=0).astype(np.int16))
        wanted.append((16 * values - mean).reshape(-1).astype(np.int16))
        around.store(step, values)
    return Recording(np.concatenate(errors), np.concatenate(static), np.concatenate(wanted), share)


def recordings(folder: Path, images: int) -> list[Recording]:
    """Photographs, clean and with noise, noise alone, and whitened photographs; none of the measured ones."""
    rng = np.random.default_rng(3)
    pixel_context._BLOCK_ENTRIES = 1 << 40  # one look at each step
    lossless = load_pack(folder, "cifar10_exact", "train")[0][MEASURED:].transpose(0, 3, 1, 2)[:images]
    flowers = load_pack(folder, "flowers128", "train")[0][: max(1, images // 4)].astype(np.float64)
    halved = flowers.reshape(len(flowers), 64, 2, 64, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2)[:, :, 16:48, 16:48]
    copies = load_pack(folder, "cifar10_q75", "train")[0][: max(400, 2 * images)].transpose(0, 3, 1, 2) / np.float32(
        255
    )
    found = [record(lossless.astype(np.int16), 0.62), record(np.rint(halved).astype(np.int16), 0.10)]
    for strength, share in ((3, 0.05), (10, 0.06), (25, 0.06), (45, 0.04)):
        some = lossless[rng.choice(len(lossless), max(1, len(lossless) // 7), replace=False)]
        noisy = np.rint(some + rng.normal(0, strength, some.shape))
        found.append(record(noisy.astype(np.int16), share))
    found.append(record(np.rint(rng.normal(128, 8, (max(4, images // 35), 3, 32, 32))).astype(np.int16), 0.03))
    zca = fit_zca(copies, 0.1)
    white = ((copies[-max(4, images // 7) :].reshape(-1, 3072) - zca.mean) @ zca.matrix).reshape(-1, 3, 32, 32)
    found.append(record(np.rint(white * 80 + 128).astype(np.int16), 0.04))
    return found

"""A source of known entropy against the file's real size.

    python -m benchmarks.studies.known_entropy

Latents of 8x8 transform blocks are drawn from two sources whose entropy follows from a formula, not from the coder:
"bands", independent discretised Laplace values with a scale of its own for each band; "chain", where the scale of a
value also depends on whether its left neighbour of the same band is zero (a Markov chain along each row of blocks, so
the conditional entropy is a sum over its states). Each is coded as a real file in two ways: with a hand-made context
network that is the source's own model (the oracle, carried in the file), and with the built-in one, which has never
seen such data, at the quantiser step that suits it best.

What lies between entropy and file falls into parts that add up, all in bytes: luck (information of the values drawn,
minus the entropy), mismatch (ideal bits under the coded model, minus that information), coder (the streams, minus their
ideal bits), networks, container.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import RESULTS, append, finished, latest
from benchmarks.studies.drawing import bytes_axis, plot
from ddcodec.codecs.configs import Shape, TransformConfig
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.networks import GroupNetworks, tensor_specs
from ddcodec.codecs.transform_layout import INPUT_COUNT, STATIC_COUNT, TransformLayout
from ddcodec.entropy.context import LOG
from ddcodec.entropy.tables import laplace_scale
from ddcodec.pipeline import EncodedModel, decode, encode_set, info

TABLE = RESULTS / "study_known_entropy.tsv"
SHAPE, CLASSES = Shape(3, 32, 32, 255), 10
CONFIG = TransformConfig(8, (15, 15, 15))
SIZES = (1, 4, 16)
"""Images per class."""
SCALES = {"sparse": 32, "medium": 42, "dense": 56}
"""Scale index of the lowest frequencies; each index is a factor of 2^(1/8)."""
CHAIN = -12
"""What a zero to the left takes off the scale index, in the chain."""
_SLOPE = 5
"""The scale index falls by so many 128ths of log2(1 + 4u) + log2(1 + 4v), times 128."""
_LEFT = 3 + 5 + 11
"""Number of the input that shows the magnitude of the left neighbour."""


@dataclass(frozen=True)
class Source:
    """kind: bands or chain; top: scale index at frequency (0, 0)."""

    kind: str
    top: int

    def scale_index(self, layout: TransformLayout) -> NDArray[np.int64]:
        """(bands,) scale index of a value (in the chain: where the left neighbour is not zero)."""
        _, u, v = layout.band_table.T
        return np.maximum(self.top - (_SLOPE * (LOG[4 * u] + LOG[4 * v]) >> 7), 0)

    def low_index(self, layout: TransformLayout) -> NDArray[np.int64]:
        """(bands,) the same behind a zero."""
        index = self.scale_index(layout)
        return np.maximum(index + CHAIN, 0) if self.kind == "chain" else index


def log_mass(value: NDArray[Any], scale: NDArray[Any]) -> NDArray[np.float64]:
    """log2 of the mass of integers under a Laplace density of that scale, rounded; arrays of one shape."""
    centre = np.log1p(-np.exp(-0.5 / scale))
    beyond = -np.abs(value) / scale + np.log(np.sinh(0.5 / scale))
    return np.where(value == 0, centre, beyond) / np.log(2)


def value_entropy(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits of one value of each scale (n,)."""
    values = np.arange(-2000, 2001)[:, None]
    bits = log_mass(values, scale[None])
    return -(np.exp2(bits) * bits).sum(axis=0)


def source_entropy(source: Source, layout: TransformLayout) -> float:
    """Exact bits of one image: in the chain, states are followed from block to block."""
    scales = [
        laplace_scale(index.astype(np.float64)) for index in (source.low_index(layout), source.scale_index(layout))
    ]
    entropy = [value_entropy(np.asarray(scale)) for scale in scales]
    leave_zero = [np.exp(-0.5 / np.asarray(scale)) for scale in scales]  # chance of a value that is not zero
    total, busy = np.zeros(len(layout.band_table)), np.zeros(len(layout.band_table))
    for _ in range(layout.block_columns):
        total += (1 - busy) * entropy[0] + busy * entropy[1]
        busy = (1 - busy) * leave_zero[0] + busy * leave_zero[1]
    return float(layout.block_rows * total.sum())


def draw(
    source: Source, layout: TransformLayout, images: int, rng: np.random.Generator
) -> tuple[NDArray[np.int16], float]:
    """Latents (images, latents per image), and the information in them under the source, in bits."""
    bands, rows, columns = len(layout.band_table), layout.block_rows, layout.block_columns
    high, low = (np.asarray(laplace_scale(part.astype(np.float64)))[:, None] for part in (
        source.scale_index(layout), source.low_index(layout)))  # fmt: skip
    values = np.zeros((images, bands, rows, columns), np.int64)
    left, bits = np.zeros((images, bands, rows), np.int64), 0.0
    for column in range(columns):
        scale = np.where(left != 0, high, low)
        left = np.rint(rng.laplace(0, 1, left.shape) * scale).astype(np.int64)
        bits -= float(log_mass(left, scale).sum())
        values[..., column] = left
    return values.reshape(images, -1).astype(np.int16), bits


def networks(base: int, step: int) -> GroupNetworks:
    """The transform with a context base, or with one hidden layer of its own, all zeros."""
    widths = (32, 32) if base else (3,)
    specs = tensor_specs(SHAPE, CONFIG, widths, base)
    tensors = [np.zeros(spec.shape, np.int64) if spec.base is None else spec.base for spec in specs]
    tensors[0] = np.zeros((3, 8), np.int64)
    tensors[0][:, 0] = step
    return GroupNetworks(SHAPE, CONFIG, widths, base, tuple(tensors), tuple(spec.base_shift for spec in specs))


def oracle(source: Source) -> GroupNetworks:
    """Networks whose context network says exactly the source's scale."""
    plain = networks(0, 64)
    first, bias, last, last_bias = (np.zeros_like(tensor) for tensor in plain.tensors[-4:])
    # unit 0: how far the frequency takes the scale down; units 1, 2: 128 where the left neighbour is not zero
    first[0, INPUT_COUNT - STATIC_COUNT : INPUT_COUNT - STATIC_COUNT + 2] = _SLOPE
    first[1:, _LEFT] = 128
    bias[:] = (-64, -64, -128 * 128 - 64)  # without the half that rounding adds
    drop = CHAIN if source.kind == "chain" else 0
    last[1] = (-128, -drop, drop)
    last_bias[1] = 128 * (source.top + drop) - 64
    shifts = (*plain.shifts[:-4], 7, 0, 7, 0)
    return replace(plain, tensors=(*plain.tensors[:-4], first, bias, last, last_bias), shifts=shifts)


def ideal_bits(nets: GroupNetworks, latents: list[NDArray[np.int16]]) -> float:
    """Ideal code length of all latents."""
    return sum(encode_class_streams([nets], (0,) * len(latents), latents)[1])


def best_base(latents: NDArray[np.int16]) -> GroupNetworks:
    """The built-in context network at the step index with the fewest bits for some images."""
    return min((networks(1, step) for step in range(0, 128, 8)), key=lambda nets: ideal_bits(nets, [latents]))


def measure(source: Source, name: str, model: str, per_class: int, seed: int) -> None:
    """One row."""
    key = {"source": f"{source.kind}, {name}", "model": model, "images": per_class * CLASSES, "seed": seed}
    if finished(TABLE, key) is not None:
        return
    started = time.perf_counter()
    layout = networks(1, 64).layout
    assert isinstance(layout, TransformLayout)
    latents, information = draw(source, layout, per_class * CLASSES, np.random.default_rng(seed))
    parts = np.split(latents, CLASSES)
    nets = oracle(source) if model == "oracle" else best_base(latents[:10])
    data = encode_set(EncodedModel([nets], (0,) * CLASSES, parts))
    assert np.array_equal(decode(data).class_counts, [per_class] * CLASSES)
    entropy, ideal = source_entropy(source, layout) * len(latents), ideal_bits(nets, parts)
    sections = info(data).section_bytes
    row = {
        **key,
        "latents": latents.size,
        "entropy_bits_per_latent": round(entropy / latents.size, 4),
        "entropy_bytes": round(entropy / 8, 1),
        "luck_bytes": round((information - entropy) / 8, 1),
        "mismatch_bytes": round((ideal - information) / 8, 1),
        "coder_bytes": round(sections["LATN"] - ideal / 8, 1),
        "network_bytes": sections["NETS"],
        "container_bytes": len(data) - sections["LATN"] - sections["NETS"],
        "file_bytes": len(data),
        "ideal_bytes": round(ideal / 8, 1),
        "overhead_percent": round(100 * (8 * len(data) / entropy - 1), 3),
        "over_information_percent": round(100 * (8 * len(data) / information - 1), 3),
        "mismatch_percent": round(100 * (ideal / information - 1), 3),
        "coder_percent": round(100 * (8 * sections["LATN"] / ideal - 1), 3),
    }
    append(TABLE, row, seconds=time.perf_counter() - started)
    print(*(f"{name}={value}" for name, value in row.items()), flush=True)


def draw_plot() -> None:
    """File bytes over the information that was drawn, which is near the entropy, for both models."""
    rows = latest(TABLE, "source", "model", "images", "seed")
    title = "File bytes over the entropy of a known source"
    with plot("known_entropy", title, panels=2) as panels:
        for panel, model in zip(panels, ("oracle", "built-in"), strict=True):
            chosen = [row for row in rows if row["model"] == model]
            for source in dict.fromkeys(row["source"] for row in chosen):
                part = [row for row in chosen if row["source"] == source]
                x, y = ([float(row[name]) for row in part] for name in ("entropy_bytes", "over_information_percent"))
                bits = float(part[0]["entropy_bits_per_latent"])
                style = "o-" if source.startswith("bands") else "s--"
                panel.plot(x, y, style, label=f"{source} ({bits:.2f} bit per latent)")
            bytes_axis(panel, "entropy of the source, bytes")
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter("{x:g} %")
            panel.yaxis.set_minor_formatter("")
            panel.set_ylim(0.04, 300)
            panel.set_ylabel("file bytes over the information drawn")
            panel.set_title(
                {"oracle": "the source's own model in the file", "built-in": "built-in context network"}[model]
            )
            panel.legend(fontsize=9)


def main() -> None:
    """All rows, then the plot."""
    for kind in ("bands", "chain"):
        for name, top in SCALES.items():
            for per_class in SIZES:
                for model in ("oracle", "built-in"):
                    measure(Source(kind, top), name, model, per_class, 1)
    draw_plot()


if __name__ == "__main__":
    main()

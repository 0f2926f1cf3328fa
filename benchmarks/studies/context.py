"""What the context model is worth: the same integer latents under several models.

    python -m benchmarks.studies.context [--data FOLDER]

Latents: 100 lossless CIFAR-10 images per class fitted at three rates (transform of 8x8 blocks), and those of the
distilled sets in results/joint-*.ddz. Models:

- shipped: the built-in context network, the real file;
- own: a context network of two hidden layers of 16, trained on these very latents and carried by the real file;
- own, same band: the same, but it may look at neighbours of its own band alone, as the paper's context model looks at
  neighbours of its own level (unlike that one it is told which band it is);
- Laplace, Gaussian: one density for each band, zero mean, its scale the best of 64 and charged with a byte;
- counts, adaptive: one adaptive count for each band without context, ideal bits of its sequential code;
- counts, bound: the empirical entropy of each band, the tables of counts not charged: a lower bound for anything
  without context.

`file_bytes` is a file that was written and decoded. `ideal_bytes` is code length: latents plus what the model itself
costs (`parameter_bytes`), without container, step sizes and filter; for the files it stands beside their real bytes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.rate_agreement import coded_form
from benchmarks.representation import first_images, fit
from benchmarks.rows import DATA, RESULTS, append, finished, latest
from benchmarks.studies.drawing import plot
from benchmarks.studies.zero_order import adaptive_bits, count_bits, gaussian_bits, laplace_table_bits
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.codecs.networks import GroupNetworks, tensor_specs
from ddcodec.codecs.transform_layout import SIGNED, SIGNED_MEAN, STATIC_COUNT, TransformLayout
from ddcodec.codecs.weights import tensor_bits
from ddcodec.pipeline import EncodedModel, decode, encode_set
from ddcodec.train.config import Config
from ddcodec.train.context_model import ContextModel
from ddcodec.train.rate import weight_bits

TABLE = RESULTS / "study_context.tsv"
LAMBDAS = (0.004, 0.02, 0.1)
WIDTHS, STEPS, BATCH, RATE = (16, 16), 200, 32, 0.01
_SAME_SIGNED = (0, 1, 2)  # left, above, above left, of the same band
_SAME_MAGNITUDE = (11, 14, 17, 18)  # the same and above right
Latents = list[NDArray[np.int16]]


def sources(folder: Path) -> Iterator[tuple[str, Callable[[], EncodedModel]]]:
    """Names and sets."""

    def fitted(weight: float) -> EncodedModel:
        options = ["train.images_per_class=100", "train.joint_steps=0", "train.fit_steps=6", "train.tune_steps=0"]
        config = Config().with_settings([*options, "codec.block=8", f"train.lambda={weight}"])
        return fit(config, first_images(folder, 100)).result().model

    for weight in LAMBDAS:
        yield f"1,000 real, lambda {weight:g}", lambda weight=weight: fitted(weight)
    for kib in ("0.5", "1", "2", "4"):
        path = Path(__file__).parents[1] / "results" / f"joint-{kib}kib.ddz"
        yield f"distilled, {kib} KiB per class", lambda path=path: coded_form(path.read_bytes())[0]


def context_bits(nets: GroupNetworks) -> float:
    """Ideal bits of the context network's tensors."""
    rows = zip(nets.specs, nets.tensors, nets.shifts, strict=True)
    return sum(tensor_bits(*row) for row in rows if row[0].name.startswith("context."))


def masked(layout: TransformLayout) -> torch.Tensor:
    """(inputs,) 1 for neighbours of the same band and for what is known without any, 0 for all others."""
    mask = torch.zeros(layout.input_count)
    mask[list(_SAME_SIGNED)] = 1
    mask[[len(SIGNED) + len(SIGNED_MEAN) + place for place in _SAME_MAGNITUDE]] = 1
    mask[-STATIC_COUNT:] = 1
    return mask


def trained(model: EncodedModel, same_band: bool, seed: int) -> EncodedModel:
    """The set under a context network of its own: Adam on bits of latents and weights, then whole weights."""
    (nets,) = model.networks
    layout, latents = nets.layout, torch.from_numpy(np.concatenate(model.latents)).float()
    assert isinstance(layout, TransformLayout)
    generator = torch.Generator().manual_seed(seed)
    context = ContextModel(layout, WIDTHS, generator)
    mask = masked(layout) if same_band else torch.ones(layout.input_count)
    optimiser = torch.optim.Adam(context.parameters(), lr=RATE, betas=(0.9, 0.99))
    order, batch = torch.empty(0, dtype=torch.int64), min(BATCH, len(latents))
    for step in range(STEPS):
        if len(order) < batch:
            order = torch.randperm(len(latents), generator=generator)
        chosen, order = order[:batch], order[batch:]
        for entry in optimiser.param_groups:
            entry["lr"] = RATE * (0.02 + 0.98 * min(1.0, 2 * (1 - step / STEPS)))
        with torch.no_grad():
            context.weights[0] *= mask
        bits = context.bits(latents[chosen], exact=True).sum() * (len(latents) / batch)
        weights = sum(weight_bits(part) for pair in context.integers() for part in pair)
        optimiser.zero_grad(set_to_none=True)
        ((bits + weights) / latents.numel()).backward()
        context.biases[-1].grad *= 20  # it lives on the scale of indices, weights near one
        optimiser.step()
    with torch.no_grad():
        context.weights[0] *= mask
    return min((with_context(model, context, shift) for shift in range(3, 9)), key=lambda made: len(encode_set(made)))


def with_context(model: EncodedModel, context: ContextModel, shift: int) -> EncodedModel:
    """The same latents under another context network, its weights in steps of 2^-shift."""
    (nets,) = model.networks
    context.weight_shifts = [shift] * len(context.weights)
    values: list[NDArray[np.int64]] = []
    shifts: list[int] = []
    for layer in context.layers():
        values += [layer.weight, layer.bias]
        shifts += [layer.shift, layer.bias_shift]
    own = len(tensor_specs(nets.shape, nets.config, WIDTHS, 0)) - len(values)
    made = replace(nets, context_widths=WIDTHS, context_base=0, tensors=(*nets.tensors[:own], *values),
                   shifts=(*nets.shifts[:own], *shifts))  # fmt: skip
    return replace(model, networks=[made])


def written(model: EncodedModel) -> dict[str, float]:
    """Sizes of a set as a file, which is decoded to be sure."""
    data, (nets,) = encode_set(model), model.networks
    assert np.array_equal(decode(data).class_counts, model.counts)
    latent = sum(encode_class_streams([nets], model.group_of_class, model.latents)[1])
    return {"latent_bytes": latent / 8, "parameter_bytes": context_bits(nets) / 8, "file_bytes": len(data)}


def measure(name: str, make: Callable[[], EncodedModel], seed: int) -> None:
    """Rows of one set under all models that have none yet."""
    kinds: dict[str, Callable[[EncodedModel], dict[str, float]]] = {
        "shipped": written,
        "own": lambda model: written(trained(model, False, seed)),
        "own, same band": lambda model: written(trained(model, True, seed)),
    }
    for label, bits, bytes_per_band in (
        ("Laplace", laplace_table_bits, 1),
        ("Gaussian", gaussian_bits, 1),
        ("counts, adaptive", adaptive_bits, 0),
        ("counts, bound", count_bits, 0),
    ):

        def ideal(
            model: EncodedModel, bits: Callable[..., float] = bits, each: int = bytes_per_band
        ) -> dict[str, float]:
            layout = model.networks[0].layout
            assert isinstance(layout, TransformLayout)
            bands = np.concatenate(model.latents).reshape(sum(model.counts), len(layout.band_table), -1)
            rows = [np.ascontiguousarray(bands[:, band]).reshape(-1).astype(np.int64) for band in range(bands.shape[1])]
            return {"latent_bytes": sum(map(bits, rows)) / 8, "parameter_bytes": each * len(rows)}

        kinds[label] = ideal
    found: list[EncodedModel] = []
    for kind, size in kinds.items():
        key = {"latents": name, "model": kind, "seed": seed}
        if finished(TABLE, key) is not None:
            continue
        if not found:
            found.append(make())
        started = time.perf_counter()
        row = {"file_bytes": "", **size(found[0])}
        row["ideal_bytes"] = row["latent_bytes"] + row["parameter_bytes"]
        count = sum(part.size for part in found[0].latents)
        rounded = {key: round(value, 1) if isinstance(value, float) else value for key, value in row.items()}
        append(TABLE, {**key, "values": count, **rounded}, seconds=time.perf_counter() - started)
        print(name, kind, rounded, flush=True)


def draw_plot() -> None:
    """Code length of every model over that of the shipped one."""
    rows = latest(TABLE, "latents", "model", "seed")
    names = list(dict.fromkeys(row["latents"] for row in rows))
    kinds = list(dict.fromkeys(row["model"] for row in rows))
    size = {(row["latents"], row["model"]): float(row["ideal_bytes"]) for row in rows}
    with plot("context", "Code length of the same latents, over that of the built-in context network", 2) as panels:
        for panel, part in zip(panels, (names[:3], names[3:]), strict=True):
            for number, kind in enumerate(kinds):
                places = np.arange(len(part)) + (number - len(kinds) / 2 + 0.5) * 0.12
                values = [100 * size[name, kind] / size[name, "shipped"] for name in part]
                panel.bar(places, values, 0.11, label=kind)
            shown = [
                name.replace("1,000 real, ", "").replace("distilled, ", "").replace(" per class", "") for name in part
            ]
            shown = [f"{text}\n{size[name, 'shipped']:,.0f} bytes" for text, name in zip(shown, part, strict=True)]
            panel.set_xticks(range(len(part)), shown)
            panel.yaxis.set_major_formatter("{x:g} %")
            panel.set_title(part[0].split(",")[0] if part[0].startswith("distilled") else "1,000 lossless images")
        panels[0].legend(fontsize=9, ncols=4, loc="upper left")
        for panel in panels:
            panel.set_ylim(60, 1.1 * panel.get_ylim()[1])


def main() -> None:
    """All rows, then the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    for name, make in sources(options.data):
        measure(name, make, 0)
    draw_plot()


if __name__ == "__main__":
    main()

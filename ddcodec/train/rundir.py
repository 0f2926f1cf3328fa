"""The folder of a run: what is in it, and its finished result. Nothing in it is pickled.

config.toml            every option, resolved           run.json        data and hashes, for --resume
metrics.jsonl          one line per step                checkpoint-*.safetensors   the last two
sheet.png              the images, a row per class      state.safetensors, result.json   the finished set
images-per-class.jsonl numbers of images that were tried, where the run chose one
pool-*.safetensors, experts   trained networks of the loss, unless [run] names another folder
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddcodec.errors import InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.format.metadata import Metadata, pack_metadata
from ddcodec.pipeline import EncodedModel
from ddcodec.train.final_state import pack_state, read_state

if TYPE_CHECKING:
    from ddcodec.train.seams import ResultLike

CONFIG, RUN, METRICS, SHEET = "config.toml", "run.json", "metrics.jsonl", "sheet.png"
STATE, RESULT = "state.safetensors", "result.json"
CANDIDATES = "images-per-class.jsonl"
_LISTS = ("latent_bits", "network_bits")
_TOTALS = ("training_latent_bits", "training_network_bits")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file at once; raises as `write_atomic`, and ValueError for a NaN."""
    write_atomic(path, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises: InputError naming the file.
    """
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected a JSON object")
    return values


def write_result(run_dir: Path, result: "ResultLike", provenance: Mapping[str, Any] | None = None) -> None:
    """Store a finished set: the state first, then `result.json`, whose presence means "finished".

    Args:
        result: model; mean and std, a float per channel or None; whitening, {} for none; classes, names
            or None; recipe, a plain map;
            estimate, "latent_bits" per class, "network_bits" per group, and the totals that training
            believed in, "training_latent_bits" and "training_network_bits".
        provenance: where the set comes from (spec section 9).
    Raises: InputError for a NaN or parts that do not fit; as `write_atomic`.
    """
    values: dict[str, Any] = {
        "mean": None if result.mean is None else [float(value) for value in result.mean],
        "std": None if result.std is None else [float(value) for value in result.std],
        "classes": None if result.classes is None else list(result.classes),
        "recipe": dict(result.recipe),
        "provenance": dict(provenance or {}),
        "whitening": dict(result.whitening),
        "estimate": {name: [float(bits) for bits in result.estimate[name]] for name in _LISTS}
        | {name: float(result.estimate[name]) for name in _TOTALS},
    }
    model = result.model
    try:
        _metadata(values, model)
        _estimate(values, model)
        for net in model.networks:
            net.check()
    except ValueError as error:  # EncodeError is one
        raise InputError(f"{run_dir / RESULT}: {error}") from error
    write_atomic(run_dir / STATE, pack_state(model))
    write_json(run_dir / RESULT, values)


def read_result(run_dir: Path) -> tuple[EncodedModel, Metadata, dict[str, Any]]:
    """The finished set of a run, what its file shall say, and the estimate as given to `write_result`.

    Raises: InputError naming the folder or the file that is missing or damaged.
    """
    if not run_dir.is_dir():
        raise InputError(f"{run_dir}: no such run directory")
    if not (run_dir / RESULT).exists():
        hint = "continue it with distill --resume" if (run_dir / CONFIG).exists() else "it is no run directory"
        raise InputError(f"{run_dir}: has no finished result ({RESULT}); {hint}")
    if not (run_dir / STATE).exists():
        raise InputError(f"{run_dir / STATE}: is missing")
    values = read_json(run_dir / RESULT)
    model = read_state(run_dir / STATE)
    try:
        return model, _metadata(values, model), _estimate(values, model)
    except (ValueError, KeyError, TypeError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{run_dir / RESULT}: {problem}") from error


def _metadata(values: Mapping[str, Any], model: EncodedModel) -> Metadata:
    classes = values["classes"]
    metadata = Metadata(
        classes=None if classes is None else tuple(classes),
        mean=None if values["mean"] is None else tuple(values["mean"]),
        std=None if values["std"] is None else tuple(values["std"]),
        recipe=values["recipe"],
        provenance=values["provenance"],
        whitening=values.get("whitening", {}),
    )
    pack_metadata(metadata, len(model.counts), model.shape.channels)  # what cannot be written is refused here
    return metadata


def _estimate(values: Mapping[str, Any], model: EncodedModel) -> dict[str, Any]:
    estimate: dict[str, Any] = values["estimate"]
    for name, length in zip(_LISTS, (len(model.counts), len(model.networks)), strict=True):
        if not isinstance(estimate[name], list) or len(estimate[name]) != length:
            raise ValueError(f"estimate.{name}: expected {length} numbers")
    numbers = {name: estimate[name] for name in _LISTS} | {name: [estimate[name]] for name in _TOTALS}
    for name, found in numbers.items():
        if not all(type(bits) in (int, float) and math.isfinite(bits) and bits >= 0 for bits in found):
            raise ValueError(f"estimate.{name}: expected numbers of bits, found {found}")
    return estimate

"""The integers of a finished run as one safetensors file, from which the coded set is rebuilt exactly.

Tensors: `networks.G.NAME` int64 for each tensor of group G, `networks.G.shifts` int64, `latents.C` int16 of
class C, `group_of_class` int64, `order` int64 where the samples are not sorted, and `soft` int16 where they have soft
labels. The configurations of the groups stand as JSON in the file's metadata, fields by name.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ddcodec.codecs.base_networks import find_base
from ddcodec.codecs.configs import CONFIGS, Config, PriorConfig, Shape
from ddcodec.codecs.networks import GroupNetworks, context_input_count
from ddcodec.dataset import SOFT_KINDS, SoftLabels
from ddcodec.errors import DdzError, InputError
from ddcodec.format.wire import Cursor, pack_varint
from ddcodec.pipeline import EncodedModel

FORMAT = "ddcodec final state 1"
_KEY = "ddcodec"
Tensors = dict[str, NDArray[Any]]


def pack_state(model: EncodedModel) -> bytes:
    """The file's bytes."""
    tensors: Tensors = {"group_of_class": np.array(model.group_of_class, np.int64)}
    heads: list[dict[str, Any]] = []
    for group, net in enumerate(model.networks):
        head: dict[str, Any] = {"kind": type(net.config).__name__, "context_base": net.context_base}
        head |= {"shape": dataclasses.asdict(net.shape), "config": dataclasses.asdict(net.config)}
        heads.append(head | {"context_widths": list(net.context_widths)})
        for spec, tensor in zip(net.specs, net.tensors, strict=True):
            tensors[f"networks.{group}.{spec.name}"] = np.ascontiguousarray(tensor, np.int64)
        tensors[f"networks.{group}.shifts"] = np.array(net.shifts, np.int64)
    for number, latents in enumerate(model.latents):
        tensors[f"latents.{number}"] = np.ascontiguousarray(latents, np.int16)
    if model.order is not None:
        tensors["order"] = np.ascontiguousarray(model.order, np.int64)
    head_of_all: dict[str, Any] = {"format": FORMAT, "networks": heads}
    if model.soft is not None:
        tensors["soft"] = np.ascontiguousarray(model.soft.values, np.int16)
        head_of_all["soft"] = {"unit": model.soft.unit, "kind": model.soft.kind}
    # One key, since safetensors writes several in any order and equal runs shall give equal bytes.
    packed: bytes = save(tensors, {_KEY: json.dumps(head_of_all)})
    return packed


def read_state(path: Path) -> EncodedModel:
    """Rebuild the coded set.

    Raises: InputError naming the file and the part that is missing or does not fit.
    """
    try:
        with safe_open(str(path), "numpy") as pack:
            notes = pack.metadata() or {}
            tensors = {name: pack.get_tensor(name) for name in pack.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{path}: not a readable state: {error}") from error
    try:
        if _KEY not in notes:
            raise InputError(f"is no {FORMAT}")
        head = json.loads(notes[_KEY])
        if head["format"] != FORMAT:
            raise InputError(f"expected a {FORMAT}, found {head['format']!r}")
        return _rebuild(head["networks"], tensors, head.get("soft"))
    except DdzError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path}: damaged description of the networks ({error})") from error


def _take(tensors: Tensors, name: str, kind: type, dimensions: int) -> NDArray[Any]:
    if name not in tensors:
        raise InputError(f"tensor {name} is missing")
    tensor = tensors[name]
    if tensor.dtype != kind or tensor.ndim != dimensions:
        expected = f"{np.dtype(kind)} with {dimensions} axes"
        raise InputError(f"tensor {name}: expected {expected}, found {tensor.dtype} of shape {tensor.shape}")
    return tensor


def _rebuild(heads: list[Mapping[str, Any]], tensors: Tensors, soft: Mapping[str, Any] | None) -> EncodedModel:
    networks = [_network(f"networks.{group}", head, tensors) for group, head in enumerate(heads)]
    groups = _take(tensors, "group_of_class", np.int64, 1).tolist()
    if not networks or not groups or set(groups) != set(range(len(networks))):
        raise InputError(f"group_of_class does not fit {len(networks)} groups")
    latents = []
    for number, group in enumerate(groups):
        part = _take(tensors, f"latents.{number}", np.int16, 2)
        if part.shape[1] != networks[group].latents_per_image:
            wanted = networks[group].latents_per_image
            raise InputError(f"tensor latents.{number}: expected {wanted} columns, found {part.shape[1]}")
        latents.append(part)
    order = _take(tensors, "order", np.int64, 1) if "order" in tensors else None
    if order is not None:
        inside = not len(order) or 0 <= int(order.min()) <= int(order.max()) < len(groups)
        counts = [len(part) for part in latents]
        if not inside or np.bincount(order, minlength=len(groups)).tolist() != counts:
            raise InputError("tensor order does not fit the latents")
    return EncodedModel(networks, groups, latents, order, None if soft is None else _soft(soft, latents, tensors))


def _soft(head: Mapping[str, Any], latents: list[NDArray[np.int16]], tensors: Tensors) -> SoftLabels:
    values = _take(tensors, "soft", np.int16, 2)
    expected = (sum(map(len, latents)), len(latents))
    if values.shape != expected or head["kind"] not in SOFT_KINDS or not 1 <= int(head["unit"]) <= 32_767:
        raise InputError(f"tensor soft: expected shape {expected}, a kind and a unit, found {values.shape}, {head}")
    return SoftLabels(values, int(head["unit"]), head["kind"])


def _config(kind: str, fields: Mapping[str, Any], shape: Shape) -> Config:
    """The configuration, put to the very checks that a reader of the file would make."""
    known: dict[str, Any] = {found.__name__: found for found in CONFIGS.values()}
    if kind not in known:
        raise InputError(f"unknown configuration {kind!r}")
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    config: Config = known[kind](**plain)
    wire = b"".join(pack_varint(value) for value in config.fields())
    cursor = Cursor(wire)
    if known[kind].read(cursor, shape) != config or cursor.remaining:
        raise InputError(f"{kind} does not fit images of {shape.channels} channels")
    return config


def _network(prefix: str, head: Mapping[str, Any], tensors: Tensors) -> GroupNetworks:
    shape = Shape(**head["shape"])
    sides = (shape.height, shape.width)
    if not (1 <= shape.channels <= 4 and 1 <= min(sides) <= max(sides) <= 4096 and 1 <= shape.peak <= 32_767):
        raise InputError(f"{prefix}: no format for images of {shape}")
    config = _config(head["kind"], head["config"], shape)
    widths = tuple(int(width) for width in head["context_widths"])
    has_context = not isinstance(config, PriorConfig)
    if has_context and (not 1 <= len(widths) <= 4 or not 1 <= min(widths) <= max(widths) <= 128):
        raise InputError(f"{prefix}: context widths {widths} are not 1..4 numbers of 1..128")
    base_id = int(head["context_base"])
    if base_id and has_context:
        kind = f"context {config.synthesis}"
        if find_base(base_id, kind, context_input_count(shape, config), offset=0).widths != widths:
            raise InputError(f"{prefix}: context widths {widths} are not those of base network {base_id}")
    frame = GroupNetworks(shape, config, widths, int(head["context_base"]), (), ())
    try:
        specs = frame.specs
    except KeyError as error:
        raise InputError(f"{prefix}: unknown base network {error}") from error
    found = []
    for spec in specs:
        tensor = _take(tensors, f"{prefix}.{spec.name}", np.int64, len(spec.shape))
        if tensor.shape != spec.shape:
            expected = f"expected shape {spec.shape}, found {tensor.shape}"
            raise InputError(f"tensor {prefix}.{spec.name}: {expected}")
        found.append(tensor)
    shifts = _take(tensors, f"{prefix}.shifts", np.int64, 1)
    if len(shifts) != len(specs) or not 0 <= int(shifts.min()) <= int(shifts.max()) <= 15:
        raise InputError(f"tensor {prefix}.shifts: expected {len(specs)} numbers of 0..15")
    networks = dataclasses.replace(frame, tensors=tuple(found), shifts=tuple(shifts.tolist()))
    networks.check()
    return networks

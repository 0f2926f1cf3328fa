"""The integers of a trained group of priors, and the tables that code them in few bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddcodec.codecs.configs import TensorSpec
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.codecs.prior_config import OFFSET_ZERO, SPREAD_MAX, STEP_MAX
from ddcodec.codecs.weights import best_scale, tensor_bits
from ddcodec.entropy.tables import SCALES
from ddcodec.entropy.values import bits_of_residuals, centred_rows, residual_bits
from ddcodec.train.priors.model import PriorModel
from ddcodec.train.rate import coded_weight_bits, laplace_bits

Numbers = NDArray[np.int64]
_REACH = 16
"""How far from the common scale index one dimension's own is searched."""
_FAR = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Bits that one index away from the common one is tried to cost."""


def whole(values: Tensor) -> Numbers:
    """Rounded, as integers."""
    rounded: Numbers = torch.round(values.detach()).to(torch.int64).cpu().numpy()
    return rounded


def networks_of(model: PriorModel) -> GroupNetworks:
    """The coded networks of a group, tables fitted to its priors."""
    steps = np.clip(whole(model.steps), 0, STEP_MAX)
    scales, common = fitted_scales(whole(model.means))
    log_scales = whole(model.log_scales)
    centres = np.rint(np.median(log_scales, axis=0)).astype(np.int64) if len(log_scales) else np.zeros_like(steps)
    spread_scales, spread_common, centres = _fitted_spreads(log_scales, centres)
    config = replace(
        model.config,
        step=int(np.median(steps)),
        mean_scale=common,
        spread_scale=spread_common,
        offset=int(np.clip(whole(model.offset), 0, STEP_MAX)),
        spread_step=int(np.clip(whole(model.spread_step), 1, SPREAD_MAX)),
    )
    tensors, shifts = [steps, scales, 16 * centres, spread_scales], [0, 0, 0, 0]
    for _, layer in model.decoder_layers():
        tensors += [whole(layer.weight * 2.0**layer.shift), whole(layer.bias / layer.bias_grid)]
        shifts += [layer.shift, layer.bias_shift]
    return GroupNetworks(model.shape, config, (), 0, tuple(tensors), tuple(shifts))


def latents_of(model: PriorModel) -> NDArray[np.int16]:
    """(P, 2 z) int16: means, then log-scales, whose spread would stay the same beyond the ends of their range cut."""
    means = np.clip(whole(model.means), -32_768, 32_767)
    log_scales = np.clip(whole(model.log_scales), -STEP_MAX - OFFSET_ZERO, STEP_MAX + OFFSET_ZERO)
    return np.concatenate([means, log_scales], axis=1).astype(np.int16)


def _bits_of_columns(values: Numbers) -> NDArray[np.float64]:
    """(z, SCALES) bits of each column of values (P, z) under each scale index; escapes by their symbol alone."""
    rows = (centred_rows(np.full(values.shape, scale)) for scale in range(SCALES))
    return np.stack([bits_of_residuals(values, row)[0].sum(axis=0) for row in rows], axis=1)


def fitted_scales(values: Numbers) -> tuple[Numbers, int]:
    """Scale index of each column of values (P, z), and the common one they are coded against."""
    count = values.shape[1]
    if not values.size:
        return np.zeros(count, np.int64), 0
    common, _ = best_scale(values.reshape(-1))
    near = np.arange(max(0, common - _REACH), min(SCALES, common + _REACH + 1))
    costs = _bits_of_columns(values)
    flat = np.full(count, common, np.int64)
    best, least = flat, _table_bits(flat, common) + costs[:, common].sum()
    for far in _FAR:
        chosen = near[np.argmin(costs[:, near] + far * np.abs(near - common), axis=1)]
        bits = _table_bits(chosen, common) + costs[np.arange(count), chosen].sum()
        if bits < least:
            best, least = chosen, bits
    return best, common


def _table_bits(table: Numbers, common: int) -> float:
    return tensor_bits(TensorSpec("table", table.shape, np.full(table.shape, common, np.int64)), table, 0)


def _fitted_spreads(values: Numbers, centres: Numbers) -> tuple[Numbers, int, Numbers]:
    """Scale indices, the common one, and centres of log-scales (P, z): the medians, unless they do not pay."""
    found = []
    for centre in (np.zeros_like(centres), centres):
        scales, common = fitted_scales(values - centre)
        bits = _table_bits(scales, common) + _table_bits(16 * centre, 0)
        bits += sum(
            residual_bits(column, centred_rows(np.full(len(column), scale)))
            for column, scale in zip((values - centre).T, scales, strict=True)
        )
        found.append((bits, scales, common, centre))
    _, scales, common, centre = min(found, key=lambda one: one[0])
    return scales, common, centre


def quick_bits(model: PriorModel) -> float:
    """Bits of all integers but the tables, each tensor and each kind of latent under one scale: cheap, near enough."""
    total = best_scale(whole(model.means).reshape(-1))[1] + best_scale(whole(model.log_scales).reshape(-1))[1]
    for _, layer in model.decoder_layers():
        total += best_scale(whole(layer.coded()).reshape(-1))[1]
        total += best_scale(whole(layer.bias / layer.bias_grid).reshape(-1))[1]
    return total


def closed_form_bits(model: PriorModel, networks: GroupNetworks) -> tuple[float, float]:
    """What training believes that priors and networks take, in closed form of the tables."""
    means, log_scales = whole(model.means), whole(model.log_scales)
    _, scales, centres, spread_scales = networks.tensors[:4]
    latent = 0.0
    for values, tables in ((means, scales), (log_scales - centres // 16, spread_scales)):
        latent += float(_laplace(values, tables))
    network = 0.0
    for spec, tensor in zip(networks.specs, networks.tensors, strict=True):
        delta = tensor if spec.base is None else tensor - spec.base
        coded = bool(delta.any()) or spec.base is None
        network += coded_weight_bits(torch.from_numpy(delta).float()) + 16.0 if coded else 8.0
    return latent, network


def _laplace(values: Numbers, scales: Numbers) -> Tensor:
    wide = torch.from_numpy(values).double()
    return laplace_bits(wide, torch.from_numpy(scales).double().expand_as(wide), exact=True).sum()

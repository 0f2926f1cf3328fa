"""Configuration of a group's networks, as it stands at the head of a group blob (spec sections 5-7).

A configuration knows its fields on the wire and the tensors that follow, in order, with the base that each
is coded against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddcodec.codecs.base_networks import base_layers, find_base
from ddcodec.codecs.pixel_context import DEPTH_ZERO
from ddcodec.codecs.pixel_layout import tap_count
from ddcodec.codecs.pixel_predictors import PREDICTOR_SHIFT, base_predictor
from ddcodec.codecs.prior_config import PRIORS
from ddcodec.codecs.prior_config import PriorConfig as PriorConfig
from ddcodec.codecs.pyramid import BASE_TAPS, BASE_TAPS_SHIFT
from ddcodec.codecs.specs import Shape as Shape
from ddcodec.codecs.specs import Tensor as Tensor
from ddcodec.codecs.specs import TensorSpec as TensorSpec
from ddcodec.codecs.specs import layer_specs as layer_specs
from ddcodec.codecs.transform import COLOUR_SHIFT, base_colour
from ddcodec.codecs.transform_layout import ZONES
from ddcodec.errors import EncodeError, FormatError
from ddcodec.format.wire import Cursor

PYRAMID, TRANSFORM, PIXELS = 1, 2, 4
FIRST_STEP_INDEX = 64
MAX_LEVELS, LEVEL_MIN, LEVEL_MAX = 256, -32_768, 32_767


@dataclass(frozen=True)
class PyramidConfig:
    """channels[l]: latent channels of level l (0 is the finest); widths: hidden 1x1 layers."""

    channels: tuple[int, ...]
    cross_level: bool
    widths: tuple[int, ...]
    residual: int
    synthesis = PYRAMID

    def fields(self) -> list[int]:
        """Varints of the blob's head."""
        return [
            *(len(self.channels), *self.channels, int(self.cross_level)),
            *(len(self.widths), *self.widths, self.residual),
        ]

    @classmethod
    def read(cls, cursor: Cursor, shape: Shape) -> PyramidConfig:
        """Parse what `fields` wrote; raises FormatError P1..P5."""
        levels = cursor.varint_in("number of levels", 1, 12, "P1")
        start = cursor.offset
        channels = tuple(cursor.varint_in("latent channels", 0, 16, "P2") for _ in range(levels))
        if not any(channels):
            raise FormatError("latent channels", offset=start, expected="one or more", found=0, rule="P2")
        cross_level = bool(cursor.varint_in("context template", 0, 1, "P3"))
        hidden = cursor.varint_in("number of hidden layers", 0, 3, "P4")
        widths = tuple(cursor.varint_in("width of a hidden layer", 1, 640, "P4") for _ in range(hidden))
        return cls(channels, cross_level, widths, cursor.varint_in("residual layers", 0, 2, "P5"))

    def tensors(self, shape: Shape) -> list[TensorSpec]:
        """Synthesis tensors in blob order."""
        specs = [TensorSpec("taps", (4,), np.array(BASE_TAPS, dtype=np.int64), BASE_TAPS_SHIFT)]
        sizes = (sum(self.channels), *self.widths, shape.channels)
        for number, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
            specs += layer_specs(f"pixelwise.{number}", (fan_out, fan_in))
        for number in range(self.residual):
            specs += layer_specs(f"residual.{number}", (shape.channels, shape.channels, 3, 3))
        return specs


@dataclass(frozen=True)
class TransformConfig:
    """block: 4..32; diagonals[c]: coded anti-diagonals of channel c.

    filter_widths: hidden widths of the filter, all equal, () for no filter (the base's, if one is used);
    filter_base: 0 or the id of a base filter.
    """

    block: int
    diagonals: tuple[int, ...]
    filter_widths: tuple[int, ...] = ()
    filter_base: int = 0
    synthesis = TRANSFORM

    def fields(self) -> list[int]:
        """Varints of the blob's head."""
        if self.block not in (4, 8, 16, 32):
            raise EncodeError(f"rule T1: block size {self.block} is not 4, 8, 16 or 32")
        head = [self.block.bit_length() - 1, *self.diagonals, self.filter_base]
        if self.filter_base:
            return head
        if not self.filter_widths:
            return [*head, 0]
        if len(set(self.filter_widths)) != 1:
            raise EncodeError("rule T3: the hidden layers of a filter have one width")
        return [*head, len(self.filter_widths) + 1, self.filter_widths[0]]

    @classmethod
    def read(cls, cursor: Cursor, shape: Shape) -> TransformConfig:
        """Parse what `fields` wrote; raises FormatError T1..T3, G3."""
        block = 1 << cursor.varint_in("log2 of block size", 2, 5, "T1")
        diagonals = tuple(cursor.varint_in("coded diagonals", 0, 2 * block - 1, "T2") for _ in range(shape.channels))
        start = cursor.offset
        filter_base = cursor.varint("filter base")
        if filter_base:
            base = find_base(filter_base, "filter", shape.channels, offset=start)
            return cls(block, diagonals, base.widths, filter_base)
        start = cursor.offset
        layers = cursor.varint_in("filter layers", 0, 4, "T3")
        if layers == 1:
            raise FormatError("filter layers", offset=start, expected="0 or 2..4", found=1, rule="T3")
        width = cursor.varint_in("filter width", 1, 64, "T3") if layers else 0
        return cls(block, diagonals, (width,) * (layers - 1))

    def tensors(self, shape: Shape) -> list[TensorSpec]:
        """Synthesis tensors in blob order."""
        first = np.zeros((shape.channels, ZONES), np.int64)
        first[:, 0] = FIRST_STEP_INDEX
        specs = [
            TensorSpec("steps", (shape.channels, ZONES), first),
            TensorSpec("colour", (shape.channels,) * 2, base_colour(shape.channels), COLOUR_SHIFT),
        ]
        if self.filter_widths:
            sizes = (shape.channels, *self.filter_widths, shape.channels)
            layers: list[TensorSpec] = []
            for number, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
                layers += layer_specs(f"filter.{number}", (fan_out, fan_in, 3, 3))
            specs += based_on(layers, self.filter_base)
        return specs


@dataclass(frozen=True)
class PixelConfig:
    """centred: predictions start from the middle instead of 0; depth, reach: as in `PixelModel`.

    levels: the pixel integers that occur, ascending, where latents are their numbers; () where latents are pixels.
    """

    centred: bool
    depth: int
    reach: int
    levels: tuple[int, ...] = ()
    synthesis = PIXELS

    def centre(self, peak: int) -> int:
        """The latent that predictions start from."""
        middle = len(self.levels) >> 1 if self.levels else (peak + 1) >> 1
        return middle if self.centred else 0

    def fields(self) -> list[int]:
        """Varints of the blob's head."""
        head = [int(self.centred), self.depth + DEPTH_ZERO, self.reach, len(self.levels)]
        steps = [b - a - 1 for a, b in zip(self.levels, self.levels[1:], strict=False)]
        return [*head, *(level - LEVEL_MIN for level in self.levels[:1]), *steps]

    @classmethod
    def read(cls, cursor: Cursor, shape: Shape) -> PixelConfig:
        """Parse what `fields` wrote; raises FormatError X1..X4."""
        centred = bool(cursor.varint_in("start of predictions", 0, 1, "X1"))
        depth = cursor.varint_in("depth", 0, 2 * DEPTH_ZERO, "X2") - DEPTH_ZERO
        reach = cursor.varint_in("reach", 1, 16, "X3")
        start = cursor.offset
        count = cursor.varint_in("number of levels", 0, MAX_LEVELS, "X4")
        if count == 1:
            raise FormatError("number of levels", offset=start, expected=f"0 or 2..{MAX_LEVELS}", found=1, rule="X4")
        levels: list[int] = []
        for _ in range(count):
            least = levels[-1] + 1 if levels else LEVEL_MIN
            levels.append(least + cursor.varint_in("level", 0, LEVEL_MAX - least, "X4"))
        return cls(centred, depth, reach, tuple(levels))

    def tensors(self, shape: Shape) -> list[TensorSpec]:
        """Predictors in blob order, each with its constant."""
        specs = []
        for position in range(shape.channels):
            weight, bias = base_predictor(position)
            names = (f"predictor.{position}.weight", f"predictor.{position}.bias")
            specs.append(TensorSpec(names[0], (1, tap_count(position)), weight, PREDICTOR_SHIFT))
            specs.append(TensorSpec(names[1], (1,), bias, 0))
        return specs


def based_on(specs: list[TensorSpec], base_id: int) -> list[TensorSpec]:
    """The same tensors, coded against a base network (0: as they are)."""
    if not base_id:
        return specs
    integers = []
    for layer in base_layers(base_id):
        integers += [(layer.weight, layer.shift), (layer.bias, layer.bias_shift)]
    return [TensorSpec(spec.name, spec.shape, base, shift) for spec, (base, shift) in zip(specs, integers, strict=True)]


Config = PyramidConfig | TransformConfig | PixelConfig | PriorConfig
CONFIGS: dict[int, type[PyramidConfig] | type[TransformConfig] | type[PixelConfig] | type[PriorConfig]] = {
    PYRAMID: PyramidConfig,
    TRANSFORM: TransformConfig,
    PIXELS: PixelConfig,
    PRIORS: PriorConfig,
}

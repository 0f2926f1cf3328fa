"""Networks of a group: from integers to bytes and back, and what they build (spec section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.base_networks import find_base
from ddcodec.codecs.configs import (
    CONFIGS,
    Config,
    PixelConfig,
    PriorConfig,
    PyramidConfig,
    Shape,
    Tensor,
    TensorSpec,
    TransformConfig,
    based_on,
    layer_specs,
)
from ddcodec.codecs.pixel_context import INPUT_MAX as PIXEL_INPUT_MAX
from ddcodec.codecs.pixel_context import SCALE_MAX as PIXEL_SCALE_MAX
from ddcodec.codecs.pixel_context import PixelModel
from ddcodec.codecs.pixel_layout import INPUT_COUNT as PIXEL_INPUT_COUNT
from ddcodec.codecs.pixel_layout import PixelLayout
from ddcodec.codecs.prior_config import TABLES
from ddcodec.codecs.prior_layout import Hyperprior, PriorLayout
from ddcodec.codecs.prior_synthesis import PLANE_MAX, PriorSynthesis
from ddcodec.codecs.pyramid import PyramidSynthesis
from ddcodec.codecs.pyramid_layout import PyramidLayout
from ddcodec.codecs.transform import FILTER_MAX, TransformSynthesis
from ddcodec.codecs.transform_layout import TransformLayout
from ddcodec.codecs.weights import pack_tensors, read_tensors
from ddcodec.entropy.context import HIDDEN_MAX, INPUT_MAX, MEAN_MAX, MEAN_MIN, ContextNet
from ddcodec.entropy.context import SCALE_MAX as SCALE_INDEX_MAX
from ddcodec.entropy.fixed_point import ACTIVATION_MAX, WEIGHT_MAX, WEIGHT_MIN, Layer
from ddcodec.errors import EncodeError, FormatError, TooNewError
from ddcodec.format.wire import Cursor, pack_varint
from ddcodec.limits import Limits

MAX_CONTEXT_LAYERS, MAX_CONTEXT_WIDTH = 4, 128
STEP_INDEX_MAX = 127


@dataclass(frozen=True)
class GroupNetworks:
    """Everything a group's classes share.

    shape: of the images; config: of the synthesis; context_widths: hidden layers (the base's, if one is
    used; none for priors); context_base: 0 or an id of spec section 10; tensors, shifts: integers of `specs`, in that
    order.
    """

    shape: Shape
    config: Config
    context_widths: tuple[int, ...]
    context_base: int
    tensors: tuple[Tensor, ...]
    shifts: tuple[int, ...]

    @cached_property
    def specs(self) -> list[TensorSpec]:
        """Tensors in blob order."""
        return tensor_specs(self.shape, self.config, self.context_widths, self.context_base)

    @property
    def weight_count(self) -> int:
        """Integers in all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    def _layers(self, prefix: str) -> tuple[Layer, ...]:
        found = [i for i, spec in enumerate(self.specs) if spec.name.startswith(prefix)]
        return tuple(
            Layer(self.tensors[i], self.shifts[i], self.tensors[i + 1], self.shifts[i + 1]) for i in found[::2]
        )

    @cached_property
    def step_indices(self) -> NDArray[np.int64]:
        """(channels, 8) quantiser step indices of the transform."""
        return np.cumsum(self.tensors[0], axis=1)

    @cached_property
    def layout(self) -> PyramidLayout | TransformLayout | PixelLayout | PriorLayout:
        """Order and neighbourhoods of the latents of one image."""
        shape, config = self.shape, self.config
        if isinstance(config, PyramidConfig):
            return PyramidLayout(shape.height, shape.width, config.channels, config.cross_level)
        if isinstance(config, PixelConfig):
            return PixelLayout(shape.channels, shape.height, shape.width)
        if isinstance(config, PriorConfig):
            return PriorLayout(config.dimensions)
        steps = tuple(tuple(row) for row in self.step_indices.tolist())
        return TransformLayout(shape.height, shape.width, config.block, config.diagonals, steps)

    @property
    def latents_per_image(self) -> int:
        """Latents of one image."""
        return self.layout.latent_count

    @cached_property
    def context(self) -> ContextNet | PixelModel | Hyperprior:
        """The integer context network, with what a pixel's prediction needs where latents are pixels; or tables."""
        if isinstance(self.config, PriorConfig):
            _, scales, centres, spread_scales = self.tensors[: len(TABLES)]
            return Hyperprior(
                np.concatenate([np.zeros_like(centres), centres]), np.concatenate([scales, spread_scales])
            )
        layers, config = self._layers("context."), self.config
        if isinstance(config, PixelConfig):
            net = ContextNet(layers, self.layout.static_count, PIXEL_SCALE_MAX, PIXEL_INPUT_MAX)
            centre = config.centre(self.shape.peak)
            return PixelModel(self._layers("predictor."), net, centre, config.depth, config.reach)
        return ContextNet(layers, self.layout.static_count)

    def unknown_level(self, latents: NDArray[np.int16]) -> int | None:
        """A latent that names a level which does not exist (rule X5), or None."""
        if not isinstance(self.config, PixelConfig) or not self.config.levels or not latents.size:
            return None
        low, high = int(latents.min()), int(latents.max())
        return low if low < 0 else high if high >= len(self.config.levels) else None

    @cached_property
    def priors(self) -> PriorSynthesis | None:
        """The decoder that priors are drawn through, where latents are priors."""
        if not isinstance(self.config, PriorConfig):
            return None
        linear = self._layers("linear.")
        return PriorSynthesis(
            *(self.shape, self.config, self.tensors[0], linear[0] if linear else None),
            *(self._layers("doubling."), self._layers("last.")[0]),
        )

    def render(self, latents: NDArray[np.int16]) -> NDArray[np.int16]:
        """Decoded images (n, channels, height, width) int16 of latents (n, latents_per_image) int16."""
        if isinstance(self.layout, PyramidLayout):
            pyramid = PyramidSynthesis(
                self.tensors[0], self.shifts[0], self._layers("pixelwise."), self._layers("residual.")
            )
            return pyramid.render(self.layout, latents)
        if isinstance(self.layout, PixelLayout):
            shape, levels = self.shape, self.config.levels if isinstance(self.config, PixelConfig) else ()
            pixels = np.array(levels, np.int16).take(latents) if levels else latents
            return pixels.reshape(len(latents), shape.channels, shape.height, shape.width)
        if isinstance(self.layout, PriorLayout):
            assert self.priors is not None
            return self.priors.means(latents)
        transform = TransformSynthesis(self.tensors[1], self.shifts[1], self._layers("filter."), self.shape.peak)
        return transform.render(self.layout, latents)

    def check(self) -> None:
        """Raise EncodeError, naming the rule, where the networks cannot be written or run exactly."""
        for spec, tensor in zip(self.specs, self.tensors, strict=True):
            if tensor.shape != spec.shape:
                raise EncodeError(f"tensor {spec.name} has shape {tensor.shape}, not {spec.shape}")
            if tensor.size and not WEIGHT_MIN <= int(tensor.min()) <= int(tensor.max()) <= WEIGHT_MAX:
                raise EncodeError(f"rule N2: tensor {spec.name} has values outside -32768..32767")
        if isinstance(self.config, TransformConfig):
            steps = self.step_indices
            if not 0 <= int(steps.min()) <= int(steps.max()) <= STEP_INDEX_MAX:
                raise EncodeError("rule T4: a step index is outside 0..127")
        if isinstance(self.config, PriorConfig):
            self._check_tables()
        for prefix, bound in (
            *((name, PLANE_MAX) for name in ("linear.", "doubling.", "last.")),
            ("pixelwise.", ACTIVATION_MAX),
            ("residual.", ACTIVATION_MAX),
            ("filter.", FILTER_MAX),
            ("predictor.", (1 << self.config.reach) - 1 if isinstance(self.config, PixelConfig) else 0),
        ):
            for layer in self._layers(prefix):
                layer.check(bound)
        for number, layer in enumerate(self._layers("context.")):
            layer.check(INPUT_MAX if number == 0 else HIDDEN_MAX)

    def _check_tables(self) -> None:
        assert isinstance(self.config, PriorConfig)
        self.config.check(self.shape)
        ranges = ((0, STEP_INDEX_MAX), (0, SCALE_INDEX_MAX), (MEAN_MIN, MEAN_MAX), (0, SCALE_INDEX_MAX))
        for name, table, (low, high) in zip(TABLES, self.tensors, ranges, strict=False):
            if not low <= int(table.min()) <= int(table.max()) <= high:
                raise EncodeError(f"rule R7: table {name} has a number outside {low}..{high}")


def context_input_count(shape: Shape, config: Config) -> int:
    """Inputs of the context network of a configuration."""
    if isinstance(config, PyramidConfig):
        return PyramidLayout(shape.height, shape.width, config.channels, config.cross_level).input_count
    if isinstance(config, PixelConfig):
        return PIXEL_INPUT_COUNT
    if isinstance(config, PriorConfig):
        return PriorLayout.input_count
    return TransformLayout.input_count


def tensor_specs(shape: Shape, config: Config, context_widths: Sequence[int], context_base: int) -> list[TensorSpec]:
    """All tensors of a blob in order: synthesis, then the context layers."""
    specs = config.tensors(shape)
    if isinstance(config, PriorConfig):
        return specs
    sizes = (context_input_count(shape, config), *context_widths, 2)
    for number, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        specs += layer_specs(f"context.{number}", (fan_out, fan_in))
    count = 2 * (len(sizes) - 1)
    specs[-count:] = based_on(specs[-count:], context_base)
    return specs


def pack_group(networks: GroupNetworks) -> bytes:
    """One group blob. Raises: EncodeError where a rule would be broken."""
    networks.check()
    head = [networks.config.synthesis, *networks.config.fields()]
    if not isinstance(networks.config, PriorConfig):
        head.append(networks.context_base)
        if not networks.context_base:
            head += [len(networks.context_widths), *networks.context_widths]
    return b"".join(map(pack_varint, head)) + pack_tensors(networks.specs, networks.tensors, networks.shifts)


def read_group(blob: bytes, shape: Shape, limits: Limits, *, offset: int, weights: int = 0) -> GroupNetworks:
    """Parse and check one group blob, `offset` its place in the file; weights: those of the groups before (G6)."""
    cursor = Cursor(blob, offset)
    synthesis = cursor.varint("synthesis")
    if synthesis not in CONFIGS:
        raise TooNewError("synthesis", offset=offset, expected="1, 2, 4 or 5", found=synthesis, rule="G2")
    config = CONFIGS[synthesis].read(cursor, shape)
    context_base, counted = 0, 0
    widths: tuple[int, ...] = ()
    if not isinstance(config, PriorConfig):
        context_base, widths = _read_context(cursor, shape, config)
        sizes = (context_input_count(shape, config), *widths, 2)
        counted = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
    if isinstance(config, PriorConfig):
        counted = config.weight_count(shape)
    else:
        counted += sum(prod(spec.shape) for spec in config.tensors(shape))
    limits.check("weights", weights + counted)
    specs = tensor_specs(shape, config, widths, context_base)
    tensors, shifts = read_tensors(cursor, specs)
    networks = GroupNetworks(shape, config, widths, context_base, tuple(tensors), tuple(shifts))
    try:
        networks.check()
    except EncodeError as error:
        rule, _, text = str(error).removeprefix("rule ").partition(": ")
        raise FormatError(text, offset=offset, rule=rule) from None
    return networks


def _read_context(cursor: Cursor, shape: Shape, config: Config) -> tuple[int, tuple[int, ...]]:
    start = cursor.offset
    context_base = cursor.varint("context base")
    if context_base:
        inputs = context_input_count(shape, config)
        base = find_base(context_base, f"context {config.synthesis}", inputs, offset=start)
        return context_base, base.widths
    start = cursor.offset
    count = cursor.varint("context layers")
    if not 1 <= count <= MAX_CONTEXT_LAYERS:
        raise FormatError("context layers", offset=start, expected="1..4", found=count, rule="N3")
    widths = []
    for _ in range(count):
        start = cursor.offset
        widths.append(cursor.varint("context width"))
        if not 1 <= widths[-1] <= MAX_CONTEXT_WIDTH:
            raise FormatError("context width", offset=start, expected="1..128", found=widths[-1], rule="N3")
    return 0, tuple(widths)


def encode_groups(groups: Sequence[GroupNetworks]) -> bytes:
    """Payload of the NETS section."""
    blobs = [pack_group(networks) for networks in groups]
    return b"".join(pack_varint(len(blob)) + blob for blob in blobs)


def decode_groups(
    payload: bytes, group_count: int, shape: tuple[int, int, int, int], limits: Limits, *, offset: int
) -> list[GroupNetworks]:
    """Networks of every group; `offset` is the payload's place in the file."""
    cursor = Cursor(payload, offset)
    groups, weights = [], 0
    for _ in range(group_count):
        size = cursor.varint("size of a group blob")
        start = cursor.offset
        blob = cursor.take(size, "group blob", rule="G1")
        groups.append(read_group(blob, Shape(*shape), limits, offset=start, weights=weights))
        weights += groups[-1].weight_count
    cursor.close("NETS payload", rule="G1")
    return groups

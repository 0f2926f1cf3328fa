"""Encode and decode the latents of many classes in lock-step under one context network (spec section 8).

In each step the network looks at all images of all classes at once; only then does each class's own
stream deliver its symbols. Classes are taken in groups that keep the working memory small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddcodec.codecs.layout import Layout, Step
from ddcodec.codecs.pixel_context import PixelModel, PixelNeighbourhood
from ddcodec.codecs.pixel_layout import PixelLayout
from ddcodec.codecs.prior_layout import Hyperprior, PriorNeighbourhood
from ddcodec.entropy.coder import Decoder, Encoder
from ddcodec.entropy.context import ContextNet, magnitude_input, signed_input
from ddcodec.entropy.values import checksum24, push_batches, residual_bits, split_mean, take_batches
from ddcodec.entropy.wide import push_wide, take_wide, wide_bits

_WORKING_ENTRIES = 1 << 23
"""Padded places (two float arrays of them) that one group of classes may take, unless one class needs more."""
_BLOCK_ENTRIES = 1 << 17
"""Network inputs gathered at once: larger blocks fall out of the cache."""

Numbers = NDArray[np.int64]
Model = ContextNet | PixelModel | Hyperprior


class Neighbourhood:
    """The padded latents of some images, as network inputs."""

    def __init__(self, layout: Layout, net: ContextNet, images: int) -> None:
        self._net = net
        self._images = images
        self._signed: NDArray[np.floating] = np.zeros((layout.padded_size, images), net.dtype)
        self._magnitude: NDArray[np.floating] = np.zeros((layout.padded_size, images), net.dtype)

    def store(self, step: Step, values: NDArray[np.int64]) -> None:
        """Make the values (n, images) of a step visible to later ones."""
        self._signed[step.padded] = signed_input(values)
        self._magnitude[step.padded] = magnitude_input(values)

    def context(self, step: Step) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Mean and scale index, (n, images) each, of the latents of a step."""
        split, count = len(step.signed), len(step.latents)
        features = split + len(step.magnitude)
        static = self._net.static_part(step.static)
        block = max(1, _BLOCK_ENTRIES // (features * self._images))
        parts = []
        for start in range(0, count, block):
            part = slice(start, min(start + block, count))
            inputs: NDArray[np.floating] = np.empty((features, part.stop - start, self._images), self._net.dtype)
            np.take(self._signed, step.signed[:, part], axis=0, out=inputs[:split], mode="clip")
            np.take(self._magnitude, step.magnitude[:, part], axis=0, out=inputs[split:], mode="clip")
            parts.append(self._net.apply(inputs, static[:, part]))
        if len(parts) == 1:
            return parts[0]
        means, scales = zip(*parts, strict=True)
        return np.concatenate(means), np.concatenate(scales)


def neighbourhood(layout: Layout, net: Model, images: int) -> Neighbourhood | PixelNeighbourhood | PriorNeighbourhood:
    """What is known of some images, in the form that their layout asks for."""
    if isinstance(net, Hyperprior):
        return PriorNeighbourhood(net, images)
    if isinstance(net, PixelModel):
        assert isinstance(layout, PixelLayout)
        return PixelNeighbourhood(layout, net, images)
    return Neighbourhood(layout, net, images)


def _groups(layout: Layout, counts: Sequence[int]) -> Iterator[list[int]]:
    """Positions of classes with images, in groups of bounded working memory."""
    group: list[int] = []
    images = 0
    for position, count in enumerate(counts):
        if not count:
            continue
        if group and (images + count) * layout.padded_size > _WORKING_ENTRIES:
            yield group
            group, images = [], 0
        group.append(position)
        images += count
    if group:
        yield group


def _equal(spans: Sequence[slice]) -> bool:
    return all(span.stop - span.start == spans[0].stop for span in spans)


def _by_class(numbers: Numbers, spans: Sequence[slice]) -> Numbers:
    """Numbers (n, images) flat, all of the first class (a span of images) before all of the second."""
    if _equal(spans):
        return numbers.reshape(len(numbers), len(spans), -1).swapaxes(0, 1).reshape(-1)
    return np.concatenate([numbers[:, span].reshape(-1) for span in spans])


def _by_image(flat: Numbers, count: int, spans: Sequence[slice]) -> Numbers:
    """The reverse of `_by_class`: (count, images)."""
    if _equal(spans):
        return flat.reshape(len(spans), count, -1).swapaxes(0, 1).reshape(count, -1)
    return np.concatenate([flat[count * s.start : count * s.stop].reshape(count, -1) for s in spans], axis=1)


def decode_streams(
    layout: Layout, net: Model, streams: Sequence[tuple[bytes, int]], counts: Sequence[int]
) -> list[NDArray[np.int16]]:
    """Latents of each class.

    Args: streams: (bytes, offset in the file) per class; counts: images per class, within the limits.
    Returns: per class (count, latent_count) int16.
    Raises: FormatError, ChecksumError (rules E1..E5).
    """
    result: list[NDArray[np.int16]] = [np.zeros((count, layout.latent_count), np.int16) for count in counts]
    if not layout.latent_count:
        return result
    for group in _groups(layout, counts):
        bounds = np.cumsum([0] + [counts[c] for c in group])
        images = int(bounds[-1])
        decoders = [Decoder(streams[c][0], offset=streams[c][1]) for c in group]
        offsets = [streams[c][1] for c in group]
        decoded = np.empty((layout.latent_count, images), np.int16)
        around: Any = neighbourhood(layout, net, images)
        spans = [slice(int(a), int(b)) for a, b in zip(bounds, bounds[1:], strict=False)]
        for step in layout.steps():
            sizes = [len(step.latents) * (span.stop - span.start) for span in spans]
            if isinstance(net, PixelModel):
                mean, scale = (_by_class(part, spans) for part in around.context(step))
                flat = take_wide(decoders, mean, scale, sizes, offsets=offsets)
            else:
                whole, rows = (_by_class(part, spans) for part in split_mean(*around.context(step)))
                flat = take_batches(decoders, whole, rows, sizes, offsets=offsets)
            values = _by_image(flat, len(step.latents), spans)
            decoded[step.latents] = values
            around.store(step, values)
        for position, decoder, span in zip(group, decoders, spans, strict=True):
            latents = np.ascontiguousarray(decoded[:, span].T)
            decoder.close(checksum24(latents, "<i2"))
            result[position] = latents
    return result


def contexts(
    layout: Layout, net: ContextNet | Hyperprior, latents: NDArray[np.int16]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Residuals and pmf rows, (n, images) int64 each, of every step for known latents (images, latent_count)."""
    around: Any = neighbourhood(layout, net, len(latents))
    turned = np.ascontiguousarray(latents.T)
    for step in layout.steps():
        whole, rows = split_mean(*around.context(step))
        values = turned[step.latents].astype(np.int64)
        yield values - whole, rows
        around.store(step, values)


def encode_streams(layout: Layout, net: Model, latents: Sequence[NDArray[np.int16]]) -> tuple[list[bytes], list[float]]:
    """One stream per class and its ideal code length in bits (b"" and 0 for a class without images).

    Args: latents: per class (count, latent_count) int16.
    """
    counts = [len(part) for part in latents]
    streams, bits = [b""] * len(counts), [0.0] * len(counts)
    if not layout.latent_count:
        return streams, bits
    if isinstance(net, PixelModel):
        return _encode_wide(layout, net, latents)
    for group in _groups(layout, counts):
        spans = np.cumsum([0] + [counts[c] for c in group]).tolist()
        # one row per latent in decoding order, so that the columns of a class, row by row, are its stream
        residual = np.empty((layout.latent_count, spans[-1]), np.int32)
        rows = np.empty(residual.shape, np.int16)
        ends = [0]
        for step_residual, step_rows in contexts(layout, net, np.concatenate([latents[c] for c in group])):
            ends.append(ends[-1] + len(step_rows))
            residual[ends[-2] : ends[-1]], rows[ends[-2] : ends[-1]] = step_residual, step_rows
        for position, start, stop in zip(group, spans, spans[1:], strict=False):
            flat, flat_rows = residual[:, start:stop].reshape(-1), rows[:, start:stop].reshape(-1)
            encoder = Encoder(checksum24(latents[position], "<i2"))
            push_batches(encoder, flat, flat_rows, np.array(ends[1:]) * (stop - start))
            bits[position] = residual_bits(flat, flat_rows)
            streams[position] = encoder.bytes()
    return streams, bits


def _encode_wide(
    layout: Layout, model: PixelModel, latents: Sequence[NDArray[np.int16]]
) -> tuple[list[bytes], list[float]]:
    """`encode_streams` for pixels that are coded as they are."""
    counts = [len(part) for part in latents]
    streams, bits = [b""] * len(counts), [0.0] * len(counts)
    for group in _groups(layout, counts):
        spans = np.cumsum([0] + [counts[c] for c in group]).tolist()
        turned = np.ascontiguousarray(np.concatenate([latents[c] for c in group]).T)
        around: Any = neighbourhood(layout, model, spans[-1])
        batches = []
        for step in layout.steps():
            values = turned[step.latents].astype(np.int64)
            batches.append((values, *around.context(step)))
            around.store(step, values)
        for position, start, stop in zip(group, spans, spans[1:], strict=False):
            encoder = Encoder(checksum24(latents[position], "<i2"))
            for batch in reversed(batches):
                values, mean, scale = (part[:, start:stop].reshape(-1) for part in batch)
                push_wide(encoder, values, mean, scale)
                bits[position] += wide_bits(values, mean, scale)
            streams[position] = encoder.bytes()
    return streams, bits

"""A thousand small files decode to the same integers here and in the decoder written from the specification."""

import numpy as np
import pytest

from ddcodec.codecs import convolution, layout, lockstep, pixel_context, pyramid, transform
from ddcodec.codecs.configs import PixelConfig
from ddcodec.dataset import SOFT_KINDS
from ddcodec.entropy import coder, wide
from ddcodec.pipeline import decode, encode_set
from tests import reference_decoder
from tests.codecs.generate import generate, read_model

FILES, CHUNKS = 1_000, 20


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_decoders_agree(chunk):
    for seed in range(chunk, FILES, CHUNKS):
        model, data = generate(seed)
        agree(model, data, seed)


def agree(model, data, seed):
    """Both decoders give back what was encoded, and encoding that again gives the same bytes."""
    expected = reference_decoder.decode(data)
    coded, found = read_model(data), decode(data)
    for own, read, other in zip(model.latents, coded.latents, expected["latents"], strict=True):
        assert np.array_equal(own, read), seed
        assert own.tolist() == other, seed
    assert found.pixels.reshape(len(found.pixels), found.pixels[0:1].size).tolist() == expected["pixels"], seed
    order = None if found.order is None else found.order.tolist()
    assert order == expected["labels"], seed
    soft = None
    if found.soft is not None:
        soft = (SOFT_KINDS.index(found.soft.kind), found.soft.unit, found.soft.values.tolist())
        assert np.array_equal(found.soft.values, model.soft.values), seed
    assert soft == expected["soft"], seed
    assert found.content_hash() == expected["hash"], seed
    assert expected["hash_ok"] in (True, None), seed
    assert encode_set(coded, with_hash=expected["hash_ok"] is not None) == data, seed


def test_work_in_the_smallest_portions(monkeypatch):
    """What is large enough to be done in portions elsewhere, here is whenever there are two of anything."""
    for module, name in (
        *((pyramid, "_CHUNK_PIXELS"), (transform, "_CHUNK_PIXELS"), (convolution, "_STRIP_ENTRIES")),
        *((lockstep, "_WORKING_ENTRIES"), (lockstep, "_BLOCK_ENTRIES"), (layout, "_BLOCK"), (coder, "_BLOCK")),
        (pixel_context, "_BLOCK_ENTRIES"),
    ):
        assert getattr(module, name) > 1
        monkeypatch.setattr(module, name, 1)
    for seed in range(FILES, FILES + 40):
        agree(*generate(seed), seed)


def test_the_files_visit_the_corners(monkeypatch):
    """The generator is worth its name only as long as it makes what it promises."""
    seen, low_bits, split = set(), set(), wide.split_wide

    def noting(*arguments):
        found = split(*arguments)
        low_bits.update(found[0].tolist())
        return found

    monkeypatch.setattr(wide, "split_wide", noting)
    for seed in range(150):
        model, data = generate(seed)
        for net in model.networks:
            config = net.config
            seen |= {type(config).__name__, f"channels {net.shape.channels}"}
            whose = "base context" if net.context_base else "own context"
            seen.add(f"{whose} of pixels" if isinstance(config, PixelConfig) else whose)
            if getattr(config, "filter_base", 0):
                seen.add("base filter")
            elif getattr(config, "filter_widths", ()):
                seen.add("own filter")
            for spec, tensor in zip(net.specs, net.tensors, strict=True):
                if spec.base is not None:
                    seen.add("delta" if (tensor != spec.base).any() else "base as it is")
        seen.add("empty class" if 0 in model.counts else "no empty class")
        seen.add("empty set" if not sum(model.counts) else "images")
        seen.add("sorted" if model.order is None else "LABL")
        seen.add("no soft labels" if model.soft is None else model.soft.kind)
        top = max((int(np.abs(part.astype(int)).max()) for part in model.latents if part.size), default=0)
        seen.add("extremes" if top > 32_700 else "escapes" if top > 31 + 1_024 else "small")
        group = model.group_of_class
        kind = "0" if not any(group) else "1" if group == tuple(range(len(group))) else "array"
        seen.add(f"groups {kind}")
        seen.add("non-square" if model.shape.height != model.shape.width else "square")
        assert len(data) < 60_000
    assert low_bits >= set(range(14))
    assert seen == {
        *("PixelConfig", "own context of pixels", "base context of pixels", *SOFT_KINDS, "no soft labels"),
        *("PyramidConfig", "TransformConfig", "own context", "base context", "base filter", "own filter"),
        *("delta", "base as it is", "empty class", "no empty class", "empty set", "images", "sorted", "LABL"),
        *("extremes", "escapes", "small", "groups 0", "groups 1", "groups array", "non-square", "square"),
        *(f"channels {n}" for n in range(1, 5)),
    }

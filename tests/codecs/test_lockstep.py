"""Classes are coded in lock-step, in any grouping, on any number of threads, and can be read one by one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ddcodec.codecs import lockstep
from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.latent import decode_latents, encode_class_streams
from ddcodec.codecs.lockstep import decode_streams, encode_streams
from ddcodec.errors import DdzError, EncodeError, FormatError
from ddcodec.format.container import read_container
from ddcodec.limits import Limits
from ddcodec.pipeline import EncodedModel, decode, encode_set
from tests.codecs.generate import generate
from tests.small_models import GREY, PYRAMID, TRANSFORM, model, networks

ROOT = Path(__file__).parents[2]
COUNTS = (3, 0, 1, 4, 4, 0, 2)
CONFIGS = {"pyramid": PyramidConfig((2, 1, 1), True, (3,), 0), "transform": TransformConfig(4, (5,))}


def random_latents(net, counts, seed=0, reach=60):
    rng = np.random.default_rng(seed)
    return [rng.integers(-reach, reach + 1, (n, net.latents_per_image)).astype(np.int16) for n in counts]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("counts", [COUNTS, (2, 2, 2), (0, 1), (5,)])
def test_groups_of_classes_and_blocks_change_nothing(monkeypatch, config, counts):
    net = networks(config)
    latents = random_latents(net, counts)
    streams, bits = encode_streams(net.layout, net.context, latents)
    placed = [(stream, 0) for stream in streams]
    one_image = net.layout.padded_size
    for working, block in ((1, 1), (one_image, 1 << 17), (4 * one_image, 300), (1 << 23, 1)):
        monkeypatch.setattr(lockstep, "_WORKING_ENTRIES", working)
        monkeypatch.setattr(lockstep, "_BLOCK_ENTRIES", block)
        again, bits_again = encode_streams(net.layout, net.context, latents)
        assert again == streams
        assert bits_again == pytest.approx(bits)
        found = decode_streams(net.layout, net.context, placed, counts)
        assert all(np.array_equal(a, b) for a, b in zip(found, latents, strict=True))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_class_is_coded_as_if_it_were_alone(config):
    net = networks(config)
    latents = random_latents(net, COUNTS)
    together, _ = encode_streams(net.layout, net.context, latents)
    alone = [encode_streams(net.layout, net.context, [part])[0][0] for part in latents]
    assert together == alone
    assert [len(stream) > 0 for stream in together] == [n > 0 for n in COUNTS]


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_one_class_of_a_file_is_that_of_the_whole(first):
    for seed in range(first, first + 30):
        coded, data = generate(seed)
        whole = decode(data)
        starts = np.cumsum([0, *coded.counts])
        for k, count in enumerate(coded.counts):
            part = decode(data, classes=[k])
            assert part.class_counts == tuple(count if c == k else 0 for c in range(len(coded.counts)))
            assert np.array_equal(part.pixels, whole.pixels[starts[k] : starts[k + 1]])
            assert part.labels.tolist() == [k] * count


def test_one_class_needs_no_other_stream():
    coded = model()
    data = encode_set(coded)
    container = read_container(data)
    payload, section = bytearray(container.payload("LATN")), container.section("LATN")
    payload[-1] ^= 1  # in the last class
    arguments = (coded.networks, coded.group_of_class, coded.counts, Limits())
    found = decode_latents(bytes(payload), *arguments, offset=section.offset, classes=[0])
    assert np.array_equal(found[0], coded.latents[0])
    with pytest.raises(DdzError):
        decode_latents(bytes(payload), *arguments, offset=section.offset, classes=[2])


def test_errors_name_the_stream_they_were_found_in():
    net = networks(PYRAMID)
    streams, _ = encode_streams(net.layout, net.context, random_latents(net, (2, 2, 2)))
    for damaged in range(3):
        placed = [(stream, 1_000 * n) for n, stream in enumerate(streams)]
        bad = bytearray(streams[damaged])
        bad[0] ^= 1
        placed[damaged] = (bytes(bad), 1_000 * damaged)
        with pytest.raises(FormatError) as caught:
            decode_streams(net.layout, net.context, placed, (2, 2, 2))
        assert caught.value.offset == 1_000 * damaged
        assert caught.value.rule in ("E2", "E3", "E4", "E5")


@pytest.mark.parametrize("config", [PYRAMID, TRANSFORM], ids=["pyramid", "transform"])
@pytest.mark.parametrize("value", [-32_768, 32_767])
def test_int16_extremes(config, value):
    """A value can be coded as long as its mean is not too far away; if not, the writer says so."""
    net = networks(config)
    latents = np.zeros((2, net.latents_per_image), np.int16)
    latents[1, 3] = value
    data = encode_set(EncodedModel([net], (0, 0), [latents, latents]))
    found = decode_latents(read_container(data).payload("LATN"), [net], (0, 0), (2, 2), Limits(), offset=0)
    assert np.array_equal(found[1], latents)
    away = mean_of(net, -1 if value > 0 else 1)
    with pytest.raises(EncodeError, match="away from its mean"):
        encode_class_streams([away], (0,), [latents])
    near = mean_of(net, 1 if value > 0 else -1)
    encode_class_streams([near], (0,), [np.full_like(latents, value)])


def mean_of(net, sign):
    """Networks whose context network always answers the widest mean there is."""
    tensors = [np.zeros_like(tensor) if spec.name.startswith("context.") else tensor
               for spec, tensor in zip(net.specs, net.tensors, strict=True)]  # fmt: skip
    tensors[-1] = np.array([16_384 * sign, 0])
    shifts = [0 if spec.name.startswith("context.") else s for spec, s in zip(net.specs, net.shifts, strict=True)]
    return type(net)(net.shape, net.config, net.context_widths, 0, tuple(tensors), tuple(shifts))


@pytest.mark.parametrize("shape", [(2, 1), (1, 500), (500,), (1, 2, 3)])
def test_latents_of_a_wrong_shape(shape):
    with pytest.raises(EncodeError):
        encode_class_streams([networks(PYRAMID)], (0,), [np.zeros(shape, np.int16)])


SCRIPT = """
import hashlib
import numpy as np
from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.pipeline import EncodedModel, decode, encode_set
from tests.small_models import networks
shape = Shape(3, 40, 40, 255)
configs = (PyramidConfig((1, 1), True, (64, 64), 1), TransformConfig(8, (8, 4, 4), (16,)))
nets = [networks(config, shape, seed=3, widths=(128,)) for config in configs]
rng = np.random.default_rng(0)
latents = [np.rint(rng.laplace(0, 4, (n, nets[n % 2].latents_per_image))).astype(np.int16) for n in (6, 7)]
data = encode_set(EncodedModel(nets, (0, 1), latents), with_hash=True)
print(hashlib.sha256(data).hexdigest(), decode(data).content_hash().hex())
"""


def test_bytes_do_not_depend_on_the_number_of_threads():
    answers = set()
    for threads in "12":
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, threads)
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        answers.add(done.stdout)
    assert len(answers) == 1
    assert len(answers.pop().split()[0]) == 64


def test_the_greatest_number_of_levels_on_the_smallest_image():
    net = networks(PyramidConfig((1,) * 12, True, (), 0), Shape(1, 1, 1, 1))
    latents = random_latents(net, (1, 2))
    streams, _ = encode_streams(net.layout, net.context, latents)
    found = decode_streams(net.layout, net.context, [(stream, 0) for stream in streams], (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(found, latents, strict=True))
    assert net.render(latents[1]).shape == (2, 1, 1, 1)


def test_nothing_to_code():
    net = networks(TransformConfig(4, (0,)), GREY)
    assert net.latents_per_image == 0
    latents = [np.zeros((2, 0), np.int16)]
    assert encode_streams(net.layout, net.context, latents) == ([b""], [0.0])
    assert decode_streams(net.layout, net.context, [(b"", 0)], (2,))[0].shape == (2, 0)

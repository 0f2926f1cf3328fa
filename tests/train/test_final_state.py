"""The state of runs that keep pixels exactly, and of those with soft labels."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from ddcodec.codecs.configs import PixelConfig
from ddcodec.dataset import SOFT_KINDS, SoftLabels, make_set
from ddcodec.errors import InputError
from ddcodec.pipeline import encode_set, exact_model
from ddcodec.train.final_state import pack_state, read_state
from tests.codecs.generate import generate
from tests.small_models import MODELS, ORDER


def labelled(kind="logits", order=ORDER):
    """A small set of pixels with soft labels."""
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 256, (5, 3, 4, 5)).astype(np.int16)
    soft = SoftLabels(rng.integers(-32_768, 32_768, (5, 3)).astype(np.int16), 1_000, kind)
    return exact_model(make_set(pixels, 255, (3, 0, 2), order=order, soft=soft))


def state(path, coded, change=lambda tensors, head: None):
    """A written state in which something was changed."""
    path.write_bytes(pack_state(coded))
    with safetensors.safe_open(path, "numpy") as pack:
        notes, tensors = pack.metadata(), {name: pack.get_tensor(name) for name in pack.keys()}  # noqa: SIM118
    head = json.loads(notes["ddcodec"])
    change(tensors, head)
    path.write_bytes(safetensors.numpy.save(tensors, {"ddcodec": json.dumps(head)}))
    return path


@pytest.mark.parametrize("kind", SOFT_KINDS)
@pytest.mark.parametrize("order", [None, ORDER])
def test_pixels_and_soft_labels_come_back(kind, order, tmp_path):
    coded = labelled(kind, order)
    again = read_state(state(tmp_path / "state", coded))
    assert isinstance(again.networks[0].config, PixelConfig)
    assert again.networks[0].config == coded.networks[0].config
    assert (again.soft.kind, again.soft.unit) == (kind, 1_000)
    assert np.array_equal(again.soft.values, coded.soft.values)
    assert encode_set(again, with_hash=True) == encode_set(coded, with_hash=True)
    assert pack_state(again) == pack_state(coded)


@pytest.mark.parametrize("seed", range(30))
def test_odd_sets_come_back(seed, tmp_path):
    coded, data = generate(seed)
    path = tmp_path / "state"
    path.write_bytes(pack_state(coded))
    again = read_state(path)
    assert encode_set(again) == encode_set(coded)
    assert pack_state(again) == path.read_bytes()
    assert (again.soft is None) == (coded.soft is None)
    assert len(data) > 0


def test_a_set_without_soft_labels_has_none(tmp_path):
    assert read_state(state(tmp_path / "state", MODELS["pyramid"])).soft is None


CHANGES = {
    "no numbers": lambda t, h: t.pop("soft"),
    "a float": lambda t, h: t.update(soft=t["soft"].astype(np.float32)),
    "a sample less": lambda t, h: t.update(soft=t["soft"][1:]),
    "a class less": lambda t, h: t.update(soft=t["soft"][:, 1:]),
    "a kind": lambda t, h: h["soft"].update(kind="odds"),
    "no kind": lambda t, h: h["soft"].pop("kind"),
    "a unit of 0": lambda t, h: h["soft"].update(unit=0),
    "a unit beyond": lambda t, h: h["soft"].update(unit=32_768),
    "a unit of text": lambda t, h: h["soft"].update(unit="x"),
    "no description": lambda t, h: h.update(soft=7),
    "a depth": lambda t, h: h["networks"][0]["config"].update(depth=9),
    "a negative depth": lambda t, h: h["networks"][0]["config"].update(depth=-9),
    "a reach": lambda t, h: h["networks"][0]["config"].update(reach=0),
    "a reach of text": lambda t, h: h["networks"][0]["config"].update(reach="1"),
    "no depth": lambda t, h: h["networks"][0]["config"].pop("depth"),
    "another kind": lambda t, h: h["networks"][0].update(kind="TransformConfig"),
    "a base of another synthesis": lambda t, h: h["networks"][0].update(context_base=1),
    "a predictor": lambda t, h: t.pop("networks.0.predictor.0.weight"),
    "a huge predictor": lambda t, h: t.update({"networks.0.predictor.0.bias": np.array([2**40])}),
    "pixels": lambda t, h: t.update({"latents.0": t["latents.0"][:, 1:]}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_states_that_were_tampered_with(tmp_path, change):
    path = state(tmp_path / "state", labelled(), change)
    with pytest.raises(InputError) as caught:
        read_state(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)

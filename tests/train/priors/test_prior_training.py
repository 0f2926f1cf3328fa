"""Runs of priors on tiny data: what they end with, that they resume bit for bit, and what they refuse."""

import numpy as np
import pytest
import torch

from ddcodec.codecs.specs import Shape
from ddcodec.dataset import make_set
from ddcodec.errors import DdzError, EncodeError
from ddcodec.pipeline import decode, encode_set
from ddcodec.train.checkpoints import Identity, load_checkpoint, save_checkpoint
from ddcodec.train.config import Config
from ddcodec.train.loop import make_distiller, run
from ddcodec.train.priors.distiller import PriorDistiller
from ddcodec.train.priors.options import PriorOptions, prior_config
from ddcodec.train.rundir import read_result
from ddcodec.validate import validate
from ddcodec.views.normal import normal_numbers
from tests.train.small_runs import DIGITS, finish, synthetic

SMALL = (
    *("codec.representation=prior", "prior.dimensions=4", "prior.channels=[6, 5, 4]"),
    *("train.images_per_class=2", "train.fit_steps=4", "train.joint_steps=6"),
    *("matching.networks=1", "matching.width=4", "matching.stages=[2]", "matching.augmentation=crop"),
)
TRAJECTORIES = (
    *("tm.experts=2", "tm.together=2", "tm.expert_epochs=2", "tm.span=1", "tm.max_start=1"),
    *("tm.student_steps=3", "tm.batch=7", "tm.expert_batch=400"),
)
KINDS = {
    "no budget": (),
    "budget": ("train.bytes_per_class=60",),
    "lambda": ("train.lambda=1000",),
    "fit only": ("train.joint_steps=0",),
    "groups": ("codec.share=group", "codec.group_size=4"),
    "groups, budget": ("codec.share=group", "codec.group_size=4", "train.bytes_per_class=130"),
    "soft labels": ("train.labels=soft", "train.bytes_per_class=80"),
    "means alone": ("prior.samples=0",),
    "draws alone": ("prior.samples=2", "prior.with_means=false"),
    "fine grids": ("prior.grid=0",),
    "kernels": ("train.loss=mmd", "mmd.real_batch=4"),
    "trajectories": ("train.loss=tm", *TRAJECTORIES),
    "trajectories and kernels": ("train.loss=d3", "mmd.real_batch=4", *TRAJECTORIES),
}


def started(*settings, data=DIGITS):
    return make_distiller(Config().with_settings([*SMALL, *settings]), data, torch.device("cpu"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_with_a_file_that_decodes_to_its_images(kind):
    distiller = finish(started(*KINDS[kind]))
    result = distiller.result()
    data = encode_set(result.model, with_hash=True)
    found = decode(data)
    assert found.class_counts == (2,) * 10
    assert np.array_equal(found.pixels, result.model.render())
    # the model in floats has the same integers, and rounds its activations nowhere
    assert np.abs(distiller.images() - found.images).mean() < 0.01
    assert (found.soft is not None) == (kind == "soft labels")


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_bit_for_bit(kind, tmp_path):
    whole = finish(started(*KINDS[kind]))
    for stop in (2, 5, 8):
        first, identity = started(*KINDS[kind]), Identity("a", "b")
        for _ in range(min(stop, first.steps_total - 1)):
            first.step()
        path = save_checkpoint(tmp_path, first.steps_done, first.state(), identity)
        second = started(*KINDS[kind])
        second.load_state(load_checkpoint(path, identity)[1])
        assert encode_set(finish(second).result().model) == encode_set(whole.result().model)


@pytest.mark.parametrize("kind", ["budget", "groups, budget", "soft labels"])
def test_a_budget_is_kept(kind):
    distiller = finish(started(*KINDS[kind]))
    assert len(encode_set(distiller.result().model)) <= distiller.budget.set_bytes


def test_the_rate_is_in_the_loss():
    bits = {}
    for weight in (1e9, 3.0):
        distiller = finish(started(f"train.lambda={weight}", "train.joint_steps=40", "prior.decoder_rate=0.01"))
        bits[weight] = distiller.bits
    assert bits[3.0] < 0.8 * bits[1e9]


def test_the_file_is_what_training_expected(tmp_path):
    config = Config().with_settings([*SMALL, "train.bytes_per_class=200", "train.labels=soft"])
    run(config, DIGITS, tmp_path / "run", torch.device("cpu"))
    model, metadata, estimate = read_result(tmp_path / "run")
    report = validate(model, estimate, encode_set(model, metadata, with_hash=True))
    assert report.ok, report.problems


def test_draws_of_the_model_and_of_the_file_have_the_same_deviations():
    distiller = finish(started("prior.spread=0.5", "prior.samples=1"))
    model, networks = distiller.models[0], distiller.result().model.networks[0]
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(400, *model.means.shape, generator=generator)
    with torch.no_grad():
        own = model.inputs(noise, True).reshape(400, *model.means.shape).std(0).numpy() * 256
    latents = np.concatenate(distiller.result().model.latents)
    numbers = np.arange(len(latents))
    drawn = np.stack(
        [networks.priors.inputs(latents, normal_numbers(numbers, n, model.config.dimensions, 5)) for n in range(400)]
    )
    assert own.min() > 5
    ratio = drawn.std(0) / own
    assert abs(ratio.mean() - 1) < 0.02
    assert 0.75 < ratio.min() <= ratio.max() < 1.25  # 400 draws each


def test_images_of_odd_sides_and_colours():
    data = synthetic()
    distiller = finish(started("train.bytes_per_class=200", "prior.channels=[]", "prior.preset=1kib", data=data))
    model = distiller.result().model
    found = decode(encode_set(model))
    assert found.pixels.shape == (6, 3, 11, 18)
    make_set(found.pixels, found.peak, found.class_counts)


def test_presets_have_the_sizes_of_the_paper():
    # published: 789,187, 5,774,691 and 6,308,547, each with two numbers per channel of batch normalisation
    published = {"d3-small": (789_187, (128, 64, 32, 32, 32)), "d3-medium": (5_774_691, (256, 128, 64, 32, 32))}
    published["d3-large"] = (6_308_547, (512, 256, 128, 64, 64))
    shape = Shape(3, 64, 64, 4080)
    for name, (count, normalised) in published.items():
        config = prior_config(PriorOptions(preset=name), shape)
        own = sum(int(np.prod(spec.shape)) for spec in config.tensors(shape)[4:])
        assert own == count - 2 * sum(normalised), name


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("prior.preset=huge", "prior.channels=[]"), "prior.preset 'huge' is unknown; there are 1kib"),
        (("train.bytes_per_class=3",), "train.bytes_per_class is 3"),
        (("prior.channels=[2000, 4]",), "beyond the format's"),
        (("train.labels=learned",), "priors take hard or soft labels"),
    ],
)
def test_refusals(settings, words):
    with pytest.raises(DdzError, match=words.replace("(", r"\(").replace("[", r"\[")):
        finish(started(*settings))


def test_the_representation_decides_who_distils():
    assert isinstance(started(), PriorDistiller)
    latent = make_distiller(Config().with_settings(["train.images_per_class=1"]), DIGITS, torch.device("cpu"))
    assert not isinstance(latent, PriorDistiller)


def test_a_budget_too_small_names_what_would_do():
    with pytest.raises(EncodeError, match="ask for more, or for fewer images"):
        finish(started("train.bytes_per_class=3"))

"""Priors on another device: nothing is mixed up with what stays on the CPU."""

import pytest

from ddcodec.pipeline import decode, encode_set
from ddcodec.train.config import Config
from ddcodec.train.loop import make_distiller
from tests.train.pretend_device import FAR, Pretend
from tests.train.priors.test_prior_training import SMALL
from tests.train.small_runs import DIGITS

SETTINGS = {
    "budget": ("train.bytes_per_class=120",),
    "soft labels, groups": ("train.labels=soft", "codec.share=group", "codec.group_size=4"),
    "zeros as base": ("prior.seeded=false", "train.lambda=1000"),
}


def made(name):
    return make_distiller(Config().with_settings([*SMALL, *SETTINGS[name]]), DIGITS, FAR)


def file_of(distiller):
    return encode_set(distiller.result().model)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_keeps_its_tensors_apart(name):
    with Pretend():
        distiller = made(name)
        while distiller.steps_done < distiller.steps_total:
            distiller.step()
            if distiller.steps_done == distiller.steps_total - 2:
                state = {key: value.cpu() for key, value in distiller.state().items()}
        blob = file_of(distiller)
        assert len(decode(blob).labels) == 20
        distiller.images()
        again = made(name)
        again.load_state(state)
        while again.steps_done < again.steps_total:
            again.step()
        assert file_of(again) == blob

"""A distiller that learns nothing, quickly: for tests of what stands around it.

As a script, `python -m tests.train.fake_distiller OUT FACTORY SETTING...`, it runs or resumes on the digits.
"""

import importlib
import math
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ddcodec.codecs.configs import PyramidConfig, Shape
from ddcodec.codecs.latent import encode_class_streams
from ddcodec.pipeline import EncodedModel
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData
from ddcodec.validate import network_bits
from tests.small_models import networks

FAKE = "tests.train.fake_distiller:FakeDistiller"
REAL = "ddcodec.train.distiller:Distiller"
# Seconds that a step is made to last, so that a test can kill a run in the middle.
PAUSE = float(os.environ.get("FAKE_DISTILLER_PAUSE", "0"))


@dataclass
class FakeResult:
    model: EncodedModel
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...] | None
    recipe: dict
    estimate: dict = field(default_factory=dict)
    whitening: dict = field(default_factory=dict)


class FakeDistiller:
    """Latents on a random walk under fixed random networks; sizes do not depend on bytes_per_class."""

    def __init__(self, config: Config, data: TrainingData, device: torch.device):
        self.config, self.data = config, data
        _, channels, height, width = data.images.shape
        shape = Shape(channels, height, width, 255)
        self.net = networks(PyramidConfig((1, 1), False, (), 0), shape, seed=1)
        self.classes = int(data.labels.max()) + 1
        count = self.classes * config.train.images_per_class
        self.generator = torch.Generator().manual_seed(config.train.seed)
        self.latents = torch.zeros(count, self.net.latents_per_image)
        self.steps_done = 0

    @property
    def steps_total(self) -> int:
        train = self.config.train
        return train.fit_steps + train.joint_steps + train.tune_steps

    @property
    def phase(self) -> str:
        train = self.config.train
        return (
            "fit"
            if self.steps_done <= train.fit_steps
            else "joint"
            if self.steps_done <= train.fit_steps + train.joint_steps
            else "finalise"
        )

    def step(self) -> dict[str, float]:
        time.sleep(PAUSE)
        self.latents += 2 * torch.randn(self.latents.shape, generator=self.generator)
        self.steps_done += 1
        return {"loss": float(self.latents.square().mean()), "psnr_db": math.inf}

    def state(self) -> dict[str, torch.Tensor]:
        return {
            "latents": self.latents,
            "generator": self.generator.get_state(),
            "steps_done": torch.tensor(self.steps_done),
        }

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        self.latents = state["latents"].clone()
        self.generator.set_state(state["generator"])
        self.steps_done = int(state["steps_done"])

    def _model(self) -> EncodedModel:
        whole = self.latents.round().clamp(-60, 60).numpy().astype(np.int16)
        each = self.config.train.images_per_class
        parts = [whole[c * each : (c + 1) * each] for c in range(self.classes)]
        return EncodedModel([self.net], [0] * self.classes, parts)

    def images(self) -> np.ndarray:
        return (self._model().render() / 255).astype(np.float32)

    def result(self) -> FakeResult:
        model = self._model()
        _, bits = encode_class_streams(model.networks, model.group_of_class, model.latents)
        weights = network_bits(self.net)
        channels = self.data.images.shape[1]
        estimate = {
            "latent_bits": bits,
            "network_bits": [weights],
            "training_latent_bits": sum(bits) * 1.001,
            "training_network_bits": weights,
        }
        recipe = self.config.recipe.to_dict()
        mean, std = (0.5,) * channels, (0.25,) * channels
        return FakeResult(model, mean, std, self.data.classes, recipe, estimate)


def load_factory(text: str):
    module, _, name = text.partition(":")
    return getattr(importlib.import_module(module), name)


def main(out: str, factory: str, *settings: str) -> None:
    from ddcodec.train.data import load_training_data
    from ddcodec.train.loop import run

    config = Config().with_settings(settings)
    data = load_training_data("digits")
    torch.set_num_threads(1)
    run(config, data, Path(out), torch.device("cpu"), resume=True, factory=load_factory(factory))


if __name__ == "__main__":
    main(*sys.argv[1:])

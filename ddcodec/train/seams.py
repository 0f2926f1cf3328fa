"""What the training loop and the run directory ask of a distiller, and no more."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from ddcodec.pipeline import EncodedModel
from ddcodec.train.config import Config
from ddcodec.train.data import TrainingData


class ResultLike(Protocol):
    """What a finished run hands over; see `write_result` for the meaning of the parts."""

    @property
    def model(self) -> EncodedModel: ...
    @property
    def mean(self) -> Sequence[float] | None: ...
    @property
    def std(self) -> Sequence[float] | None: ...
    @property
    def classes(self) -> Sequence[str] | None: ...
    @property
    def recipe(self) -> Mapping[str, Any]: ...
    @property
    def estimate(self) -> Mapping[str, Any]: ...
    @property
    def whitening(self) -> Mapping[str, Any]: ...


class DistillerLike(Protocol):
    """A run in progress: `state` and `load_state` make it continue bit for bit."""

    @property
    def steps_total(self) -> int: ...
    @property
    def steps_done(self) -> int: ...
    @property
    def phase(self) -> str: ...
    def step(self) -> dict[str, float]: ...
    def state(self) -> dict[str, torch.Tensor]: ...
    def load_state(self, state: dict[str, torch.Tensor]) -> None: ...
    def images(self) -> NDArray[np.float32]: ...
    def result(self) -> ResultLike: ...


@runtime_checkable
class KeepsFiles(Protocol):
    """A distiller that would rather keep large things in the run's folder than in every checkpoint."""

    def use_folder(self, folder: Path) -> None: ...


class Pause(Protocol):
    """Lets go of a run for a while, or for good, between two steps."""

    def due(self, done: int, total: int) -> bool:
        """Asked after each step but the last; where it is true, a checkpoint is saved."""
        ...

    def goes_on(self, done: int, total: int) -> bool:
        """Asked after that checkpoint; where it is false, the run ends here and can be resumed."""
        ...


DistillerFactory = Callable[[Config, TrainingData, torch.device], DistillerLike]

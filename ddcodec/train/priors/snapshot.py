"""State of a run of priors as named tensors, for checkpoints without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ddcodec.train.priors.distiller import PriorDistiller

_MATCHER = ("matcher.", "pool.")


def save(run: PriorDistiller) -> dict[str, Tensor]:
    """Everything that changes during a run."""
    numbers = [run.controller.start, run.controller.integral, run.start_bits, run.bits, run.spare_bits]
    state: dict[str, Tensor] = {
        "steps_done": torch.tensor([run.steps_done]),
        "generator": run.generator.get_state(),
        "numbers": torch.tensor(numbers, dtype=torch.float64),
    }
    for number, model in enumerate(run.models):
        state |= {f"prior.{number}.{name}": value.detach().cpu().clone() for name, value in model.named_parameters()}
        state[f"shifts.{number}"] = torch.tensor([layer.shift for _, layer in model.decoder_layers()])
    for place, entry in run.optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{place}.{name}": torch.as_tensor(value).cpu().clone() for name, value in entry.items()}
    return state | run.matcher.state()


def load(run: PriorDistiller, state: dict[str, Tensor]) -> None:
    """Put a saved state into a freshly made run of the same configuration and data.

    Raises: KeyError, RuntimeError or ValueError for the state of another run.
    """
    run.steps_done = int(state["steps_done"])
    run.generator.set_state(state["generator"])
    run.controller.start, run.controller.integral, *numbers = state["numbers"].tolist()
    run.start_bits, run.bits, run.spare_bits = numbers
    for number, model in enumerate(run.models):
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(state[f"prior.{number}.{name}"].to(value.device))
        for (_, layer), shift in zip(model.decoder_layers(), state[f"shifts.{number}"].tolist(), strict=True):
            layer.shift = shift
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("optimiser."):
            _, place, field = name.split(".")
            entries.setdefault(int(place), {})[field] = tensor.clone()
    run.optimiser.load_state_dict(run.optimiser.state_dict() | {"state": entries})
    run.matcher.load_state({name: tensor for name, tensor in state.items() if name.startswith(_MATCHER)})

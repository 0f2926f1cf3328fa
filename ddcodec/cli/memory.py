"""What `distill` says about memory: an estimate before the run, the peak after it."""

from typing import TYPE_CHECKING

from ddcodec.cli.console import say

if TYPE_CHECKING:
    import torch

    from ddcodec.train.config import Config
    from ddcodec.train.data import TrainingData

_MIB = 2**20


class MemoryTeller:
    """Made before the run; `begin` before its first step, `end` when it is over."""

    def __init__(self, config: "Config", data: "TrainingData", device: "torch.device") -> None:
        from ddcodec.train.memory_peak import forget_peak, peak_bytes

        self._config, self._data, self._device = config, data, device
        self._begun = False
        forget_peak(device)
        self._before = peak_bytes(device)
        """None where it is unknown; on CUDA what torch holds already."""

    def begin(self) -> None:
        """Say what the run will about take."""
        from ddcodec.train.memory_estimate import estimate

        found = estimate(self._config, self._data, self._device)
        self._begun = True
        top = "" if self._before is None else f" on top of {self._before // _MIB}"
        peak, joint = (max(1, bytes_ // _MIB) for bytes_ in (found.peak, int(found.margin * found.joint)))
        say(f"memory: the run will take about {peak} MiB{top}, a joint step of it about {joint} MiB")

    def end(self) -> None:
        """Say what it took, if it was begun and that can be known."""
        from ddcodec.train.memory_peak import peak_bytes

        peak = peak_bytes(self._device)
        if self._begun and peak is not None:
            before = "" if self._before is None else f", {self._before // _MIB} MiB of them before the run"
            say(f"memory: peak {peak // _MIB} MiB{before}")

"""Which of two ways to the same thing is faster on this device: found out once for each, before long work."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.gpu.desk import Desk

_found: dict[tuple[str, str], bool] = {}


def together_is_faster(desk: Desk, what: str, together: Callable[[], object], apart: Callable[[], object]) -> bool:
    """Time both, after a turn that does not count; the answer is kept for the process."""
    key = (what, desk.device.type)
    if key not in _found:
        took = {}
        for name, work in (("together", together), ("one by one", apart)):
            work()
            desk.synchronise()
            started = time.perf_counter()
            work()
            desk.synchronise()
            took[name] = time.perf_counter() - started
        _found[key] = took["together"] < took["one by one"]
        desk.say(what, *(f"{name} {seconds:.3f} s" for name, seconds in took.items()))
    return _found[key]

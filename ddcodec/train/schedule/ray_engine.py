"""Slices as tasks of a Ray cluster, or of one that is started on this machine; no folder is shared with its nodes."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddcodec.errors import DdzError, InputError
from ddcodec.format.atomic import write_atomic
from ddcodec.train.checkpoints import KEEP, checkpoint_files
from ddcodec.train.schedule.engine import Begun, Ended, Event, Failed
from ddcodec.train.schedule.plan import Plan, SubTask
from ddcodec.train.schedule.ray_slice import FAILED, carried_files, slice_on_node
from ddcodec.train.schedule.slices import Settings

CONNECT_SECONDS = 5.0
# Ray must say nothing of its own, send nothing home, and give up on a dead address within seconds.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # the default, 15, starves on a busy machine
    "RAY_gcs_server_request_timeout_seconds": "10",
}
_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"  # an empty frame of HTTP/2, which every gRPC server begins with
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS
_LAST = "result.json"
"""Written after all others, as it says that a run is finished."""


@dataclass
class _Running:
    task: SubTask
    answers: Any
    """Ray's generator of references."""


class RayEngine:
    """See `Engine`; a slot is a task that may be in flight.

    Args:
        plan: whose data the tasks get, a block at a time; out: its folder, on this machine.
        slots: tasks in flight; settings: of all.
        address: of a cluster, "" to start one here, with as many processors as the slots take.
        gpus: of each task.
    Raises: InputError without Ray, for an address that nobody answers at, or a cluster without such GPUs.
    """

    def __init__(
        self, plan: Plan, out: Path, slots: int, settings: Settings, address: str = "", gpus: float = 0.0
    ) -> None:
        self._ray = _imported(address)
        self._plan, self._out, self._settings, self._slots = plan, out, settings, slots
        _connect(self._ray, address, slots * settings.threads, gpus)
        try:
            _require(self._ray, settings.threads, gpus)
        except InputError:
            self._ray.shutdown()
            raise
        self._remote = self._ray.remote(slice_on_node)
        self._options = {
            "num_cpus": settings.threads,  # Ray makes it OMP_NUM_THREADS, too
            "num_gpus": gpus,
            "max_retries": 0,  # the scheduler tries again, and says so
            "num_returns": "streaming",
        }
        self._data: dict[int, Any] = {}
        self._running: dict[int, _Running] = {}

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def slices(self) -> int:
        return self._settings.slices

    def submit(self, slot: int, task: SubTask) -> None:
        """See `Engine`."""
        if task.number not in self._data:
            self._data[task.number] = self._ray.put(self._plan.block_data(task))
        files = carried_files(task.folder(self._out))
        remote = self._remote.options(**self._options, name=f"ddcodec block {task.number}")
        answers = remote.remote(task, self._data[task.number], self._ray.put(files), self._settings)
        self._running[slot] = _Running(task, answers)

    def wait(self, seconds: float) -> list[Event]:
        """See `Engine`."""
        if not self._running:
            return []
        slots = {running.answers: slot for slot, running in self._running.items()}
        ready, _ = self._ray.wait(list(slots), num_returns=1, timeout=seconds, fetch_local=False)
        found = (self._next(slots[answers]) for answers in ready)
        return [event for event in found if event is not None]

    def _next(self, slot: int) -> Event | None:
        """The next answer of a task."""
        running = self._running[slot]
        number = running.task.number
        try:
            answer = self._ray.get(next(running.answers))
        except StopIteration:
            self._running.pop(slot)
            return Failed(slot, number, "its Ray task ended without an answer", True)
        except self._ray.exceptions.RayError as error:
            self._running.pop(slot)
            return Failed(slot, number, _in_words(error), True)
        if "pid" in answer:
            return Begun(slot, number, answer["pid"], answer["node"])
        self._running.pop(slot)
        if FAILED in answer:
            return Failed(slot, number, *answer[FAILED])
        try:
            self._keep(running.task, answer["files"])
        except DdzError as error:
            return Failed(slot, number, str(error), True)
        if answer["file"] is not None:
            self._data.pop(number, None)
        return Ended(slot, number, answer["done"], answer["total"], answer["file"])

    def _keep(self, task: SubTask, files: dict[str, bytes]) -> None:
        """Write what a slice has changed; `result.json` last."""
        folder = task.folder(self._out)
        for name in sorted(files, key=lambda name: (name == _LAST, name)):
            path = folder / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"cannot write {path}: {error.strerror}") from error
            write_atomic(path, files[name])
        for _, old in checkpoint_files(folder)[:-KEEP] if folder.is_dir() else []:
            old.unlink(missing_ok=True)

    def stop(self) -> None:
        """Cancel all tasks: a task on another node cannot be asked to save, so its slice is lost."""
        for running in self._running.values():
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.cancel(running.answers, force=True)

    def close(self) -> None:
        """See `Engine`."""
        self.stop()
        self._running.clear()
        self._data.clear()
        self._ray.shutdown()


def _imported(address: str) -> Any:
    if address:
        show_token()
    with _quiet():
        try:
            import ray
        except ImportError:
            raise InputError("--engine ray: Ray is not installed; install ddcodec[ray]") from None
    # It prints what becomes of each task, in several lines, whatever it is told about logs; we say it in one.
    driver: Any = getattr(getattr(ray, "_private", None), "worker", None)
    if hasattr(driver, "print_to_stdstream"):
        driver.print_to_stdstream = lambda *parts, **more: None
    return ray


def show_token() -> None:
    """Let Ray show a cluster this user's token, if there is one: by itself it does so only where it finds the cluster.

    The setting is read once, when Ray is imported. A cluster without tokens does not mind.
    """
    named = "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ
    if named or (Path.home() / ".ray" / "auth_token").is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Settings of Ray that the user has not chosen, while Ray starts: whatever it starts inherits them."""
    added = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Send what C++ and others write to stdout and stderr to nowhere."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _connect(ray: Any, address: str, processors: int, gpus: float) -> None:
    if ray.is_initialized():
        raise InputError("--engine ray: this process uses Ray already")
    if address:
        _require_answer(address)
    options: dict[str, Any] = {"address": address} if address else {"num_cpus": processors, "include_dashboard": False}
    if not address:
        options["address"] = "local"
    try:
        with _quiet(), _hushed():
            ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except (Exception, SystemExit) as error:
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        where = f"--address {address}: no Ray cluster" if address else "--engine ray: cannot start Ray here"
        raise InputError(f"{where} ({problem})") from error


def _require_answer(address: str) -> None:
    """Insist that something listens there: Ray itself would try for a minute.

    Raises: InputError.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--address {address}: expected HOST:PORT, ray://HOST:PORT or auto")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS) as probe:
            if os.environ.get("RAY_USE_TLS", "0") != "1":
                probe.sendall(_HELLO)
                said = probe.recv(len(_SETTINGS), socket.MSG_WAITALL)
                if said[3:4] != _SETTINGS[3:4]:
                    raise OSError("something else than Ray listens there")
    except (OSError, OverflowError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None


def _require(ray: Any, processors: int, gpus: float) -> None:
    """Insist that a task can run at all: Ray would wait for ever.

    Raises: InputError.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node.get("Alive")]
    if gpus and max((node.get("GPU", 0.0) for node in nodes), default=0.0) < gpus:
        most = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
        raise InputError(f"--gpus-per-task {gpus:g}: no node of the Ray cluster has so many, the most are {most:g}")
    if max((node.get("CPU", 0.0) for node in nodes), default=0.0) < processors:
        raise InputError(f"--threads-per-worker {processors}: no node of the Ray cluster has so many processors")


def _in_words(error: Exception) -> str:
    """What happened to a task, in a few words."""
    name = type(error).__name__
    if name == "WorkerCrashedError":
        return "its Ray task was killed (out of memory?)"
    if name in ("NodeDiedError", "ObjectLostError", "OwnerDiedError", "ActorDiedError"):
        return "its Ray node died"
    if name == "OutOfMemoryError":
        return "its Ray task was killed (out of memory)"
    if name == "TaskCancelledError":
        return "its Ray task was cancelled"
    text = " ".join(str(getattr(error, "cause", None) or error).split())
    if "No module named" in text:
        return "ddcodec[train] is not installed on a Ray node"
    return f"its Ray task failed ({name}: {text[-160:]})"

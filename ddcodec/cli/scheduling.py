"""`distill --subtasks`: a distillation in blocks of classes, on processes of this machine or on Ray."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.format.metadata import Metadata
    from ddcodec.train.config import Config
    from ddcodec.train.data import TrainingData
    from ddcodec.train.schedule.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])
_SLICES = {"local": 8, "ray": 4}
"""Into how many slices a sub-task is cut: on Ray each one begins anew, with its files sent over."""
_OPTIONS = (
    click.option("--subtasks", type=int, help="Blocks of classes to distil on their own, then merge.  [default: 1]"),
    click.option("--workers", type=int, help="Sub-tasks at once.  [default: one for each processor; Ray: all]"),
    click.option(
        "--engine", type=click.Choice(list(_SLICES)), default="local", show_default=True, help="Of sub-tasks."
    ),
    click.option("--address", help="Of a Ray cluster: HOST:PORT, ray://HOST:PORT or auto; else one is started here."),
    click.option("--gpus-per-task", type=float, help="Of a Ray node, for each sub-task."),
    click.option("--threads-per-worker", type=int, help="Of torch; results depend on it.  [default: 1]"),
    click.option(
        "--retries", type=int, help="Attempts after a failure without progress, for each sub-task.  [default: 3]"
    ),
)


def schedule_options(command: Command) -> Command:
    """The options of a split distillation."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Split:
    """What the options ask for; workers: None to decide by the machine."""

    subtasks: int
    workers: int | None
    engine: str
    address: str
    gpus: float
    threads: int
    retries: int


def split_of(run_dir: Path, given: Mapping[str, Any], resume: bool) -> Split | None:
    """How the distillation shall be split, None for one run; on --resume, what is not said is as before.

    Raises: InputError naming the option that makes no sense.
    """
    from ddcodec.train.rundir import read_json
    from ddcodec.train.schedule.names import PLAN

    subtasks, threads, engine = given["subtasks"], given["threads_per_worker"], given["engine"]
    for name, least in (("subtasks", 1), ("workers", 1), ("threads_per_worker", 1), ("retries", 0)):
        if given[name] is not None and given[name] < least:
            raise InputError(f"--{name.replace('_', '-')} {given[name]}: expected {least} or more")
    if engine == "local":
        for name in ("address", "gpus_per_task"):
            if given[name] is not None:
                raise InputError(f"--{name.replace('_', '-')} needs --engine ray")
    gpus = given["gpus_per_task"] or 0.0
    if not 0 <= gpus < 1000:
        raise InputError(f"--gpus-per-task {gpus:g}: expected 0 or more")
    if resume and (run_dir / PLAN).exists():
        known = read_json(run_dir / PLAN)
        subtasks = len(known.get("blocks", [])) if subtasks is None else subtasks
        threads = known.get("threads_per_worker") if threads is None else threads
    elif engine == "local" and (subtasks or 1) == 1:
        unused = next((n for n in ("workers", "threads_per_worker", "retries") if given[n] is not None), None)
        if unused is not None:
            raise InputError(f"--{unused.replace('_', '-')} needs --subtasks of 2 or more")
        return None
    retries = 3 if given["retries"] is None else given["retries"]
    return Split(subtasks or 1, given["workers"], engine, given["address"] or "", gpus, threads or 1, retries)


def distil_in_blocks(
    config: "Config", data: "TrainingData", out: Path, device: str, split: Split, resume: bool
) -> None:
    """Plan, run, merge; raises what `ddcodec.train.schedule` raises."""
    from ddcodec.cli.block_display import BlockReporter
    from ddcodec.train.schedule.plan import make_plan
    from ddcodec.train.schedule.scheduler import schedule
    from ddcodec.train.schedule.slices import Settings

    plan = make_plan(config, data, split.subtasks, split.threads)
    settings = Settings(device, split.threads, _SLICES[split.engine])
    processors = split.subtasks if split.engine == "ray" else max(1, (os.cpu_count() or 1) // split.threads)
    workers = min(split.subtasks, split.workers or processors)

    def engine() -> "Engine":
        if split.engine == "ray":
            from ddcodec.train.schedule.ray_engine import RayEngine

            return RayEngine(plan, out, workers, settings, split.address, split.gpus)
        from ddcodec.train.schedule.local_engine import LocalEngine

        return LocalEngine(plan, out, workers, settings)

    display = BlockReporter(len(plan.tasks))
    try:
        schedule(plan, out, engine, display, resume=resume, retries=split.retries)
    finally:
        display.close()


def merged_file(out: Path, cut: Callable[["Metadata"], "Metadata"], with_hash: bool) -> tuple[bytes, int] | None:
    """The file of a split distillation and its number of classes; None for any other folder.

    Args: cut: what of its metadata to keep; with_hash: keep the content hash.
    Raises: InputError for one that is not finished; as `with_metadata`.
    """
    from ddcodec.format.container import Payload, read_container, write_container
    from ddcodec.republish import with_metadata
    from ddcodec.sections import read_metadata
    from ddcodec.train.rundir import read_json
    from ddcodec.train.schedule.names import BLOCKS, MERGED, PLAN

    if not (out / PLAN).is_file():
        return None
    if not (out / MERGED).is_file():
        wanted, done = len(read_json(out / PLAN).get("blocks", [])), len(list((out / BLOCKS).glob("block-*.ddz")))
        raise InputError(f"{out}: {done} of {wanted} blocks are finished; go on with distill --resume")
    data = (out / MERGED).read_bytes()
    data = with_metadata(data, cut(read_metadata(read_container(data))))
    header = read_container(data).header
    if not with_hash:
        kinds = [section for section in header.sections if section.kind != "hash"]
        payloads = [Payload(s.kind, s.codec, data[s.offset : s.offset + s.size]) for s in kinds]
        data = write_container(header.counts, header.shape, header.group_of_class, payloads)
    return data, header.class_count

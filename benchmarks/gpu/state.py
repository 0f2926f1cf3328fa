"""What leaves the machine: results, and as much of unfinished work as a few small files can carry.

A machine that goes away takes its run directories along. `pack` writes `results.tar` (finished files and their
metrics) and `state.0`, `state.1`, ... (one tar file cut into pieces): the pool of dm and the newest checkpoint of each
unfinished run, in half precision; `unpack` puts them back. Of a run that is too large the optimiser's moments are
left out (it starts anew). Experts are lost, being a gigabyte: they are trained again from their seeds. A run that
went through this is not bit-identical to an undisturbed one.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu.desk import Desk
from benchmarks.gpu.pools import POOL
from benchmarks.gpu.slim import fattened, slimmed, without_moments
from ddcodec.format.atomic import write_atomic
from ddcodec.train import rundir
from ddcodec.train.checkpoints import checkpoint_files

RESULTS, STATE = "results.tar", "state"
_PIECE = 14 << 20
_SUFFIX = ".safetensors"


def pack(desk: Desk) -> None:
    """Write what there is to `out`; say what is left out."""
    write_atomic(desk.out / RESULTS, _tar([(path.name, path.read_bytes()) for path in sorted(desk.files.glob("*"))]))
    limit = desk.plan.state_mib << 20
    entries: list[tuple[str, bytes]] = []
    for name, data, lean in _wanted(desk):
        room = limit - sum(len(part) + 1024 for _, part in entries) - 1024
        chosen = next((form for form in (data, lean) if form is not None and len(form) <= room), None)
        if chosen is None:
            desk.say(f"left behind: {name} ({len(data) >> 20} MiB)")
            continue
        if chosen is not data:
            desk.say(f"{name}: without the moments of its optimiser")
        entries.append((name, chosen))
    whole = _tar(entries)
    for old in desk.out.glob(f"{STATE}.*"):
        old.unlink()
    for number, start in enumerate(range(0, len(whole), _PIECE)):
        write_atomic(desk.out / f"{STATE}.{number}", whole[start : start + _PIECE])


def unpack(desk: Desk) -> None:
    """Put back what `pack` wrote, where the work folder has nothing of that name."""
    packed = desk.out / RESULTS
    if packed.exists():
        _untar(packed.read_bytes(), desk.files, whole=True)
    pieces = sorted(desk.out.glob(f"{STATE}.*"), key=lambda path: int(path.suffix[1:]))
    if pieces:
        _untar(b"".join(path.read_bytes() for path in pieces), desk.work, whole=False)


def _wanted(desk: Desk) -> Iterator[tuple[str, bytes, bytes | None]]:
    """(name, bytes, bytes of a leaner form) by worth."""
    pool = desk.work / POOL
    if pool.exists():
        yield POOL, slimmed(pool.read_bytes()), None
    runs = sorted(path.parent for path in desk.work.glob(f"*/{rundir.RUN}"))
    for folder in runs:
        if (folder / rundir.RESULT).exists() or not checkpoint_files(folder):
            continue
        for name in (rundir.RUN, rundir.CONFIG, rundir.METRICS):
            yield f"{folder.name}/{name}", (folder / name).read_bytes(), None
        checkpoint = checkpoint_files(folder)[-1][1]
        small = slimmed(checkpoint.read_bytes(), leave_out="pool." if pool.exists() else "")
        yield f"{folder.name}/{checkpoint.name}", small, without_moments(small)


def _tar(entries: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as pack:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            pack.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _untar(blob: bytes, folder: Path, *, whole: bool) -> None:
    """Write members that are not there; those of state get their full precision back, the pool before the rest."""
    with tarfile.open(fileobj=io.BytesIO(blob)) as pack:
        members = {info.name: pack.extractfile(info) for info in pack if info.isfile()}
        data = {name: stream.read() for name, stream in members.items() if stream is not None}
    pool = fattened(data[POOL]) if POOL in data else None
    for name, packed in data.items():
        path = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute() or path.exists():
            continue
        small = not whole and name.endswith(_SUFFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, fattened(packed, pool) if small else packed)

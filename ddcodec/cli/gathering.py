"""What a report says about one file, gathered from the file and, if there is one, from its run."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ddcodec.cli.failure import about
from ddcodec.cli.showing import prior_fields

if TYPE_CHECKING:
    from ddcodec.report.facts import FileFacts, Sizes


def short_names(files: tuple[str, ...]) -> list[str]:
    """File names, each with its folder where two are the same."""
    names = [Path(file).name for file in files]
    paths = [Path(file) for file in files]
    return [f"{p.parent.name}/{p.name}" if names.count(p.name) > 1 else p.name for p in paths]


def gather(file: str, name: str, run_dir: Path | None) -> "FileFacts":
    """Read, check and decode a file.

    Args:
        name: what the report calls it.
        run_dir: of its run; None looks whether the file lies in one.
    Raises: as `pipeline.verify`; InputError for a run that has no finished result.
    """
    from ddcodec import pipeline
    from ddcodec.export.stretch import display_levels
    from ddcodec.format.container import read_container
    from ddcodec.report.facts import FileFacts, PriorRow
    from ddcodec.train.rundir import RESULT

    if run_dir is None and (Path(file).parent / RESULT).is_file():
        run_dir = Path(file).parent
    with about(file):
        data = bytes(pipeline.read_file(file))
        found, dataset = pipeline.info(data), pipeline.decode(data)
        computed, stored = dataset.content_hash(), read_container(data).payload("hash")
        if stored is not None and stored != computed:
            pipeline.verify(data)  # raises; sound files are decoded only once
        shown, is_stretched = display_levels(dataset)
    header, keys = found.header, tuple(PriorRow.__dataclass_fields__)
    return FileFacts(
        name=name,
        dataset=dataset,
        file_bytes=found.file_bytes,
        overhead_bytes=found.overhead_bytes,
        section_bytes=found.section_bytes,
        class_bytes=found.class_bytes if len(found.class_bytes) == header.class_count else (),
        group_of_class=header.group_of_class,
        version=f"1.{header.minor}",
        file_sha256=hashlib.sha256(data).hexdigest(),
        content_hash=computed.hex(),
        hash_stored=stored is not None,
        shown=shown,
        stretched=is_stretched,
        sizes=None if run_dir is None else _sizes(file, data, run_dir),
        priors=tuple(PriorRow(**{key: group[key] for key in keys}) for group in prior_fields(found) or ()),
    )


def _sizes(file: str, data: bytes, run_dir: Path) -> "Sizes":
    """The file held against its run."""
    from ddcodec.report.facts import SizeRow, Sizes
    from ddcodec.train.rundir import read_result
    from ddcodec.validate import validate

    with about(str(run_dir)):
        model, _, estimate = read_result(run_dir)
    with about(file):
        report = validate(model, estimate, data)
    return Sizes(
        run=run_dir.resolve().name,
        rows=tuple(SizeRow(row.section, row.training_bits, row.ideal_bits, row.actual_bytes) for row in report.rows),
        training_bytes=report.training_bytes,
        ideal_bytes=report.ideal_bytes,
        allowed_bytes=report.allowed_bytes,
        training_error=report.training_error,
        problems=report.problems,
    )

"""One HTML page about one or more files, which loads nothing and runs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ddcodec
from ddcodec.errors import DdzError
from ddcodec.label_views import LabelViews
from ddcodec.report import charts, text
from ddcodec.report.curve import make_curve
from ddcodec.report.facts import FileFacts, Sizes
from ddcodec.report.gallery import Gallery, make_gallery
from ddcodec.report.snippet import python_lines, shell_lines
from ddcodec.views.generator import ViewGenerator

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent
_PEAK_NOTE = "in units of 1.0 = peak"


@dataclass(frozen=True)
class Table:
    """Name and value of each row; note: what holds for all of them."""

    title: str
    rows: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True)
class View:
    """One file as the template wants it: texts, tables, charts."""

    number: int
    name: str
    headline: tuple[tuple[str, str], ...]
    gallery: Gallery
    charts: tuple[charts.Bars | charts.Columns, ...]
    sizes: tuple[tuple[str, ...], ...]
    sizes_verdict: str
    problems: tuple[str, ...]
    tables: tuple[Table, ...]
    python: str
    shell: str
    hashes: tuple[tuple[str, str], ...]


def load_template() -> "Template":
    """The page's template; everything it is filled with is escaped.

    Raises: DdzError when jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise DdzError("jinja2 is not installed; install ddcodec[report]") from error
    loader = FileSystemLoader(_FOLDER)
    settings = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return settings.get_template("page.html.j2")


def render_page(template: "Template", files: Sequence[FileFacts], title: str | None = None) -> str:
    """The page as one text.

    Args:
        template: as from `load_template`.
        files: one or more, in the order of the page.
        title: None for the name of the only file, or a general one.
    """
    views = [_view(place, facts, len(files)) for place, facts in enumerate(files, 1)]
    general = files[0].name if len(files) == 1 else f"{len(files)} distilled sets"
    return template.render(
        title=text.plain(general if title is None else title),
        version=ddcodec.__version__,
        style=(_FOLDER / "page.css").read_text(encoding="utf-8"),
        views=views,
        curve=make_curve(files) if len(files) > 1 else None,
        comparison=[_compared(place, facts) for place, facts in enumerate(files, 1)] if len(files) > 1 else [],
    )


def shape_text(facts: FileFacts) -> str:
    """Channels, height and width."""
    return " × ".join(map(str, facts.dataset.pixels.shape[1:]))  # noqa: RUF001


def _accuracy(facts: FileFacts) -> str:
    if facts.accuracy is not None:
        return text.percent(facts.accuracy)
    found = facts.dataset.recipe.get("accuracy")
    return "not stated" if found is None else f"{text.value(found)}, which is no fraction"


def _headline(facts: FileFacts) -> tuple[tuple[str, str], ...]:
    dataset, height_width = facts.dataset, facts.dataset.pixels.shape[2:]
    parts = [
        ("bytes per class", text.number(facts.bytes_per_class, 1)),
        ("bytes", text.number(facts.file_bytes)),
        ("priors" if facts.priors else "images", text.number(len(dataset))),
        ("classes", text.number(dataset.class_count)),
        ("channels, size", shape_text(facts)),
    ]
    if len(dataset):
        pixels = len(dataset) * height_width[0] * height_width[1]
        parts.append(("bits per pixel", f"{8 * facts.file_bytes / pixels:.3g}"))
    if dataset.label_views is not None or facts.priors:
        parts += [(f"bytes of {name}", text.number(size)) for name, size in bytes_by_part(facts).items()]
    if facts.accuracy is not None:
        parts.insert(1, ("accuracy, as stated", text.percent(facts.accuracy)))
    return tuple(parts)


def bytes_by_part(facts: FileFacts) -> dict[str, int]:
    """Bytes of images, of networks, and of labels with all that belongs to them; a part that is not there has none."""
    kinds = {"images": ("LATN", "PIXL"), "networks": ("NETS",), "labels": ("LABL", "SOFT", "VIEW", "orig")}
    return {name: sum(facts.section_bytes.get(kind, 0) for kind in part) for name, part in kinds.items()}


def _label_rows(views: LabelViews) -> tuple[tuple[str, str], ...]:
    """What is said of soft labels of views."""
    head, made = views.head, views.made
    how = "not stated" if made is None else "from a generator" if isinstance(made, ViewGenerator) else "as recorded"
    return (
        ("labels", f"{text.number(head.rows)} of {views.classes} {head.kind}"),
        ("views", f"{head.views} of each image" if head.views else "listed"),
        ("views made", how),
        ("mode", f"{views.mode}, {text.number(views.bits_per_row, 1)} bits each"),
        ("meant for", f"loss {head.loss}, temperature {f'{head.temperature:g}' if head.temperature else 'not stated'}"),
        ("re-use", head.reuse),
    )


def _prior_rows(facts: FileFacts) -> tuple[tuple[str, str], ...]:
    """What is said of each group of priors."""
    rows = []
    for row in facts.priors:
        latents = f"{text.number(row.dimensions)} dimensions, {text.number(row.latent_bytes)} bytes"
        decoder = f"decoder of {text.number(row.decoder_weights)} weights, {text.number(row.decoder_bytes)} bytes"
        rows.append((f"{text.number(row.priors)} priors", f"{latents}; {decoder}"))
    return tuple(rows)


def _compared(place: int, facts: FileFacts) -> tuple[str, ...]:
    dataset = facts.dataset
    return (
        str(place),
        text.plain(facts.name),
        text.number(facts.bytes_per_class, 1),
        _accuracy(facts),
        text.number(facts.file_bytes),
        text.number(len(dataset)),
        text.number(dataset.class_count),
        shape_text(facts),
    )


def _sizes(sizes: Sizes | None, facts: FileFacts) -> tuple[tuple[str, ...], ...]:
    if sizes is None:
        return ()
    rows: list[tuple[str, str, str, str, float]] = []
    for row in sizes.rows:
        training = "–" if row.training_bits is None else text.number(row.training_bits)  # noqa: RUF001
        bits = 8 * row.actual_bytes
        rows.append((row.section, training, text.number(row.ideal_bits), text.number(bits), bits - row.ideal_bits))
    total = 8 * sizes.training_bytes, 8 * sizes.ideal_bytes, 8 * facts.file_bytes
    training, ideal, actual = map(text.number, total)
    rows.append(("file", training, ideal, actual, 8 * (facts.file_bytes - sizes.ideal_bytes)))
    return tuple((*row[:-1], f"{row[-1]:+,.0f}") for row in rows)


def _verdict(sizes: Sizes | None) -> str:
    if sizes is None:
        return ""
    state = "not within tolerance" if sizes.problems else "within tolerance"
    return (
        f"Held against the run {text.plain(sizes.run)}: {state}. Up to {text.number(sizes.allowed_bytes)} bytes "
        f"are allowed; training's estimate is {100 * sizes.training_error:+.2f} % off."
    )


def _tables(facts: FileFacts) -> tuple[Table, ...]:
    dataset = facts.dataset
    tables = [Table("Recipe", tuple(text.rows(dataset.recipe)))]
    if dataset.normalize is not None:
        rows = [
            (f"channel {place}", f"mean {mean:.6g}, std {std:.6g}")
            for place, (mean, std) in enumerate(zip(*dataset.normalize, strict=True))
        ]
        tables.append(Table("Normalisation", tuple(rows), "(image − mean) / std, " + _PEAK_NOTE))  # noqa: RUF001
    else:
        tables.append(Table("Normalisation", ()))
    tables.append(Table("Whitening", tuple(text.rows(dataset.whitening))))
    tables.append(Table("Provenance", tuple(text.rows(dataset.provenance))))
    if dataset.soft is not None:
        soft = (("kind", dataset.soft.kind), ("unit", str(dataset.soft.unit)))
        tables.append(Table("Soft labels", (*soft, ("numbers", text.number(dataset.soft.values.size)))))
    if dataset.label_views is not None:
        tables.append(Table("Soft labels of views", _label_rows(dataset.label_views)))
    if facts.priors:
        tables.append(Table("Priors", _prior_rows(facts), "the images shown are those of their means"))
    if dataset.extra:
        tables.append(Table("Further", tuple(text.rows(dataset.extra))))
    return tuple(tables)


def _view(place: int, facts: FileFacts, files: int) -> View:
    drawn = (charts.sections(facts), charts.classes(facts))
    stored = "the same" if facts.hash_stored else "none in the file to compare with"
    return View(
        number=place,
        name=text.plain(facts.name),
        headline=_headline(facts),
        gallery=make_gallery(facts, files),
        charts=tuple(chart for chart in drawn if chart is not None),
        sizes=_sizes(facts.sizes, facts),
        sizes_verdict=_verdict(facts.sizes),
        problems=() if facts.sizes is None else tuple(text.plain(line) for line in facts.sizes.problems),
        tables=_tables(facts),
        python=python_lines(facts),
        shell=shell_lines(facts),
        hashes=(
            ("content, computed", facts.content_hash),
            ("content, stored", stored),
            ("whole file, SHA-256", facts.file_sha256),
            ("format", f"version {facts.version}"),
        ),
    )

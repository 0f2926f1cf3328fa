"""The report page: numbers, escaping, and that it loads and runs nothing."""

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ddcodec import pipeline
from ddcodec.errors import DdzError
from ddcodec.format.metadata import Metadata
from ddcodec.report import charts, gallery, snippet
from ddcodec.report.curve import make_curve
from ddcodec.report.facts import SizeRow, Sizes
from ddcodec.report.page import load_template, render_page
from ddcodec.report.pictures import as_bytes, data_uri, tile_of
from tests.prior_models import prior_model
from tests.report.files import HOSTILE, facts_about, facts_of, plain_set, small_file
from tests.small_models import META


class Page(HTMLParser):
    """Tags with attributes, text of the page, rows of tables, and the headline."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags, self.rows, self.texts, self.headline = [], [], [], {}
        self._cell, self._value = None, None
        self.feed(source)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th", "dt", "dd"):
            self._cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self._cell.strip())
        elif tag == "dt":
            self._value = self._cell.strip()
        elif tag == "dd":
            self.headline[self._value] = self._cell.strip()
        if tag in ("td", "th", "dt", "dd"):
            self._cell = None

    def handle_data(self, data):
        self.texts.append(data)
        if self._cell is not None:
            self._cell += data


def page_of(*facts, title=None) -> tuple[str, Page]:
    source = render_page(load_template(), facts, title)
    return source, Page(source)


def test_numbers_are_those_of_info():
    data = small_file()
    found, facts = pipeline.info(data), facts_of(data)
    _, page = page_of(facts)
    assert page.headline == {
        "bytes per class": f"{found.file_bytes / 3:,.1f}",
        "bytes": f"{found.file_bytes:,}",
        "images": "5",
        "classes": "3",
        "channels, size": "1 × 5 × 6",  # noqa: RUF001
        "bits per pixel": f"{found.bits_per_pixel:.3g}",
    }
    for kind, size in (("header", found.overhead_bytes), *found.section_bytes.items()):
        label = kind if kind == "header" else f"{kind} · {charts.MEANING[kind]}"
        assert f"{label}: {8 * size:,} bits · {100 * size / found.file_bytes:.1f} %" in page.text
    for name, size, count in zip("abc", found.class_bytes, found.header.counts, strict=True):
        share = f" · {8 * size / count:,.1f} per image" if count else ""
        assert f"{name}: {8 * size:,} bits{share} " in page.text
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["epochs"] == ["5"]
    assert rows["channel 0"] == ["mean 0.5, std 0.25"]
    assert rows["seed"] == ["1"]
    assert rows["x-y"] == ["2"]
    assert rows["content, computed"] == [facts.content_hash]
    assert rows["content, stored"] == ["the same"]
    assert rows["whole file, SHA-256"] == [facts.file_sha256]


def test_a_file_without_metadata_or_hash():
    _, page = page_of(facts_of(small_file(metadata=None, with_hash=False)))
    assert page.text.count("Nothing stated.") == 4
    assert ["content, stored", "none in the file to compare with"] in page.rows
    assert "accuracy, as stated" not in page.headline


def test_the_same_files_give_the_same_page():
    assert page_of(facts_of(small_file()))[0] == page_of(facts_of(small_file()))[0]


def test_hostile_texts_stay_texts():
    facts = facts_of(small_file(metadata=HOSTILE), name='<h1>"x".ddz')
    source, page = page_of(facts, facts, title="<script>alert(3)</script>")
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "i", "b"}
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert "\x1b" not in source
    assert "\u202e" not in source
    assert r"\u202egnp.\x1b[31m" in page.text
    assert "{{ 7 * 7 }}</td>" in page.text
    assert "a" * 401 not in source
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "facts", [facts_of(small_file()), facts_of(small_file(metadata=HOSTILE))], ids=["usual", "hostile"]
)
def test_nothing_is_loaded_from_anywhere(facts):
    source, page = page_of(facts, facts)
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            value = attributes.get(name, "data:")
            assert value.startswith("data:") or (tag == "a" and value.startswith("#")), (tag, attributes)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "base", "form"}
    style = re.search(r"<style>(.*)</style>", source, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    if "example.org" not in source:
        assert not re.search(r"https?://", source)
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policies == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_charts_have_titles():
    _, page = page_of(facts_of(small_file()))
    drawings = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert [drawing["aria-label"] for drawing in drawings] == ["Bits by section", "Bits by class"]
    assert page.text.count("Bits by class") == 2  # caption and title


def test_estimates_against_bytes():
    sizes = Sizes(
        "run-7", (SizeRow("LATN", 799.6, 800.4, 101), SizeRow("meta", None, 80, 10)), 111, 110.05, 120, -0.0123, ()
    )
    _, page = page_of(facts_of(small_file(), sizes=sizes, file_bytes=111))
    assert ["LATN", "800", "800", "808", "+8"] in page.rows
    assert ["meta", "–", "80", "80", "+0"] in page.rows  # noqa: RUF001
    assert ["file", "888", "880", "888", "+8"] in page.rows
    assert "run-7: within tolerance. Up to 120 bytes are allowed; training's estimate is -1.23 % off." in page.text
    bad = Sizes("r", sizes.rows, 111, 110.05, 100, -0.0123, ("too <large>",))
    _, page = page_of(facts_of(small_file(), sizes=bad))
    assert "not within tolerance" in page.text
    assert "too <large>" in page.text


def test_several_files_side_by_side():
    files = [
        facts_about(
            plain_set(recipe={"accuracy": accuracy} if accuracy is not None else {}), name=f"{n}.ddz", file_bytes=size
        )
        for n, accuracy, size in (("a", 0.4, 1000), ("b", 0.5, 4000), ("c", None, 2000), ("d", 40.0, 3000))
    ]
    _, page = page_of(*files)
    table = [row for row in page.rows if len(row) == 8]
    assert [row[:5] for row in table[1:]] == [
        ["1", "a.ddz", "500.0", "40.0 %", "1,000"],
        ["2", "b.ddz", "2,000.0", "50.0 %", "4,000"],
        ["3", "c.ddz", "1,000.0", "not stated", "2,000"],
        ["4", "d.ddz", "1,500.0", "40, which is no fraction", "3,000"],
    ]
    assert "not in the chart: c.ddz , d.ddz" in page.text
    assert {tag for tag, a in page.tags if a.get("id") == "file-4"} == {"article"}
    curve = make_curve(files)
    assert [point.number for point in curve.points] == [1, 2]
    assert curve.points[0].across < curve.points[1].across
    assert curve.points[0].down > curve.points[1].down
    assert len(curve.lines) == 1
    assert make_curve(files[2:]) is None
    assert "there is no chart" in page_of(*files[2:])[1].text


def test_no_line_between_different_sets():
    recipe = {"accuracy": 0.5}
    files = [facts_about(plain_set(recipe=recipe)), facts_about(plain_set((1, 1, 1), recipe=recipe))]
    assert make_curve(files).lines == ()
    assert {point.series for point in make_curve(files).points} == {0, 1}


@pytest.mark.parametrize(("low", "high"), [(900, 2100), (10, 12), (0.5, 4), (1, 10**6), (1022, 1023)])
def test_ticks_of_a_logarithmic_axis(low, high):
    ticks = charts.log_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert ticks == sorted(ticks)
    assert low <= ticks[0] < ticks[-1] <= high


@pytest.mark.parametrize(("low", "high"), [(33, 57), (48, 52), (-2, 102), (0.1, 4.2)])
def test_ticks_of_a_linear_axis(low, high):
    ticks = charts.linear_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert low <= ticks[0] < ticks[-1] <= high


def test_images_are_what_the_file_holds():
    dataset = plain_set(low=-40, high=300)
    uri = data_uri(dataset.pixels[3], ((0.0, 255.0),) * 3)
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    import base64
    import io

    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    assert np.array_equal(picture, np.clip(dataset.pixels[3], 0, 255).transpose(1, 2, 0))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_of_other_channels(channels):
    assert data_uri(plain_set(shape=(channels, 4, 5)).pixels[0], ((0.0, 255.0),) * channels)


def test_levels():
    pixels = np.array([[[10, 20, 30]]], dtype=np.int16)
    assert as_bytes(pixels, ((10.0, 30.0),)).tolist() == [[[0, 128, 255]]]


def test_size_of_tiles():
    assert tile_of(32, 32) == gallery.Tile(64, 64, 1)
    assert tile_of(8, 6) == gallery.Tile(48, 64, 1)
    assert tile_of(128, 96) == gallery.Tile(96, 128, 1)
    assert tile_of(300, 3) == gallery.Tile(1, 100, 3)
    assert data_uri(plain_set((1,), (1, 300, 3)).pixels[0], ((0.0, 255.0),), 3)


def test_a_large_set_is_cut_and_says_so():
    shown = gallery.make_gallery(facts_about(plain_set((60, 2), (1, 2, 2))))
    assert [(len(row.images), row.more) for row in shown.rows] == [(50, 10), (2, 0)]
    facts = facts_about(plain_set((1,) * 210, (1, 2, 2)))
    shown = gallery.make_gallery(facts)
    assert (len(shown.rows), shown.more_classes) == (200, 10)
    _, page = page_of(facts)
    assert "10 more classes are not shown." in page.text
    assert "class 209" in page.text  # the end of the columns
    assert gallery.quota(plain_set((1,) * 300, (3, 128, 128)), 1) == (81, 1)
    assert gallery.quota(plain_set((30,) * 10, (3, 32, 32)), 3) == (10, 16)
    facts = facts_about(plain_set((1,) * 1000, (1, 2, 2)))
    assert len(charts.classes(facts).columns) == 200
    assert "mean of 5 classes" in charts.classes(facts).description


def test_empty_sets():
    _, page = page_of(facts_of(small_file("empty", metadata=None)))
    assert page.headline["images"] == "0"
    assert "bits per pixel" not in page.headline


def test_files_without_streams():
    facts = facts_about(plain_set(), class_bytes=(), section_bytes={"PIXL": 4000, "what": 952})
    _, page = page_of(facts)
    assert "PIXL · exact pixels: 32,000 bits" in page.text
    assert "what: 7,616 bits" in page.text
    assert "Bits by class" not in page.text


def test_whitened_and_mosaics():
    dataset = plain_set(low=-900, high=900, whitening={"kind": "zca", "epsilon": 0.1}, recipe={"factor": 2})
    _, page = page_of(facts_about(dataset))
    for words in ("are whitened", "stretched", "2 x 2 tiles", "s.eval_transform(train_images=...)"):
        assert words in page.text
    assert ["epsilon", "0.1"] in page.rows


@pytest.mark.parametrize("kind", ["logits", "probabilities", "scores"])
def test_soft_labels(kind):
    dataset = plain_set((1, 2, 1, 1), soft=kind, order=[3, 1, 0, 1, 2], classes=list("abcd"))
    shown = gallery.make_gallery(facts_about(dataset)).soft
    assert [image.name for image in shown] == ["a", "b", "c", "d"]
    values = dataset.soft.floats[[2, 1, 4, 0]].astype(np.float64)  # first samples of the classes, by the order
    if kind == "logits":
        values = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    for image, row in zip(shown, values, strict=True):
        assert [name for name, _ in image.top] == ["abcd"[number] for number in np.argsort(-row)[:3]]
        best = row.max()
        assert image.top[0][1] == (f"{best:.3f}" if kind == "scores" else f"{100 * best:.0f} %")
    assert image.top[0][0] in page_of(facts_about(dataset))[1].text


SETS = {
    "plain": {},
    "normalised": {"mean": (0.5,) * 3, "std": (0.2,) * 3},
    "mosaic": {"recipe": {"factor": 2}, "shape": (3, 6, 4)},
    "mosaic, soft": {"recipe": {"factor": 2}, "shape": (3, 6, 4), "soft": "probabilities"},
    "logits": {"soft": "logits"},
    "scores": {"soft": "scores"},
    "whitened": {"whitening": {"kind": "zca", "epsilon": 0.1}},
    "whitened by the recipe": {"recipe": {"zca": 0.1}, "mean": (0.5,) * 3, "std": (0.2,) * 3},
    "hostile": {"recipe": HOSTILE.recipe},
}


@pytest.mark.parametrize("options", SETS.values(), ids=SETS)
def test_the_training_lines_run(options, monkeypatch):
    torch = pytest.importorskip("torch")
    import ddcodec

    dataset = plain_set(**{"recipe": {}} | options)
    text = snippet.python_lines(facts_about(dataset, name="it's\n.ddz"))
    asked = []
    monkeypatch.setattr(ddcodec, "load", lambda name: asked.append(name) or dataset, raising=False)
    text = text.replace("model = ...", "model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))")
    text = re.sub(r"epochs = \d+", "epochs = 2", text)
    assert ("train_images=..." in text) is ("zca" in str(options))
    text = text.replace("train_images=...", "train_images=s.images")
    text = text.replace("optimiser = ", "model(x)\noptimiser = ", 1)
    space = {}
    exec(compile(text, "snippet", "exec"), space)
    assert asked == ["it's\n.ddz"]
    factor = dataset.recipe.get("factor", 1)
    assert len(space["x"]) == len(dataset) * factor**2
    assert torch.isfinite(next(space["model"].parameters())).all()


def test_the_training_lines_draw_from_priors(tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "x.ddz"
    file.write_bytes(pipeline.encode_set(prior_model(counts=(2, 1)), Metadata(recipe={"epochs": 2})))
    text = snippet.python_lines(facts_of(file.read_bytes(), str(file)))
    text = text.replace("model = ...", "model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))")
    space = {}
    exec(compile(text.replace("optimiser = ", "model(x)\noptimiser = ", 1), "snippet", "exec"), space)
    assert space["y"].tolist() == [0] * 50 + [1] * 50
    assert "float32 (100, 1, 5, 6)" in text


def test_the_shell_line_is_quoted():
    assert snippet.shell_lines(facts_about(plain_set(), name="a b;c.ddz")).startswith("ddcodec eval 'a b;c.ddz' ")


def test_the_shell_line_names_what_a_whitening_needs():
    assert "zca" not in snippet.shell_lines(facts_about(plain_set()))
    for parts in ({"recipe": {"zca": 0.1}}, {"whitening": {"kind": "zca"}}):
        assert snippet.shell_lines(facts_about(plain_set(**parts))).endswith(" --zca-from npz:train.npz")


def test_without_jinja2(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(DdzError, match=r"^jinja2 is not installed; install ddcodec\[report\]$"):
        load_template()


def test_recipe_of_a_file_is_shown():
    assert META.recipe == {"epochs": 5}
    assert "epochs = 5" in snippet.python_lines(facts_of(small_file()))

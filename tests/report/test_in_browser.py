"""The page as a browser shows it."""

import os
import shutil

import pytest

from ddcodec.report.page import load_template, render_page
from tests.report.files import HOSTILE, facts_about, facts_of, plain_set, small_file

CHROMIUM = os.environ.get("DDCODEC_CHROMIUM") or shutil.which("chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WIDTHS = (1280, 400)


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "playwright is not installed"
    else:
        missing = None if CHROMIUM else "there is no chromium (set DDCODEC_CHROMIUM)"
    if missing:
        if os.environ.get("DDCODEC_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield program
        program.close()


def pages():
    recipe = {"accuracy": 0.4, "epochs": 5}
    large = facts_about(plain_set((9,) * 30, (3, 16, 16), recipe=recipe, soft="logits"))
    names = ["a very long name of a class, with no end in sight", "w" * 80]
    second = plain_set((30, 2), (3, 32, 32), recipe={"accuracy": 0.6}, classes=names)
    other = facts_about(second, name="a" * 90 + ".ddz", class_bytes=(123_456, 765_432))
    hostile = facts_of(small_file(metadata=HOSTILE), name='"><script>alert(0)</script>.ddz')
    return {"one": [facts_of(small_file())], "many": [large, other], "hostile": [hostile, hostile]}


@pytest.fixture(params=["one", "many", "hostile"])
def path(request, tmp_path):
    file = tmp_path / f"{request.param}.html"
    file.write_text(render_page(load_template(), pages()[request.param]), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page(browser, path, width, scheme, tmp_path):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked, failed = [], [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.goto(path.as_uri())
    assert said == []
    assert failed == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    images = page.locator(".tiles img")
    assert images.count() >= 5
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    for place in [images.first, *page.locator("figure.chart svg[role=img]").all(), page.locator("pre").first]:
        box = place.bounding_box()
        assert box["width"] > 0
        assert box["height"] > 0
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    shot = tmp_path / f"{path.stem}-{width}-{scheme}.png"
    page.screenshot(path=shot, full_page=True)
    assert shot.read_bytes().startswith(b"\x89PNG")
    page.close()


def test_every_width_between(browser, path):
    page = browser.new_page()
    page.goto(path.as_uri())
    for width in range(400, 1281, 40):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 640, "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_texts_of_charts_do_not_collide(browser, path, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())
    collisions = page.evaluate(
        """() => [...document.querySelectorAll('figure.chart > svg')].flatMap(svg => {
            const boxes = [...svg.querySelectorAll('text:not(.mark)')].map(text => {
                const box = text.getBoundingClientRect()
                const inner = text.parentElement.tagName === 'svg' && text.parentElement !== svg
                const room = inner ? text.parentElement.width.baseVal.value : box.width
                return {text: text.textContent, left: box.left, top: box.top, bottom: box.bottom,
                        right: box.left + Math.min(box.width, room)}
            })
            return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
                a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2
            ).map(b => a.text + ' / ' + b.text))
        })"""
    )
    assert collisions == []
    page.close()

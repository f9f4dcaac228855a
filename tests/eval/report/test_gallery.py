"""The gallery in a real browser, from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from eval.dataset import Icdar2015
from eval.report import write_report
from eval.run import Run
from tests.support.browsers import chromium, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def gallery(made_up: Icdar2015, run_of: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, made_up, [run_of(made_up)])
    return (folder / "index.html").as_uri()


@pytest.fixture
def page(browser: Browser, gallery: str) -> Iterator[Page]:
    """The gallery of the made-up run; any script error or request that leaves the disk fails the test."""
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.on("request", lambda request: None if request.url.startswith("file:") else problems.append(request.url))
    page.goto(gallery)
    yield page
    page.close()
    assert problems == []


def captions(page: Page) -> list[str]:
    return page.locator("main .caption").all_text_contents()


def test_worst_images_come_first(page: Page) -> None:
    assert captions(page) == ["image 2 · F1 0.00 · 2 missed · 2 false alarms", "image 10 · F1 0.67 · 1 missed"]
    loaded = page.locator("main img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert loaded == [320, 320]


def test_what_is_drawn(page: Page) -> None:
    card = page.locator("#image-10")
    drawn = card.locator("polygon:not(.shade)").evaluate_all("marks => marks.map(mark => mark.getAttribute('class'))")
    assert sorted(drawn) == ["found", "hit", "missed"]
    assert card.locator("polygon.missed:not(.shade)").get_attribute("points") == "10 10 70 10 70 30 10 30"
    colors = card.locator("polygon:not(.shade)").evaluate_all("marks => marks.map(m => getComputedStyle(m).stroke)")
    assert len(set(colors)) == 3


def test_layers_can_be_hidden(page: Page) -> None:
    page.get_by_role("checkbox", name="missed word").uncheck()
    assert page.locator("polygon.missed").count() == 0
    assert page.locator("polygon.hit").count() > 0
    page.get_by_role("checkbox", name="missed word").check()
    assert page.locator("polygon.missed").count() > 0


def test_images_can_be_filtered_and_ordered(page: Page) -> None:
    page.get_by_label("with").select_option("alarm")
    assert [caption.split(" · ")[0] for caption in captions(page)] == ["image 2"]
    assert page.locator("#count").text_content() == "1 of 2"
    page.get_by_label("with").select_option("any")
    page.get_by_label("search").fill("HIT")
    assert [caption.split(" · ")[0] for caption in captions(page)] == ["image 10"]
    page.get_by_label("search").fill("no such word")
    assert captions(page) == []
    assert "No image is like that." in str(page.locator("main").text_content())
    page.get_by_label("search").fill("")
    page.get_by_label("by").select_option("number")
    assert [caption.split(" · ")[0] for caption in captions(page)] == ["image 2", "image 10"]


def test_by_keyboard_alone(page: Page) -> None:
    page.locator("#image-2").focus()
    page.keyboard.press("Enter")
    title = page.locator("dialog h2")
    assert title.text_content() == "image 2 · F1 0.00 · 2 missed · 2 false alarms"
    page.keyboard.press("ArrowRight")
    assert str(title.text_content()).startswith("image 10")
    page.keyboard.press("ArrowRight")
    assert str(title.text_content()).startswith("image 2")
    width = "document.querySelector('.stage .picture').getBoundingClientRect().width"
    fitted = page.evaluate(width)
    page.keyboard.press("z")
    assert page.evaluate(width) == 640 != fitted
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()
    assert page.evaluate("document.activeElement.id") == "image-2"


def test_transcriptions_are_text_not_markup(page: Page) -> None:
    page.locator("#image-2").click()
    rows = page.locator("dialog tbody tr").all_text_contents()
    assert any('<b onclick="x">&amp;' in row for row in rows)
    assert page.locator("dialog tbody b").count() == 0


def test_an_image_can_be_linked_to(page: Page) -> None:
    page.goto(page.url + "#10")
    page.locator("dialog[open]").wait_for()
    assert str(page.locator("dialog h2").text_content()).startswith("image 10")


def test_light_and_dark(page: Page) -> None:
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) != light


def test_a_narrow_screen_does_not_scroll_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

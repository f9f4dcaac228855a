"""The page at /, in a real browser: Debian's Chromium without a screen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from east.reading import Crop
from tests.support.browsers import chromium, needs_chromium

if TYPE_CHECKING:
    from tests.serving.conftest import Serve

expect.set_options(timeout=30_000)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """The page, loaded; the test fails when it logs an error, breaks its security policy or asks another host."""
    context = browser.new_context(base_url=str(client.base_url))
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if is_own(request.url, client) else wrong.append(request.url))
    page.goto("/")
    yield page
    context.close()
    assert wrong == []


def is_own(url: str, client: httpx.Client) -> bool:
    return url.startswith((str(client.base_url), "blob:", "data:"))


def upload(page: Page, photo: bytes, name: str = "sign.jpg", kind: str = "image/jpeg") -> None:
    page.locator("#pick").set_input_files({"name": name, "mimeType": kind, "buffer": photo})


def test_boxes_appear_over_the_image_and_in_the_list(page: Page, client: httpx.Client, photo: bytes) -> None:
    words = client.post("/detect", content=photo).json()["boxes"]
    upload(page, photo)
    expect(page.get_by_role("status")).to_contain_text(f"{len(words)} words")
    expect(page.locator("#boxes polygon")).to_have_count(len(words))
    expect(page.locator("#list li")).to_have_count(len(words))
    image, boxes = page.locator("#image").bounding_box(), page.locator("#boxes").bounding_box()
    assert image == boxes


def test_pointing_at_a_row_marks_its_box_and_the_other_way_round(page: Page, photo: bytes) -> None:
    upload(page, photo)
    row, box = page.locator("#list button").nth(1), page.locator("#boxes polygon").nth(1)
    row.hover()
    expect(box).to_have_class("on")
    expect(page.locator("#tag")).to_have_text(row.locator(".score").inner_text())
    page.mouse.move(0, 0)
    expect(box).not_to_have_class("on")
    expect(page.locator("#tag")).to_be_hidden()
    box.hover()
    expect(row).to_have_class(re.compile(r"\bon\b"))
    page.mouse.move(0, 0)
    row.focus()
    expect(box).to_have_class("on")


def test_box_slider_filters_without_a_request(page: Page, client: httpx.Client, photo: bytes) -> None:
    words = client.post("/detect", content=photo, params={"box_threshold": 0}).json()["boxes"]
    middle = sorted(word["score"] for word in words)[len(words) // 2]
    upload(page, photo)
    expect(page.locator("#list li").first).to_be_visible()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/detect" in request.url else None)
    page.locator("#box").fill(f"{middle:.2f}")
    kept = sum(word["score"] >= round(middle, 2) for word in words)
    expect(page.locator("#list li")).to_have_count(kept)
    assert requests == []
    with page.expect_request(lambda request: "score_threshold=0.95" in request.url):
        page.locator("#score").fill("0.95")


def test_result_can_be_taken_away(page: Page, photo: bytes) -> None:
    upload(page, photo)
    expect(page.locator("#list li").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == "sign.json"
    saved = json.loads(Path(download.value.path()).read_text())
    assert len(saved["boxes"]) == page.locator("#list li").count()
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl ")
    assert "'@sign.jpg'" in command
    assert "/detect?box_threshold=0.1&" in command


def test_non_image_is_an_error_people_can_read(page: Page, photo: bytes) -> None:
    upload(page, b"just words", "notes.txt", "image/png")
    expect(page.get_by_role("alert")).to_contain_text("Not an image")
    expect(page.locator("#boxes polygon")).to_have_count(0)
    upload(page, photo)
    expect(page.locator("#list li").first).to_be_visible()
    expect(page.locator("#error")).to_be_hidden()


def test_failure_is_seen_beside_the_image(page: Page, photo: bytes) -> None:
    page.route("**/detect*", lambda route: route.abort())
    upload(page, photo)
    expect(page.locator("#picture")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Download JSON")).to_be_disabled()


def test_service_is_quoted_with_the_names_on_the_page(page: Page, photo: bytes) -> None:
    problem = {"status": 422, "code": "too-many-boxes", "detail": "raise score_threshold or lower nms_threshold"}
    page.route("**/detect*", lambda route: route.fulfill(status=422, json=problem))
    upload(page, photo)
    expect(page.get_by_role("alert")).to_have_text("Raise “Least score of a pixel” or lower “Overlap that merges”.")
    expect(page.get_by_role("status")).to_have_text("No answer.")


def test_long_list_is_cut_short_but_every_box_is_drawn(page: Page, photo: bytes) -> None:
    quad = [[10, 10], [60, 10], [60, 30], [10, 30]]
    found = {
        "image": {"width": 100, "height": 100},
        "boxes": [{"quad": [[x + number % 7, y] for x, y in quad], "score": 0.5} for number in range(310)],
        "model": {"runtime": "openvino", "precision": "FP32"},
        "timings_ms": {"total": 1},
    }
    page.route("**/detect*", lambda route: route.fulfill(json=found))
    upload(page, photo)
    expect(page.get_by_role("status")).to_contain_text("310 words")
    expect(page.locator("#boxes polygon")).to_have_count(310)
    expect(page.locator("#list button")).to_have_count(300)
    expect(page.locator("#list li").last).to_have_text("and 10 more")
    page.locator("#boxes polygon").last.hover()
    expect(page.locator("#boxes polygon").last).to_have_class("on")
    expect(page.locator("#list li").last).to_be_in_viewport()


def test_image_that_browsers_cannot_show_is_shown_by_the_server(page: Page, photo: bytes, tmp_path: Path) -> None:
    from PIL import Image

    source, tiff = tmp_path / "photo.jpg", tmp_path / "photo.tiff"
    source.write_bytes(photo)
    Image.open(source).save(tiff)
    upload(page, tiff.read_bytes(), "photo.tiff", "image/tiff")
    expect(page.locator("#picture")).to_be_visible()
    expect(page.locator("#boxes polygon").first).to_be_visible()


def test_pasted_and_dropped_images(page: Page, photo: bytes) -> None:
    for kind, carrier in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.evaluate(
            """([bytes, kind, carrier]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "given.jpg", { type: "image/jpeg" }));
                const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
                dispatchEvent(new Kind(kind, { [carrier]: data, bubbles: true, cancelable: true }));
            }""",
            [list(photo), kind, carrier],
        )
        expect(page.locator("#list li").first).to_be_visible()
        page.get_by_role("button", name="Another image").click()
        expect(page.locator("#list li")).to_have_count(0)


def test_keyboard_alone_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    for _ in range(10):
        if page.evaluate("document.activeElement.id") == "example":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#list li").first).to_be_visible()
    page.locator("#nms").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#boxes polygon").first).to_have_class("on")


def test_page_asks_for_the_key_where_one_is_needed(browser: Browser, serve: Serve, photo: bytes) -> None:
    from serving.auth import key_hash

    with serve(security={"keys": ["someone:" + key_hash("s3cret")]}) as client:
        page = browser.new_page(base_url=str(client.base_url))
        page.goto("/")
        upload(page, photo)
        page.get_by_label("API key").fill("s3cret")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#list li").first).to_be_visible()
        expect(page.get_by_label("API key")).to_be_hidden()
        page.close()


def test_phone_width_has_no_sideways_scrolling(browser: Browser, client: httpx.Client, photo: bytes) -> None:
    page = browser.new_page(base_url=str(client.base_url), viewport={"width": 360, "height": 740}, has_touch=True)
    page.goto("/")
    expect(page.get_by_text("Take a photo")).to_be_visible()
    upload(page, photo)
    expect(page.locator("#list li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_docs_list_the_operations(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator("summary", has_text="/detect/batch")).to_be_visible()
    expect(page.get_by_text("score_threshold").first).to_be_visible()


def test_where_something_reads_the_page_shows_the_texts(browser: Browser, serve: Serve, photo: bytes) -> None:
    def read_sizes(crops: list[Crop]) -> list[tuple[str, float]]:
        return [(f"<b>{crop.shape[1]}</b>", 0.5) for crop in crops]

    with serve(reads=read_sizes) as client:
        texts = [box["text"] for box in client.post("/read", content=photo).json()["boxes"]]
        page = browser.new_context(base_url=str(client.base_url)).new_page()
        page.goto("/")
        upload(page, photo)
        expect(page.locator("#list .text")).to_have_text(texts)
        page.locator("#list button").first.hover()
        expect(page.locator("#tag")).to_have_text(texts[0])
        expect(page.get_by_role("status")).to_contain_text("read_sizes")
        page.context.close()

"""The application: whose options a detector has, and who hears of its end."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from east import TextDetector
from serving.app import create_app
from serving.problems import Problem
from serving.settings import Settings
from tests.serving.conftest import running, wait_until
from tests.support.image_files import encode

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


def test_a_given_detector_keeps_its_own_options(serve: Serve, detector: TextDetector, photo: bytes) -> None:
    with TextDetector(precision="FP32", box_threshold=1.0, max_side=320) as strict, serve(strict) as client:
        assert client.post("/detect", content=photo).json()["boxes"] == []
        assert client.post("/detect/batch", files={"image": photo}).json()["results"][0]["boxes"] == []
        lax = [
            client.post("/detect", content=photo, params={"box_threshold": 0.1, **more}).json()["boxes"]
            for more in ({}, {"max_side": 2400}, {"max_side": 320})
        ]
        assert lax[0] == lax[1] == lax[2]
        assert len(lax[0]) == len(detector.detect(photo, max_side=320))
        assert len(lax[0]) != len(detector.detect(photo))
        smaller = client.post("/detect", content=photo, params={"box_threshold": 0.1, "max_side": 64}).json()["boxes"]
        assert len(smaller) == len(detector.detect(photo, max_side=64))


def test_nobody_gets_more_tiles_than_the_detector_is_set_up_for(serve: Serve) -> None:
    tall = encode(Image.new("RGB", (64, 4096)), "PNG")
    with TextDetector(precision="FP32", tiling="off", max_side=640) as whole, serve(whole) as client:
        for tiling in ("auto", 256, "off"):
            assert client.post("/detect", content=tall, params={"tiling": tiling}).json()["tiles"] == 1
    with TextDetector(precision="FP32", tiling=256, max_side=640) as cut, serve(cut) as client:
        for tiling, tiles in ((256, 3), (4096, 3), ("off", 1)):
            assert client.post("/detect", content=tall, params={"tiling": tiling}).json()["tiles"] == tiles


def test_pixel_limit_holds_for_the_detector_too() -> None:
    buffer = io.BytesIO()
    Image.new("1", (8200, 8000)).save(buffer, "PNG")  # more than the detector takes unless it is told
    with running(None, limits={"pixels": 8200 * 8000}, input_size="32x32") as client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        answer = client.post("/detect", content=buffer.getvalue())
    assert answer.status_code == 200, answer.text
    assert answer.json()["image"] == {"width": 8200, "height": 8000}


def test_head_is_answered_wherever_get_is(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "serving.access"), serve() as client:
        for path in ("/", "/docs", "/static/style.css", "/openapi.json", "/healthz", "/metrics", "/v2/models/east"):
            asked, got = client.head(path), client.get(path)
            assert (asked.status_code, asked.content) == (200, b"")
            assert asked.headers["content-type"] == got.headers["content-type"]
            assert path == "/metrics" or asked.headers["content-length"] == got.headers["content-length"]
        operation = 'operation="/v2/models/{model}",outcome="ok",status="200"'
        assert f"east_requests_total{{{operation}}} 2.0" in client.get("/metrics").text
        assert client.head("/nowhere").status_code == 404
        assert client.head("/detect").headers["allow"] == "POST"
    lines = [getattr(record, "fields") for record in caplog.records if record.name == "serving.access"]  # noqa: B009
    heads = [line for line in lines if line["method"] == "HEAD"]
    assert len(heads) == 9
    assert {line["bytes_out"] for line in heads} == {0}


def test_failure_is_told() -> None:
    told: list[None] = []
    app = create_app(Settings.model_validate({"weights": "no-such-weights"}), on_failure=lambda: told.append(None))

    async def run() -> None:
        async with app.router.lifespan_context(app):
            while not told:
                await asyncio.sleep(0.01)
            with pytest.raises(Problem, match="not ready"):
                app.state.service.check_ready()

    asyncio.run(asyncio.wait_for(run(), 60))
    assert "no-such-weights" in app.state.service.failure

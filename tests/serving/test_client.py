"""The client against real servers."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from PIL import Image

from east import ImageError, TextDetector
from east.images.decoding import load_image
from serving.auth import key_hash
from serving.client import AsyncClient, Client, DetectResult, ReadResult, ServiceError

if TYPE_CHECKING:
    from east.reading import Crop
    from tests.serving.conftest import Serve


@pytest.fixture
def url(client: httpx.Client) -> str:
    return str(client.base_url)


def check(found: object, detector: TextDetector, photo: bytes) -> None:
    expected = detector.detect(photo)
    assert isinstance(found, DetectResult)
    assert (found.width, found.height) == (expected.width, expected.height)
    np.testing.assert_allclose([box.quad for box in found.boxes], expected.quads, atol=0.01)
    assert found.model["runtime"] == "openvino"


def test_detects_a_path_and_bytes(url: str, detector: TextDetector, photo: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)
    with Client(url) as client:
        assert client.ready()
        check(client.detect(path), detector, photo)
        check(client.detect(photo, score_threshold=0.8), detector, photo)
        assert client.detect(photo, box_threshold=1).boxes == ()


def test_takes_whatever_a_detector_takes(url: str, detector: TextDetector, photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo)
    pixels = load_image(photo)
    with Client(url) as client:
        for image in (io.BytesIO(photo), pixels, Image.fromarray(pixels)):
            check(client.detect(image), detector, photo)
        with (tmp_path / "photo.jpg").open("rb") as file:
            check(client.detect(file), detector, photo)
        for images in (tmp_path, str(tmp_path / "*.jpg"), iter([pixels]), pixels[None]):
            [found] = client.detect_batch(images)
            check(found, detector, photo)
        with pytest.raises(ImageError, match="no pixels"):
            client.detect(np.zeros((0, 4, 3), np.uint8))


def test_batch(url: str, detector: TextDetector, photo: bytes) -> None:
    with Client(url) as client:
        good, bad, empty = client.detect_batch([photo, b"not an image", b""])
    check(good, detector, photo)
    assert isinstance(bad, ServiceError)
    assert bad.code == "undecodable-image"
    assert isinstance(empty, ServiceError)
    assert empty.code == "empty-image"


def test_what_cannot_be_sent_is_an_error_in_its_place_and_many_go_in_portions(
    url: str, detector: TextDetector, photo: bytes, tmp_path: Path
) -> None:
    with Client(url) as client:
        missing, good, floating = client.detect_batch([tmp_path / "no.jpg", photo, np.zeros((9, 9))])
        check(good, detector, photo)
        for bad, told in ((missing, "no.jpg: No such file"), (floating, "float")):
            assert isinstance(bad, ServiceError)
            assert (bad.status, bad.code) == (0, "unreadable-image")
            assert told in str(bad)
        [alone] = client.read_batch([tmp_path / "no.jpg"])
        assert isinstance(alone, ServiceError)
        for number in range(18):
            (tmp_path / f"{number}.jpg").write_bytes(photo if number == 17 else b"")
        found = client.detect_batch(tmp_path)
        assert len(found) == 18
        check(found[-1], detector, photo)


@pytest.mark.parametrize("one", [__file__, Path(__file__), b"GIF89a", Image.new("RGB", (8, 8)), io.BytesIO()])
def test_one_image_is_no_batch(one: Any) -> None:
    with Client("http://localhost") as client:
        for call, alone in ((client.detect_batch, "detect"), (client.read_batch, "read")):
            told = rf"got one, a single {type(one).__name__}: put it into a list, or call {alone}$"
            with pytest.raises(TypeError, match=told):
                call(one)


def test_no_images_are_no_results(url: str) -> None:
    with Client(url) as client:
        assert client.detect_batch([]) == client.read_batch([]) == []


def test_reads_what_the_words_say(serve: Serve, detector: TextDetector, photo: bytes) -> None:
    def widths(crops: list[Crop]) -> list[tuple[str, float]]:
        return [(f"{crop.shape[1]}wide", 0.5) for crop in crops]

    expected = detector.detect(photo).read(widths)
    with serve(reads=widths) as server, Client(str(server.base_url)) as client:
        read = client.read(photo)
        check(read, detector, photo)
        assert client.read(photo, box_threshold=1).text == ""
        again, bad = client.read_batch([photo, b"not an image"])
        [strict] = client.read_batch([photo], box_threshold=1, max_side=64)
    assert isinstance(read, ReadResult)
    assert isinstance(again, ReadResult)
    assert (again.text, again.recogniser) == (read.text, read.recogniser)
    assert [box.text for box in again.boxes] == [box.text for box in read.boxes]
    assert isinstance(bad, ServiceError)
    assert (bad.status, bad.code, bad.request_id) == (400, "undecodable-image", again.request_id)
    assert isinstance(strict, ReadResult)
    assert strict.text == ""
    assert [(box.text, box.text_confidence) for box in read.boxes] == [(box.text, 0.5) for box in expected]
    assert read.text == expected.text
    assert read.recogniser == "widths"
    assert read.timings_ms["read"] > 0


def test_of_a_service_that_reads_nothing_it_is_told(url: str, photo: bytes) -> None:
    async def run() -> None:
        async with AsyncClient(url) as client:
            for asked in (client.read(photo), client.read_batch([photo])):
                with pytest.raises(ServiceError, match="--recogniser") as caught:
                    await asked
                assert caught.value.code == "no-recogniser"

    asyncio.run(run())


def test_asyncio(url: str, detector: TextDetector, photo: bytes) -> None:
    async def run() -> None:
        async with AsyncClient(url) as client:
            assert await client.ready()
            one, [two] = await asyncio.gather(client.detect(photo), client.detect_batch([photo]))
            check(one, detector, photo)
            check(two, detector, photo)
            with pytest.raises(ServiceError, match="not an image"):
                await client.detect(b"not an image")

    asyncio.run(run())


def test_errors_say_what_was_wrong(url: str) -> None:
    with Client(url) as client, pytest.raises(ServiceError, match="score_threshold") as caught:
        client.detect(b"x", score_threshold=3)
    assert caught.value.status == 422
    assert caught.value.code == "invalid-parameters"
    assert caught.value.request_id


def test_waits_as_long_as_it_is_asked_to(serve: Serve, detector: TextDetector, photo: bytes) -> None:
    keys = {"keys": ["someone:" + key_hash("k")], "requests_per_minute": 60}
    with serve(security=keys) as server, Client(str(server.base_url), key="k") as client:
        let_in = 0
        with httpx.Client(base_url=server.base_url, headers={"x-api-key": "k"}) as greedy:
            while greedy.post("/detect", content=b"x").status_code != 429:
                let_in += 1
        assert let_in >= 10
        check(client.detect(photo), detector, photo)  # the bucket is empty: the first try is refused


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_tries_again_when_the_connection_is_lost(kind: type[Client | AsyncClient], photo: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        visits = []

        def hang_up() -> None:
            for _ in range(3):
                connection, _ = listener.accept()
                visits.append(connection)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ServiceError) as caught:
            detect_batch(kind, f"http://127.0.0.1:{listener.getsockname()[1]}", photo)
        thread.join()
    assert len(visits) == 3
    assert caught.value.status == 0


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_each_try_sends_everything(kind: type[Client | AsyncClient], photo: bytes) -> None:
    sent: list[bytes] = []

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(503 if len(sent) < 3 else 418)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(ServiceError, match="418") as caught:
            detect_batch(kind, f"http://127.0.0.1:{server.server_port}", photo)
        server.shutdown()
        thread.join()
    assert caught.value.status == 418
    assert len(sent) == 3
    assert photo in sent[0]
    assert sent[0] == sent[1] == sent[2]


@pytest.mark.parametrize(
    ("status", "media_type", "tries"),
    [
        (500, "text/plain", 3),
        (502, "text/html", 3),
        (504, "", 3),
        (500, "application/problem+json", 1),
        (504, "application/problem+json", 1),
        (404, "text/plain", 1),
    ],
)
def test_what_stands_in_front_of_the_service_is_tried_again(
    status: int, media_type: str, tries: int, photo: bytes
) -> None:
    asked: list[str] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(ServiceError) as caught:
            detect_batch(Client, f"http://127.0.0.1:{server.server_port}", photo)
        server.shutdown()
        thread.join()
    assert caught.value.status == status
    assert len(asked) == tries


def detect_batch(kind: type[Client | AsyncClient], url: str, image: bytes) -> None:
    """One call to a server that will not answer it, soon given up."""

    async def ask(client: AsyncClient) -> None:
        async with client:
            await client.detect_batch([image])

    client = kind(url, tries=3, patience=0.01)
    if isinstance(client, AsyncClient):
        asyncio.run(ask(client))
    else:
        with client:
            client.detect_batch([image])

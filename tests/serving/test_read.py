"""POST /read: what /detect answers, with what the words say, where something reads them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from east import TextDetector
from east.extras import is_installed
from east.reading import Crop
from tests.serving.conftest import Serve, wait_until


class Sizes:
    """Reads in each crop its size; waits while ``held``."""

    name = "sizes 1"

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.read: list[str] = []

    def __call__(self, crops: list[Crop]) -> list[tuple[str, float]]:
        self.free.wait(30)
        texts = [f"{crop.shape[1]}x{crop.shape[0]}" for crop in crops]
        self.read += texts
        return [(text, 0.5) for text in texts]


@pytest.fixture(scope="module")
def sizes() -> Sizes:
    return Sizes()


@pytest.fixture(scope="module")
def reading(serve: Serve, sizes: Sizes) -> Iterator[httpx.Client]:
    """A client of a service with a recogniser."""
    with serve(reads=sizes, limits={"words": 100}) as client:
        yield client


def test_each_word_has_its_text(reading: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    expected = detector.detect(photo).read(Sizes())
    answer = reading.post("/read", content=photo)
    assert answer.status_code == 200
    body = answer.json()
    assert [box["text"] for box in body["boxes"]] == [box.text for box in expected]
    assert all(box["text_confidence"] == 0.5 for box in body["boxes"])
    assert body["text"] == expected.text
    assert body["recogniser"] == "sizes 1"
    detected = reading.post("/detect", content=photo).json()
    assert [box["quad"] for box in body["boxes"]] == [box["quad"] for box in detected["boxes"]]
    steps = {"queue", "decode", "resize", "network", "postprocess"}
    assert set(body["timings_ms"]) == {*steps, "read", "total"}
    told = sum(body["timings_ms"][name] for name in (*steps, "read"))  # each rounded
    assert body["timings_ms"]["total"] == pytest.approx(told, abs=0.01)


def test_the_text_alone(reading: httpx.Client, photo: bytes) -> None:
    answer = reading.post("/read", files={"image": photo}, params={"format": "text"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == reading.post("/read", content=photo).json()["text"] + "\n"


def test_no_words_are_no_text(reading: httpx.Client, photo: bytes) -> None:
    body = reading.post("/read", content=photo, params={"score_threshold": 1}).json()
    assert (body["text"], body["boxes"]) == ("", [])
    assert reading.post("/read", content=photo, params={"score_threshold": 1, "format": "text"}).text == ""


@pytest.mark.parametrize(
    ("content", "parameters", "status", "code"),
    [
        (b"no image", {}, 400, "undecodable-image"),
        (b"", {}, 400, "empty-image"),
        (None, {"format": "icdar"}, 422, "invalid-parameters"),
        (None, {"score_threshold": 2}, 422, "invalid-parameters"),
    ],
)
def test_what_is_refused_is_refused_as_by_detect(
    reading: httpx.Client, photo: bytes, content: bytes | None, parameters: dict[str, str], status: int, code: str
) -> None:
    asked = {"content": photo if content is None else content, "params": parameters}
    answer = reading.post("/read", **asked)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if "format" not in parameters:
        detected = reading.post("/detect", **asked).json()  # type: ignore[arg-type]
        assert {**answer.json(), "request_id": ""} == {**detected, "request_id": ""}


def test_without_a_recogniser_one_line_says_so(client: httpx.Client, photo: bytes) -> None:
    answer = client.post("/read", content=photo)
    assert answer.status_code == 404
    assert answer.json()["code"] == "no-recogniser"
    assert "--recogniser rapidocr" in answer.json()["detail"]
    assert "recogniser" not in client.get("/readyz").json()


def test_probes_and_metrics_tell_of_it(reading: httpx.Client, photo: bytes) -> None:
    assert reading.get("/readyz").json()["recogniser"] == "sizes 1"
    reading.post("/read", content=photo)
    counted = [line for line in reading.get("/metrics").text.splitlines() if 'seconds_count{stage="read"}' in line]
    assert float(counted[0].split()[-1]) >= 1


def test_more_words_than_are_read_are_refused(serve: Serve, photo: bytes) -> None:
    with serve(reads=Sizes(), limits={"words": 1}) as client:
        answer = client.post("/read", content=photo)
    assert (answer.status_code, answer.json()["code"]) == (422, "too-many-words")
    assert "no more than 1" in answer.json()["detail"]


def test_a_recogniser_that_fails_fails_its_request_alone(serve: Serve, photo: bytes) -> None:
    broken = [True]

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        return [] if broken.pop() else [("word", 1.0)] * len(crops)

    with serve(reads=recogniser) as client:
        assert client.post("/read", content=photo).status_code == 500
        broken += [False] * 9
        assert client.post("/read", content=photo).json()["text"].startswith("word")
        assert client.get("/readyz").json()["recogniser"] == "recogniser"


def test_reading_counts_toward_the_deadline_and_stops_there(serve: Serve, photo: bytes) -> None:
    sizes = Sizes()
    sizes.free.clear()
    with serve(reads=sizes, queue={"deadline_seconds": 5}) as client:
        answer = client.post("/read", content=photo)
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline-passed")
        assert client.post("/detect", content=photo).status_code == 200
        sizes.free.set()
        wait_until(lambda: client.post("/read", content=photo).status_code == 200)


def test_no_more_images_wait_than_the_queue_takes_and_others_are_detected_meanwhile(serve: Serve, photo: bytes) -> None:
    sizes = Sizes()
    sizes.free.clear()
    queue = {"requests": 2, "deadline_seconds": 600}
    with serve(reads=sizes, queue=queue, limits={"images": 1}) as client, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(client.post, "/read", content=photo) for _ in range(2)]
        wait_until(lambda: "\neast_reads_waiting 2.0\n" in client.get("/metrics").text)
        refused = client.post("/read", content=photo)
        assert refused.json()["code"] == "queue-full"
        assert int(refused.headers["retry-after"]) >= 1
        assert client.post("/detect", content=photo).status_code == 200
        sizes.free.set()
        assert [answer.result().status_code for answer in waiting] == [200, 200]
        assert client.post("/read", content=photo).status_code == 200


@pytest.mark.skipif(not is_installed("rapidocr"), reason="RapidOCR is not installed")
def test_the_service_loads_the_recogniser_that_is_set(serve: Serve, photo: bytes) -> None:
    with serve(recogniser="RapidOCR", threads=1) as client:
        assert client.get("/readyz").json()["recogniser"].startswith("rapidocr 3.")
        body = client.post("/read", content=photo).json()
    assert any(box["text"].isalnum() and box["text_confidence"] > 0.9 for box in body["boxes"])

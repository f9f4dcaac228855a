"""POST /read and /read/batch: what /detect answers, with what the words say, where something reads them."""

from __future__ import annotations

import asyncio
import io
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from east import TextDetector
from east.extras import is_installed
from east.images.tiling import network_size_of
from east.ocr import NamedRecogniser, find
from east.reading import Crop
from east.types import Size
from serving.problems import Problem
from serving.reading import Places, Reader
from serving.settings import Queue
from tests.serving.conftest import Serve, shape, wait_until


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
def blank() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(buffer, "PNG")
    return buffer.getvalue()


def images(*several: bytes) -> list[tuple[str, bytes]]:
    """The parts of a form."""
    return [("image", image) for image in several]


def told(client: httpx.Client, name: str) -> float:
    """A number among the metrics."""
    return float(client.get("/metrics").text.partition(f"\neast_{name} ")[2].partition("\n")[0])


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


def test_texts_that_are_not_sure_enough_are_left_out_as_asked(serve: Serve, photo: bytes, blank: bytes) -> None:
    """Of what is not read surely, doubtful words are not looked for."""
    with serve(reads=lambda crops: [("word", 0.8)] * len(crops), text_threshold=0.7) as client:

        def scores(**params: float) -> list[float]:
            body = client.post("/read", content=photo, params=params).json()
            [again] = client.post("/read/batch", content=photo, params=params).json()["results"]
            assert again["boxes"] == body["boxes"]
            return [box["score"] for box in body["boxes"]]

        everything = client.post("/detect", content=photo, params={"score_threshold": 0.5}).json()["boxes"]
        kept = [box["score"] for box in everything if box["score"] >= math.log(0.8, 0.7)]
        assert scores() == kept
        assert scores(text_threshold=0.9) == []
        detected = [box["score"] for box in client.post("/detect", content=photo).json()["boxes"]]
        assert scores(text_threshold=0) == detected
        assert scores(text_threshold=0, score_threshold=0.5) == [box["score"] for box in everything]
        refused = client.post("/read", content=photo, params={"text_threshold": 2})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-parameters")
        assert "text_threshold" in refused.json()["detail"]
        assert client.post("/detect", content=photo, params={"text_threshold": 0.5}).status_code == 422


def test_the_text_alone(reading: httpx.Client, photo: bytes) -> None:
    answer = reading.post("/read", files={"image": photo}, params={"format": "text"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == reading.post("/read", content=photo).json()["text"] + "\n"


def test_each_image_of_a_batch_is_answered_as_alone(reading: httpx.Client, photo: bytes, blank: bytes) -> None:
    answer = reading.post(
        "/read/batch", files=images(photo, b"not an image", b"", blank, photo), params={"max_side": 320}
    )
    assert answer.status_code == 200
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    first, bad, nothing, empty, last = answer.json()["results"]
    assert bad["problem"]["code"] == "undecodable-image"
    assert nothing["problem"]["code"] == "empty-image"
    for found, image in ((first, photo), (empty, blank), (last, photo)):
        alone = reading.post("/read", content=image, params={"max_side": 320}).json()
        del alone["request_id"]
        assert found.keys() == alone.keys()
        assert found["timings_ms"].keys() == alone["timings_ms"].keys()
        assert {**found, "timings_ms": {}} == {**alone, "timings_ms": {}}
    assert first["text"]
    assert empty["text"] == ""


def test_a_raw_body_is_a_batch_of_one(reading: httpx.Client, blank: bytes) -> None:
    assert [result["text"] for result in reading.post("/read/batch", content=blank).json()["results"]] == [""]


def test_examples_are_what_the_service_gives(reading: httpx.Client, photo: bytes) -> None:
    document = reading.get("/openapi.json").json()

    def example(path: str) -> Any:
        return document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["example"]

    assert shape(reading.post("/read?max_side=320", content=photo).json()) == shape(example("/read"))
    batch = reading.post("/read/batch?max_side=320", files=images(photo, b"not an image")).json()
    assert [shape(result) for result in batch["results"]] == list(map(shape, example("/read/batch")["results"]))


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
    for answer in (client.post("/read", content=photo), client.post("/read/batch", files=images(photo))):
        assert answer.status_code == 404
        assert answer.json()["code"] == "no-recogniser"
        assert "--recogniser rapidocr" in answer.json()["detail"]
    assert "recogniser" not in client.get("/readyz").json()


def test_probes_and_metrics_tell_of_it(reading: httpx.Client, photo: bytes) -> None:
    assert reading.get("/readyz").json()["recogniser"] == "sizes 1"
    reading.post("/read", content=photo)
    counted = [line for line in reading.get("/metrics").text.splitlines() if 'seconds_count{stage="read"}' in line]
    assert float(counted[0].split()[-1]) >= 1


def test_more_words_than_are_read_are_refused(serve: Serve, photo: bytes, blank: bytes) -> None:
    with serve(reads=Sizes(), limits={"words": 1}) as client:
        answer = client.post("/read?max_side=320", content=photo)
        refused, read = client.post("/read/batch?max_side=320", files=images(photo, blank)).json()["results"]
    assert (answer.status_code, answer.json()["code"]) == (422, "too-many-words")
    assert "no more than 1" in answer.json()["detail"]
    assert answer.json() == {**refused["problem"], "request_id": answer.headers["x-request-id"]}
    assert read["text"] == ""


def test_a_recogniser_that_fails_fails_its_request_alone(serve: Serve, photo: bytes) -> None:
    broken = [True]

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        return [] if broken.pop() else [("word", 1.0)] * len(crops)

    with serve(reads=recogniser) as client:
        assert client.post("/read", content=photo).status_code == 500
        broken += [False] * 9
        assert client.post("/read", content=photo).json()["text"].startswith("word")
        assert client.get("/readyz").json()["recogniser"] == "recogniser"


def test_what_may_go_wrong_with_a_batch_is_said_as_of_other_batches(reading: httpx.Client, photo: bytes) -> None:
    two = reading.post("/read", files=images(photo, photo))
    assert (two.status_code, two.json()["code"]) == (422, "several-images")
    assert two.json()["detail"].endswith("send several to /read/batch")
    for files, parameters in ((images(*[b"x"] * 17), {}), (images(b""), {}), (images(photo), {"format": "text"})):
        refused = [reading.post(path, files=files, params=parameters) for path in ("/detect/batch", "/read/batch")]
        first, second = ({**answer.json(), "request_id": ""} for answer in refused)
        assert refused[0].status_code >= 400
        assert first == second


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
        wait_until(lambda: told(client, "reads_waiting") == 2)
        wait_until(lambda: told(client, "boxes_count") == 2)  # until then they fill the detector's queue, too
        refused = client.post("/read", content=photo)
        assert refused.json()["code"] == "queue-full"
        assert int(refused.headers["retry-after"]) >= 1
        assert client.post("/detect", content=photo).status_code == 200
        sizes.free.set()
        assert [answer.result().status_code for answer in waiting] == [200, 200]
        assert client.post("/read", content=photo).status_code == 200


def test_a_batch_is_read_whole_or_not_at_all(serve: Serve, photo: bytes) -> None:
    sizes = Sizes()
    sizes.free.clear()
    queue = {"requests": 4, "deadline_seconds": 600}
    with serve(reads=sizes, queue=queue, limits={"images": 4}) as client, ThreadPoolExecutor(2) as pool:
        one = pool.submit(client.post, "/read?max_side=320", content=photo)
        wait_until(lambda: told(client, "reads_waiting") == 1)
        refused = client.post("/read/batch?max_side=320", files=images(*[photo] * 4))
        assert refused.json()["code"] == "queue-full"
        assert int(refused.headers["retry-after"]) >= 1
        assert told(client, "reads_waiting") == 1
        three = pool.submit(client.post, "/read/batch?max_side=320", files=images(*[photo] * 3))
        wait_until(lambda: told(client, "reads_waiting") == 4)
        sizes.free.set()
        text = one.result().json()["text"]
        assert [result["text"] for result in three.result().json()["results"]] == [text] * 3
        assert told(client, "reads_waiting") == 0
        four = client.post("/read/batch?max_side=320", files=images(*[photo] * 4))
        assert [result["text"] for result in four.json()["results"]] == [text] * 4


def test_the_words_of_a_batch_are_not_all_held_at_once(serve: Serve, detector: TextDetector, photo: bytes) -> None:
    found = detector.detect(photo, max_side=320)
    words = sum(crop.nbytes for crop in found.crops())
    network = network_size_of(Size(found.height, found.width), detector.options.changed(max_side=320))
    body = httpx.Request("POST", "http://x/", files=images(*[photo] * 5))
    others = len(body.read()) + 5 * 3 * network.height * network.width
    assert words > 10_000
    sizes = Sizes()
    sizes.free.clear()
    with serve(reads=sizes, queue={"bytes": others + 2 * words}) as client, ThreadPoolExecutor(1) as pool:
        path = "/read/batch?max_side=320"
        asked = pool.submit(client.post, path, content=body.content, headers=body.headers)
        there = (5, others + 2 * words)
        wait_until(lambda: asked.done() or (told(client, "boxes_count"), told(client, "held_bytes")) == there)
        sizes.free.set()
        answer = asked.result()
        assert [result.get("text") for result in answer.json()["results"]] == [found.read(Sizes()).text] * 5


def test_images_of_a_batch_have_turns_as_if_they_came_one_after_another() -> None:
    crop = np.zeros((8, 16, 3), np.uint8)
    order: list[str] = []

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        time.sleep(0.1)
        return [("word", 1.0)] * len(crops)

    async def run() -> None:
        reader = Reader(recogniser, "slow", lambda: Queue(requests=5, deadline_seconds=600))
        deadline = asyncio.get_running_loop().time() + 600

        async def read(places: Places, name: str) -> None:
            async with places.turn() as turn:
                await reader.read([crop], turn, deadline)
                order.append(name)

        with reader.admission() as alone:
            await read(alone, "first")  # now it is known how long it takes
        with reader.admission() as batch, reader.admission() as one:
            batch.take(4)
            with pytest.raises(Problem, match="1 images are waiting"):
                batch.take(5)
            assert reader.admitted == 5
            await asyncio.gather(*(read(batch, f"{number} of 4") for number in range(4)), read(one, "one"))
        assert reader.admitted == 0
        await asyncio.to_thread(reader.close)

    asyncio.run(run())
    assert order == ["first", "0 of 4", "one", "1 of 4", "2 of 4", "3 of 4"]


@pytest.mark.skipif(not is_installed("rapidocr"), reason="RapidOCR is not installed")
def test_the_service_loads_the_recogniser_that_is_set(
    serve: Serve, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def spy(name: str, *, language: str | None, threads: int) -> NamedRecogniser:
        given.append(threads)
        return find(name, language=language, threads=threads)

    monkeypatch.setattr("serving.loading.find", spy)
    with serve(recogniser="RapidOCR", threads=2) as client:
        assert given == [1]  # the network has the others for the next image
        assert client.get("/readyz").json()["recogniser"].startswith("rapidocr 3.")
        [body] = client.post("/read/batch", files=images(photo)).json()["results"]
    assert any(box["text"].isalnum() and box["text_confidence"] > 0.9 for box in body["boxes"])

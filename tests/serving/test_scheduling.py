"""The queue: bounded, in order, in batches, never working for nobody; what happens when the runtime fails."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import httpx
import numpy as np
import pytest
from PIL import Image

from east import TextDetector
from east.cores import usable_cores
from east.images import PreparedImage, prepare
from east.types import Size
from east.workers import room
from serving.metrics import Metrics
from serving.problems import Problem
from serving.scheduling import Job, Scheduler
from serving.settings import Queue
from tests.serving.conftest import running, wait_until
from tests.support.processes import beside, end

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


def blank(width: int = 64, height: int = 64, shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


class Gated:
    """The real detector behind a gate: counts what comes, lets it through when told to."""

    def __init__(self, detector: TextDetector) -> None:
        self._detector = detector
        self.gate = threading.Event()
        self.seen: list[list[int]] = []  # of each run the shades of its images
        self.changes: list[dict[str, Any]] = []
        self.fail: Callable[[int], None] = lambda shade: None
        self.dead = False
        self.runs = 0  # of the network

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect_prepared(
        self, images: Sequence[PreparedImage], *, before_each: Callable[[], None], processes: int, **options: Any
    ) -> Any:
        shades = [int(image.resized[0, 0, 0]) for image in images]
        self.seen.append(shades)
        assert self.gate.wait(60)
        for shade in shades:
            self.fail(shade)
        self.changes.append(options)

        def counted() -> None:
            before_each()
            self.runs += 1

        return self._detector.detect_prepared(images, before_each=counted, processes=processes, **options)

    def warm_up(self, size: object = None) -> None:
        if self.dead:
            raise RuntimeError("device lost")


@pytest.fixture
def gated(detector: TextDetector) -> Gated:
    return Gated(detector)


def queue_length(client: httpx.Client) -> float:
    text = client.get("/metrics").text
    return float(text.rpartition("\neast_queue_length ")[2].split("\n")[0])


def post_all(client: httpx.Client, images: Sequence[bytes]) -> tuple[ThreadPoolExecutor, list[Any]]:
    pool = ThreadPoolExecutor(len(images))
    return pool, [pool.submit(client.post, "/detect", content=image) for image in images]


def test_full_queue_refuses_with_the_time_to_wait_and_recovers(serve: Serve, gated: Gated) -> None:
    queue = {"requests": 4, "parallel": 1}
    with serve(gated, queue=queue, limits={"images": 4}) as client:
        first_pool, first = post_all(client, [blank()])
        wait_until(lambda: gated.seen)
        pool, posts = post_all(client, [blank()] * 19)
        wait_until(lambda: sum(post.done() for post in posts) == 15)  # 1 at work, 4 waiting
        refused = [post.result() for post in posts if post.done()]
        for answer in refused:
            assert answer.status_code == 503
            assert answer.json()["code"] == "queue-full"
            assert int(answer.headers["retry-after"]) >= 1
        gated.gate.set()
        pool.shutdown()
        first_pool.shutdown()
        assert sorted(post.result().status_code for post in [*first, *posts]) == [200] * 5 + [503] * 15
        assert client.post("/detect", content=blank()).status_code == 200


def test_nothing_is_taken_that_would_not_be_answered_in_time(serve: Serve, gated: Gated) -> None:
    gated.warm_up = lambda size=None: time.sleep(1)  # type: ignore[method-assign]
    with serve(gated, queue={"deadline_seconds": 7, "parallel": 1}) as client:
        pool, posts = post_all(client, [blank()] * 20)
        wait_until(lambda: any(post.done() for post in posts))
        gated.gate.set()
        pool.shutdown()
        codes = [post.result().json().get("code", "ok") for post in posts]
        assert set(codes) == {"ok", "queue-full"}
        assert codes.count("queue-full") > 10
        assert client.post("/detect", content=blank()).status_code == 200


def test_image_slower_than_the_deadline_foresees_is_tried_when_nothing_waits(serve: Serve, gated: Gated) -> None:
    gated.warm_up = lambda size=None: time.sleep(1)  # type: ignore[method-assign]
    gated.gate.set()
    with serve(gated, queue={"deadline_seconds": 1.5}) as client:
        assert client.post("/detect", content=blank()).status_code == 200


def test_batch_is_taken_whole_or_not_at_all(serve: Serve, gated: Gated) -> None:
    with serve(gated, queue={"requests": 4, "parallel": 1}, limits={"images": 4}) as client:
        pool, posts = post_all(client, [blank()] * 3)
        wait_until(lambda: queue_length(client) == 2)
        refused = client.post("/detect/batch", files=[("image", blank())] * 3)
        assert refused.status_code == 503
        assert queue_length(client) == 2
        gated.gate.set()
        pool.shutdown()
        assert [post.result().status_code for post in posts] == [200] * 3


def test_held_bytes_are_bounded_and_given_back(serve: Serve, gated: Gated) -> None:
    image = blank() + bytes(4000)
    network = 3 * 64 * 64
    with serve(gated, queue={"bytes": 3 * (len(image) + network), "parallel": 1}) as client:
        pool, posts = post_all(client, [image] * 3)
        wait_until(lambda: queue_length(client) == 2)
        refused = client.post("/detect", content=image)
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        gated.gate.set()
        pool.shutdown()
        assert [post.result().status_code for post in posts] == [200] * 3
        assert client.post("/detect", content=image).status_code == 200
        assert "\neast_held_bytes 0.0\n" in client.get("/metrics").text


def test_passed_deadline_is_504_and_not_computed(serve: Serve, gated: Gated) -> None:
    with serve(gated, queue={"deadline_seconds": 0.5, "parallel": 1}) as client:
        pool, posts = post_all(client, [blank(shade=1), blank(shade=2)])
        pool.shutdown()
        assert [post.result().status_code for post in posts] == [504, 504]
        assert posts[0].result().json()["code"] == "deadline-passed"
        gated.gate.set()
        assert client.post("/detect", content=blank(shade=3)).status_code == 200
        assert len(gated.seen) == 2  # the first of the two, and the third


def test_client_that_leaves_is_not_computed_for(serve: Serve, gated: Gated) -> None:
    with serve(gated, queue={"parallel": 1}) as client:
        pool, posts = post_all(client, [blank(shade=1)])
        wait_until(lambda: gated.seen)
        with httpx.Client(base_url=client.base_url, timeout=0.3) as impatient, pytest.raises(httpx.ReadTimeout):
            impatient.post("/detect", content=blank(shade=2))
        wait_until(lambda: queue_length(client) == 0)
        gated.gate.set()
        pool.shutdown()
        assert posts[0].result().status_code == 200
        assert client.post("/detect", content=blank(shade=3)).status_code == 200
        assert [2] not in gated.seen
        assert 'outcome="client-gone"' in client.get("/metrics").text


def test_tiles_that_nobody_waits_for_any_more_are_not_computed(serve: Serve, gated: Gated) -> None:
    with serve(gated, queue={"parallel": 1}) as client:
        with httpx.Client(base_url=client.base_url, timeout=2) as impatient, pytest.raises(httpx.ReadTimeout):
            impatient.post("/detect?tiling=256", content=blank(2048, 512, shade=1))
        wait_until(lambda: 'outcome="client-gone"' in client.get("/metrics").text)
        assert gated.seen == [[1]]
        gated.gate.set()
        assert client.post("/detect", content=blank(shade=2)).status_code == 200
        assert gated.runs == 1
        assert client.get("/readyz").status_code == 200
        assert client.post("/detect?tiling=256", content=blank(512, 64, shade=3)).json()["tiles"] == 3
        assert gated.runs == 4


def test_images_of_one_size_share_a_batch(serve: Serve, gated: Gated) -> None:
    queue = {"parallel": 1, "batch": 3, "batch_milliseconds": 0}
    with serve(gated, queue=queue) as client:
        first_pool, first = post_all(client, [blank(32, 32)])
        wait_until(lambda: gated.seen)
        images = [blank(64, 64, 1), blank(96, 64, 2), blank(64, 64, 3), blank(64, 64, 4), blank(64, 64, 5)]
        pool, more = post_all(client, images)
        wait_until(lambda: queue_length(client) == len(images))
        gated.gate.set()
        first_pool.shutdown()
        pool.shutdown()
        answers = [post.result() for post in [*first, *more]]
        assert [answer.status_code for answer in answers] == [200] * 6
        sizes = [(answer.json()["image"]["width"], answer.json()["image"]["height"]) for answer in answers]
        assert sizes == [(32, 32), (64, 64), (96, 64), (64, 64), (64, 64), (64, 64)]
        assert sorted(len(run) for run in gated.seen) == [1, 1, 1, 3]


def test_images_asked_for_in_the_same_way_share_a_batch(serve: Serve, gated: Gated) -> None:
    with serve(gated, queue={"parallel": 1, "batch": 3, "batch_milliseconds": 0}) as client:
        queries = ["?max_side=32", "?max_side=64", "", "?max_side=64", "?max_side=64&score_threshold=0.5"]
        with ThreadPoolExecutor(len(queries) + 1) as pool:
            first = pool.submit(client.post, "/detect", content=blank(32, 32))
            wait_until(lambda: gated.seen)
            posts = [pool.submit(client.post, f"/detect{query}", content=blank()) for query in queries]
            wait_until(lambda: queue_length(client) == len(queries))
            gated.gate.set()
        assert {post.result().status_code for post in [first, *posts]} == {200}
        runs = [(len(images), changes) for images, changes in zip(gated.seen[1:], gated.changes[1:], strict=True)]
        assert len(runs) == 4
        expected = [{"max_side": 32}, {}, {"max_side": 64, "score_threshold": 0.5}]
        assert all((1, changes) in runs for changes in expected)
        assert (2, {"max_side": 64}) in runs


def test_image_that_breaks_the_detector_takes_no_other_with_it(serve: Serve, gated: Gated) -> None:
    def fail(shade: int) -> None:
        if shade == 13:
            raise RuntimeError("secret/path: cannot do this one")

    gated.fail = fail
    with serve(gated, queue={"parallel": 1, "batch": 4}) as client:
        pool, posts = post_all(client, [blank(shade=shade) for shade in (11, 12, 13, 14)])
        wait_until(lambda: gated.seen)
        gated.gate.set()
        pool.shutdown()
        assert [post.result().status_code for post in posts] == [200, 200, 500, 200]
        problem = posts[2].result()
        assert problem.headers["content-type"] == "application/problem+json"
        assert "secret" not in problem.text
        assert client.get("/readyz").status_code == 200


def test_dead_runtime_turns_readiness_red(serve: Serve, gated: Gated) -> None:
    def fail(shade: int) -> None:
        raise RuntimeError("device lost")

    gated.fail = fail
    with serve(gated, queue={"parallel": 1}) as client:
        pool, posts = post_all(client, [blank()] * 3)
        wait_until(lambda: queue_length(client) == 2)
        gated.dead = True
        gated.gate.set()
        pool.shutdown()
        for post in posts:
            assert post.result().status_code == 503
            assert post.result().json()["code"] == "runtime-failed"
            assert "retry-after" in post.result().headers
        assert client.get("/readyz").status_code == 503
        assert client.get("/v2/health/ready").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert client.post("/detect", content=blank()).status_code == 503


def test_hanging_runtime_counts_as_dead(serve: Serve, gated: Gated) -> None:
    with serve(gated, queue={"parallel": 1, "stuck_seconds": 0.2}) as client:
        answer = client.post("/detect", content=blank())
        assert answer.status_code == 503
        assert answer.json()["code"] == "runtime-failed"
        assert client.get("/readyz").status_code == 503
        gated.gate.set()


def test_closes_also_when_a_detection_ends_at_that_very_moment(gated: Gated) -> None:
    async def run() -> None:
        scheduler = Scheduler(cast(TextDetector, gated), Queue(), Metrics(), pytest.fail, parallel=1, batch=1)
        loop = asyncio.get_running_loop()
        job = Job(Size(64, 64), 64 * 64, {}, lambda found, waited: len(found), loop.time() + 60)
        scheduler.submit([job])
        scheduler.decoded(job, prepare(np.zeros((64, 64, 3), np.uint8), gated.options))
        while not gated.seen:
            await asyncio.sleep(0.01)
        gated.gate.set()
        time.sleep(0.5)  # the detection ends, which the loop learns in its next turn
        await asyncio.sleep(0)
        await asyncio.wait_for(scheduler.close(), 30)

    asyncio.run(run())


def test_what_the_network_is_shown_decides_who_finds_room(gated: Gated) -> None:
    async def run() -> None:
        settings = Queue(deadline_seconds=10)
        measured = 1_000_000, 1.0
        scheduler = Scheduler(
            cast(TextDetector, gated), settings, Metrics(), pytest.fail, parallel=1, batch=1, measured=measured
        )

        def job(directions: int) -> Job:
            deadline = asyncio.get_running_loop().time() + 60
            return Job(Size(1000, 2000), directions * 2_000_000, {}, lambda found, waited: len(found), deadline)

        scheduler.submit([job(1)])
        with pytest.raises(Problem, match="images are waiting already"):
            scheduler.submit([job(4)])
        scheduler.submit([job(1)])
        await scheduler.close()

    asyncio.run(run())


def test_alive_but_not_ready_while_loading(gated: Gated) -> None:
    loading = threading.Event()
    gated.warm_up = lambda size=None: loading.wait(60)  # type: ignore[method-assign, assignment]
    gated.gate.set()
    with running(gated) as client:
        assert client.get("/healthz").status_code == 200
        for answer in (client.get("/readyz"), client.post("/detect", content=blank())):
            assert answer.status_code == 503
            assert answer.json()["code"] == "not-ready"
            assert "retry-after" in answer.headers
        loading.set()
        wait_until(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/detect", content=blank()).status_code == 200


@pytest.mark.skipif(not room.AVAILABLE, reason="processes beside the detector's need Linux")
def test_words_are_found_beside_a_detector_that_takes_batches(
    serve: Serve, detector: TextDetector, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = detector.detect(photo).to_dict()["boxes"]
    monkeypatch.setattr(detector.runtime, "batch", 2)
    before = beside(os.getpid())
    with serve(detector) as client:
        pids = beside(os.getpid()) - before
        assert len(pids) == max(1, usable_cores() // 4)
        assert client.post("/detect", content=photo).json()["boxes"] == expected
        end(pids)
        for _ in range(3):  # whoever finds it gone is answered, too
            assert client.post("/detect", content=photo).json()["boxes"] == expected
        assert len(beside(os.getpid()) - before) == len(pids)

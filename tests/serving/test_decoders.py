"""The processes that decode: what they give, what they refuse, and what becomes of those that go wrong."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

from east import Detections, ImageDecodeError, ImageError, TextDetector
from east.images import prepare
from east.images.header import read_header
from east.types import Size
from serving import decoders as module
from serving.decoders import Decoders, Encoded
from serving.metrics import Metrics
from serving.problems import CostlyImageError, Problem

SIZE = Size(64, 96)
MAX_PIXELS = 128_000_000


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> Encoded:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return Encoded(buffer.getvalue(), read_header(buffer.getvalue(), MAX_PIXELS))


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@asynccontextmanager
async def running(metrics: Metrics | None = None, parallel: int = 1) -> AsyncIterator[Decoders]:
    pool = Decoders(metrics or Metrics(), max_pixels=MAX_PIXELS, parallel=parallel)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def later() -> float:
    return asyncio.get_running_loop().time() + 60


def run(work: Callable[[Decoders, Metrics], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        metrics = Metrics()
        async with running(metrics, **options) as pool:
            await work(pool, metrics)

    asyncio.run(main())


def killed(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("east_decodes_killed_total", {"reason": reason}) or 0.0


def test_images_are_prepared_as_the_detector_does_it(detector: TextDetector, photo: bytes) -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        expected = prepare(photo, detector.options)
        image = Encoded(photo, read_header(photo, MAX_PIXELS))
        for _ in range(2):
            prepared = await pool.prepare(image, expected.network_size, later())
            np.testing.assert_array_equal(prepared.resized, expected.resized)
            assert prepared.size == expected.size
            assert prepared.timings.decode > 0
            assert prepared.upright is None

    run(work)


def test_drawings_are_the_detectors(detector: TextDetector, photo: bytes) -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        found, held = detector.detect(photo), list[int]()
        assert isinstance(found, Detections)
        assert len(found) > 0
        image = Encoded(photo, read_header(photo, MAX_PIXELS))
        drawn = await pool.draw(image, found.quads, "png", held.append, later())
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(drawn))), found.draw())
        assert held == [len(drawn)]

        def full(size: int) -> None:
            raise Problem(503, "queue-full", "no room")

        with pytest.raises(Problem, match="no room"):
            await pool.draw(image, found.quads, "jpeg", full, later())

    run(work)


def test_what_cannot_be_decoded_is_told_apart() -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        good = encode(noise(200, 200))
        with pytest.raises(ImageDecodeError, match="truncated"):
            await pool.prepare(Encoded(good.data[:5000], good.header), SIZE, later())
        floating = encode(Image.new("F", (8, 8)), "TIFF")
        with pytest.raises(ImageError, match="no agreed white"):
            await pool.prepare(floating, SIZE, later())
        assert (await pool.prepare(good, SIZE, later())).size == (200, 200)
        assert "east_decodes_killed_total{" not in str(list(metrics.registry.collect()))

    run(work)


def test_what_takes_too_long_is_ended_and_costs_its_sender_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        slow, quick = encode(noise(2500, 2500), compress_level=1), encode(noise(40, 30))
        assert (await pool.prepare(slow, SIZE, later())).size == (2500, 2500)
        before = pool.pids
        monkeypatch.setattr(module, "_SECONDS", 0.02)
        monkeypatch.setattr(module, "_SECONDS_PER_PIXEL", 0.0)
        refused = asyncio.ensure_future(pool.prepare(slow, SIZE, later()))
        await asyncio.sleep(0)
        monkeypatch.undo()
        assert (await pool.prepare(quick, SIZE, later())).size == (30, 40)
        with pytest.raises(CostlyImageError, match="processor time"):
            await refused
        assert killed(metrics, "time") == 1
        assert len(set(before) & set(pool.pids)) == len(before) - 1

    run(work)


def test_what_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        greedy = encode(noise(2000, 2000), compress_level=1)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_BYTES", 0)
            patch.setattr(module, "BYTES_PER_PIXEL", 0)
            with pytest.raises(CostlyImageError, match="more memory"):
                await pool.prepare(Encoded(greedy.data, greedy.header), SIZE, later())
        assert killed(metrics, "memory") == 1
        assert (await pool.prepare(greedy, SIZE, later())).size == (2000, 2000)

    run(work)


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGSEGV, "crash"), (signal.SIGKILL, "memory")])
def test_a_process_that_dies_over_an_image_is_replaced(number: int, reason: str) -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        [small] = pool.pids
        os.kill(small, signal.SIGSTOP)
        doomed = asyncio.ensure_future(pool.prepare(encode(noise(40, 30)), SIZE, later()))
        await asyncio.sleep(0.1)
        os.kill(small, number)
        os.kill(small, signal.SIGCONT)
        with pytest.raises(CostlyImageError):
            await doomed
        assert killed(metrics, reason) == 1
        assert (await pool.prepare(encode(noise(40, 30)), SIZE, later())).size == (30, 40)

    run(work)


def test_a_process_that_died_idle_costs_nobody_an_image() -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert (await pool.prepare(encode(noise(40, 30)), SIZE, later())).size == (30, 40)
        assert killed(metrics, "memory") == 0

    run(work)


def test_a_large_image_keeps_no_small_one_waiting() -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        assert len(pool.pids) == 1  # large ones have a process from the first of them on
        large = asyncio.ensure_future(pool.prepare(encode(Image.new("RGB", (5000, 4000))), SIZE, later()))
        await asyncio.sleep(0)
        for _ in range(3):
            await pool.prepare(encode(noise(40, 30)), SIZE, later())
        assert not large.done()
        assert (await large).size == (4000, 5000)
        assert len(pool.pids) == 2

    run(work)


def test_who_waits_too_long_hears_of_it_and_who_leaves_takes_nothing_along() -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        image = encode(noise(600, 400))
        first = asyncio.ensure_future(pool.prepare(image, SIZE, later()))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(pool.prepare(image, SIZE, later()))
        await asyncio.sleep(0)
        assert metrics.registry.get_sample_value("east_decoders_waiting") == 1
        with pytest.raises(Problem, match="no answer in time"):
            await pool.prepare(image, SIZE, asyncio.get_running_loop().time())
        first.cancel()
        waiting.cancel()
        assert (await pool.prepare(image, SIZE, later())).size == (400, 600)
        assert metrics.registry.get_sample_value("east_decoders_waiting") == 0

    run(work)


def test_the_cheaper_image_comes_first() -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        order: list[int] = []

        async def ask(width: int) -> None:
            await pool.prepare(encode(Image.new("RGB", (width, 1000))), SIZE, later())
            order.append(width)

        await asyncio.gather(*map(ask, (100, 5000, 3000, 200)))
        assert order == [100, 200, 3000, 5000]

    run(work)


def test_memory_is_told_and_given_back() -> None:
    async def work(pool: Decoders, metrics: Metrics) -> None:
        await pool.prepare(encode(Image.new("RGB", (5000, 4000))), SIZE, later())
        told = metrics.registry.get_sample_value("east_decoder_memory_bytes")
        assert told is not None
        assert 20e6 < told < 500e6
        await pool.prepare(encode(Image.new("RGB", (4000, 4000))), Size(2400, 2400), later())
        wait = time.monotonic() + 30
        while (metrics.registry.get_sample_value("east_decoder_memory_bytes") or 0) > told + 40e6:
            assert time.monotonic() < wait
            await asyncio.sleep(0.05)

    run(work)


def test_close_ends_what_is_under_way() -> None:
    async def work() -> None:
        async with running() as pool:
            under_way = asyncio.ensure_future(pool.prepare(encode(noise(3000, 2000)), SIZE, later()))
            await asyncio.sleep(0)
            pids = pool.pids
        with pytest.raises((CostlyImageError, asyncio.CancelledError)):
            await under_way
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(work())


def test_a_service_whose_decoders_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.decoder_process._START", "raise SystemExit(3) # {} {} {}")

    async def work() -> None:
        pool = Decoders(Metrics(), max_pixels=MAX_PIXELS, parallel=1)
        with pytest.raises(OSError, match="cannot be started"):
            await pool.start()
        await pool.close()

    asyncio.run(work())

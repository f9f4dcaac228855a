"""The memory in which decoders leave images: whose it is, when it is used again, and that nobody can pull it away."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import resource
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest

from serving.decoder_memory import ROOM, DecoderMemory, mapped
from serving.decoder_process import DecoderProcess
from tests.serving.test_decoders import encode, later, noise, running

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no such memory")


def test_a_room_is_free_again_when_nobody_refers_to_it() -> None:
    memory = DecoderMemory()
    with memory.handed_over() as descriptors:
        there = [mapped(descriptor) for descriptor in descriptors]
    taken = [memory.take(1000) for _ in there]
    assert sorted(number for number in taken if number is not None) == list(range(len(there)))
    assert memory.take(1000) is None
    there[2][:1000] = 7
    found = memory.array(2, 1000)
    part = found.reshape(10, 100)[3:5]
    assert (part == 7).all()
    del found
    assert memory.take(1000) is None  # a part of it is in use
    del part
    assert memory.take(1000) == 2


def test_nothing_larger_than_a_room_gets_one() -> None:
    memory = DecoderMemory()
    assert memory.take(ROOM + 1) is None
    assert memory.take(0) is None
    assert memory.take(ROOM) is not None
    with pytest.raises(ValueError, match="buffer"):
        memory.array(0, ROOM + 1)


def test_a_process_can_neither_shrink_nor_grow_what_this_one_reads() -> None:
    with DecoderMemory().handed_over() as descriptors:
        for size in (0, ROOM - 1, ROOM + 1):
            with pytest.raises(PermissionError):
                os.ftruncate(descriptors[0], size)
        with pytest.raises(PermissionError):
            fcntl.fcntl(descriptors[0], fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        assert len(mmap(descriptors[0], ROOM)) == ROOM


def open_files() -> int:
    gc.collect()  # what earlier tests have left would go meanwhile
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_descriptors_are_not_left_open() -> None:
    before = open_files()
    memories = [DecoderMemory() for _ in range(20)]
    for memory in memories:
        with memory.handed_over():
            pass
    after = open_files()
    rooms = sum(memory.take(1) is not None for memory in memories for _ in range(100))
    assert after - before == rooms  # each mapping keeps one
    del memories, memory
    assert open_files() == before


def test_more_images_than_rooms_and_larger_ones_come_all_the_same() -> None:
    small, large = encode(noise(96, 64)), encode(noise(1500, 1100))

    async def work() -> None:
        async with running(parallel=1) as pool:
            kept = [await pool.prepare(small, small.header.size, later()) for _ in range(9)]
            kept.append(await pool.prepare(large, large.header.size, later()))
            kept.append(await pool.prepare(small, small.header.size, later()))
            for prepared in kept:
                expected = noise(96, 64) if prepared.size == small.header.size else noise(1500, 1100)
                np.testing.assert_array_equal(prepared.resized, np.asarray(expected))

    asyncio.run(work())


def test_a_process_that_takes_the_place_of_another_has_rooms_of_its_own() -> None:
    image = encode(noise(96, 64))

    async def work() -> None:
        async with running(parallel=1) as pool:
            kept = await pool.prepare(image, image.header.size, later())
            [pid] = pool.pids
            os.kill(pid, 9)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            again = await pool.prepare(image, image.header.size, later())
            assert pool.pids != [pid]
            assert not np.shares_memory(kept.resized, again.resized)
            for prepared in (kept, again):
                np.testing.assert_array_equal(prepared.resized, np.asarray(noise(96, 64)))

    asyncio.run(work())


def test_without_such_memory_all_comes_over_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "memfd_create", refuse)
    assert DecoderMemory().take(1) is None
    image = encode(noise(96, 64))

    async def work() -> None:
        async with running(parallel=1) as pool:
            prepared = await pool.prepare(image, image.header.size, later())
            np.testing.assert_array_equal(prepared.resized, np.asarray(noise(96, 64)))

    asyncio.run(work())


def test_a_result_of_another_size_than_was_asked_for_is_refused() -> None:
    async def work() -> None:
        process = DecoderProcess()
        process.start()
        try:
            image = encode(noise(96, 64))
            job = {"do": "prepare", "network_size": (64, 96), "max_pixels": 10**6, "bytes": len(image.data)}
            job |= {"cpu_seconds": 5.0, "memory_bytes": 1 << 28}

            def never(size: int) -> None:
                raise ValueError(str(size))

            with pytest.raises(ValueError, match="18432"):
                await process.ask(job, image.data, b"", never, 18432)
            answer, pixels = await process.ask(job, image.data, b"", lambda size: None, 18432)
            assert (answer["bytes"], pixels.shape) == (18432, (18432,))
        finally:
            process.kill()
            process.close()

    asyncio.run(work())


def test_the_limit_of_files_does_not_keep_it_from_starting() -> None:
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        assert DecoderMemory().take(1) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

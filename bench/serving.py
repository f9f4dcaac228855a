"""Measures the service over loopback: ``python bench/serving.py throughput|memory|overload|isolation``.

throughput: clients that ask without a pause, so many at a time, against the bare detector on the same images: called
    by one thread and by two, and with ``--processes`` by a stream; all in turns, in one run.
memory: how much the process grows over many requests of many sizes.
overload: ten times the load it can bear, and how soon it is itself again afterwards.
isolation: what it costs an image to be decoded in a process of its own, against all that is done for the image.
Every answer is checked against its image; a lost, swapped or undocumented one ends with exit status 1. The bare
detector and the service's have the same options.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.arguments import images_of, seconds_above_zero, whole_number  # noqa: E402
from bench.clients import Answered, Clients, Load, Picture  # noqa: E402
from bench.processes import Usage, running  # noqa: E402
from bench.recorded import without_network  # noqa: E402
from east import TextDetector  # noqa: E402
from east.console import markdown_table  # noqa: E402
from east.cores import usable_cores  # noqa: E402
from east.flags import add_options, options_from, positive  # noqa: E402
from east.images import prepare  # noqa: E402
from east.images.header import read_header  # noqa: E402
from east.options import EVALUATION_SIZE  # noqa: E402
from east.types import Size  # noqa: E402
from serving.decoders import Decoders, Encoded  # noqa: E402
from serving.metrics import Metrics  # noqa: E402
from serving.settings import environment  # noqa: E402


@contextlib.contextmanager
def service(options: argparse.Namespace, *flags: str) -> Iterator[tuple[str, int]]:
    """A server process; gives its address and process id."""
    flags = ("--port", "0", "--log-format", "json", *flags)
    told = os.environ | environment(options.detector) | {"EAST_RECORDED": str(options.recorded)}
    module = "bench.recorded_service" if options.without_network else "serving"
    with running(module, *flags, cwd=ROOT, env=told, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = next(match[1] for line in process.stdout if (match := re.search(r"running on (http://[^ ]+)", line)))
        threading.Thread(target=_drop, args=[process.stdout], daemon=True).start()
        while httpx.get(f"{url}/readyz", timeout=60).status_code != 200:
            time.sleep(0.1)
        yield url, process.pid


def _drop(log: IO[str]) -> None:
    with contextlib.suppress(ValueError):  # it is closed
        for _ in log:
            pass


def bare(detector: TextDetector, pictures: list[Picture], threads: int, seconds: float) -> float:
    """Images a second of the detector itself, called by so many threads."""
    until = time.perf_counter() + seconds
    start = time.perf_counter()

    def work(thread: int) -> int:
        for count in itertools.count(1):
            detector.detect(pictures[(thread + count) % len(pictures)].data)
            if time.perf_counter() > until:
                return count
        raise AssertionError

    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(work, range(threads)))
    return sum(counts) / (time.perf_counter() - start)


def throughput(options: argparse.Namespace) -> list[str]:
    turns = max(1, round(options.seconds / 10))
    share = options.seconds / turns
    with made(options) as detector, contextlib.ExitStack() as stack:
        started = [service(options, "--queue.deadline-seconds", "600") for _ in range(options.services)]
        urls, pids = zip(*map(stack.enter_context, started), strict=True)
        pictures = load(options, detector)
        clients = Clients(pictures, options.client_processes)
        ways: dict[str, Callable[[], float]] = {
            "one thread": lambda: bare(detector, pictures, 1, share / 2),
            "two threads": lambda: bare(detector, pictures, 2, share / 2),
        }
        if options.processes:
            ways["stream"] = lambda: streamed(detector, pictures, options.processes, share / 2)
        own: dict[str, list[float]] = {name: [] for name in ways}
        answered: dict[int, list[Answered]] = {count: [] for count in options.clients}
        cores: dict[int, list[NDArray[np.float64]]] = {count: [] for count in options.clients}
        bare(detector, pictures, 2, 2)
        clients.run(urls, max(options.clients), 3)
        for _ in range(turns):
            for name, way in ways.items():
                own[name].append(way())
            for count in options.clients:
                before, start = np.array([Usage.of(pid) for pid in pids]), time.perf_counter()
                answered[count].append(clients.run(urls, count, share))
                spent = np.array([Usage.of(pid) for pid in pids]) - before
                cores[count].append(spent.sum(axis=0) / (time.perf_counter() - start))
        runtime = f"{detector.runtime.name} {detector.runtime.precision} on {detector.runtime.device}"
    means = {name: float(np.mean(rates)) for name, rates in own.items()}
    print(f"{runtime}; {len(pictures)} images, {turns} turns of {share:g} s, {usable_cores()} cores\n")
    rows, wrong = [(f"detector, {name}", f"{mean:.2f}", *[""] * 6) for name, mean in means.items()], []
    for count, several in answered.items():
        rate = float(np.mean([one.rate for one in several]))
        p50, p99 = np.percentile([seconds for one in several for seconds in one.times], [50, 99]) * 1e3
        here, beside, _ = np.mean(cores[count], axis=0)
        best = max(means, key=means.__getitem__)
        wrong += [line for one in several for line in one.wrong]
        rows.append(
            (
                *(f"{len(urls)} x service, {count} clients", f"{rate:.2f}", f"{rate / means[best]:.3f} of {best}"),
                *(f"{p50:.0f}", f"{p99:.0f}", f"{here:.1f}", f"{beside:.1f}", f"{here / rate * 1e3:.2f}"),
            )
        )
    columns = ("", "images/s", "share", "p50 ms", "p99 ms", "cores here", "beside", "CPU ms an image here")
    print(markdown_table(columns, rows))
    print(f"{sum(len(one.times) for several in answered.values() for one in several)} answers, {len(wrong)} wrong")
    return wrong


def streamed(detector: TextDetector, pictures: list[Picture], processes: int, seconds: float) -> float:
    """Images a second of a stream of the files, that many processes beside it, once it runs."""
    files = itertools.cycle([picture.data for picture in pictures])
    found = detector.stream(files, processes=processes, keep_image=False)
    for _ in itertools.islice(found, 16 * processes):
        pass
    start, done = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        done += sum(1 for _ in itertools.islice(found, 16))
    return done / (time.perf_counter() - start)


def memory(options: argparse.Namespace) -> list[str]:
    with made(options) as detector:
        pictures = resized(load(options, detector), detector)
    with service(options) as (url, pid):
        clients = Load([url], pictures, options.clients[0], "?max_side=320")
        warm = max(200, options.requests // 10)
        clients.run(requests=warm)
        start = resident(pid)
        print(f"after {clients.done:6d} requests: {start / 2**20:8.1f} MiB")
        most = start
        for _ in range(5):
            clients.run(requests=options.requests / 5)
            most = max(most, resident(pid))
            print(f"after {clients.done:6d} requests: {resident(pid) / 2**20:8.1f} MiB")
    print(f"growth {100 * (most - start) / start:.2f} %, {len(clients.wrong)} wrong answers")
    return clients.wrong


def overload(options: argparse.Namespace) -> list[str]:
    deadline = 10.0
    with made(options) as detector:
        pictures = load(options, detector)
    with service(options, "--queue.deadline-seconds", str(deadline)) as (url, _):
        load_borne = Load([url], pictures, options.clients[0])
        capacity = load_borne.run(min(10.0, options.seconds))
        capacity *= 1 - len(load_borne.wrong) / load_borne.done  # what was refused was not borne
        statuses, times, wrong = asyncio.run(flood(url, pictures, 10 * capacity, options.seconds))
        after = time.perf_counter()
        while httpx.post(f"{url}/detect", content=pictures[0].data, timeout=60).status_code != 200:
            time.sleep(0.05)
        recovery = time.perf_counter() - after
    print(f"capacity {capacity:.1f} images/s, offered {10 * capacity:.0f} requests/s for {options.seconds:g} s")
    print("answers: " + ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items())))
    p50, p99 = np.percentile(times, [50, 99])
    print(f"accepted: p50 {p50:.2f} s, p99 {p99:.2f} s = {p99 / deadline:.2f} of the deadline of {deadline:g} s")
    print(f"accepted: {len(times) / options.seconds / capacity:.2f} of the capacity")
    print(f"first answer afterwards: {recovery:.2f} s")
    return wrong


def isolation(options: argparse.Namespace) -> list[str]:
    turns = max(5, round(options.seconds / 10))
    with made(options) as detector:
        pictures = load(options, detector)
        asyncio.run(compare(detector, pictures, turns))
    return []


async def compare(detector: TextDetector, pictures: list[Picture], turns: int) -> None:
    """Prints medians over images and turns, each taken in turn with the others."""
    pool = Decoders(Metrics(), max_pixels=detector.options.max_pixels, parallel=1)
    await pool.start()
    here: list[float] = []
    there: list[float] = []
    whole: list[float] = []
    for _ in range(turns):
        for picture in pictures:
            start = time.perf_counter()
            expected = prepare(picture.data, detector.options)
            here.append(time.perf_counter() - start)
            start = time.perf_counter()
            image = Encoded(picture.data, read_header(picture.data, detector.options.max_pixels))
            got = await pool.prepare(image, expected.network_size, asyncio.get_running_loop().time() + 60)
            there.append(time.perf_counter() - start)
            assert np.array_equal(got.resized, expected.resized)
            start = time.perf_counter()
            detector.detect(picture.data)
            whole.append(time.perf_counter() - start)
    await pool.close()
    in_process, isolated, detection = (1e3 * float(np.median(times)) for times in (here, there, whole))
    print(f"prepared in this process {in_process:.2f} ms, in another {isolated:.2f} ms; detection {detection:.1f} ms")
    print(f"isolation costs {100 * (isolated - in_process) / detection:.1f} % of the detection")


async def flood(
    url: str, pictures: list[Picture], rate: float, seconds: float
) -> tuple[Counter[str], list[float], list[str]]:
    """Starts requests at a steady rate, each on a connection of its own, whether or not earlier ones were answered.

    Returns how many answers had each status, the seconds each accepted one took, and what was wrong.
    """
    statuses: Counter[str] = Counter()
    times: list[float] = []
    wrong: list[str] = []

    async def ask(picture: Picture) -> None:
        start = time.perf_counter()
        try:
            status, head, body = await post(url, picture.data)
        except (OSError, EOFError, ValueError) as error:
            statuses["lost"] += 1
            wrong.append(f"{picture.name}: {error!r}")
            return
        statuses[str(status)] += 1
        if status == 200:
            times.append(time.perf_counter() - start)
            if not picture.fits(json.loads(body)):
                wrong.append(f"{picture.name}: boxes of another image")
        elif status not in (429, 503) or b"retry-after" not in head:
            wrong.append(f"{picture.name}: {status} {body[:200]!r}")

    begin = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(pictures[number % len(pictures)])))
    await asyncio.gather(*tasks)
    return statuses, times, wrong


async def post(url: str, data: bytes) -> tuple[int, bytes, bytes]:
    """One request in as little work as can be, so that the load does not take the cores from the service."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        head = f"POST /detect HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\nContent-Length: {len(data)}"
        writer.write(f"{head}\r\n\r\n".encode() + data)
        answer, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(answer.split()[1]), answer.lower(), body
    except IndexError:
        raise EOFError("no answer") from None
    finally:
        writer.close()


def made(options: argparse.Namespace) -> TextDetector:
    """The detector itself; with a stand-in where there is to be no network."""
    with without_network(EVALUATION_SIZE, options.recorded) if options.without_network else contextlib.nullcontext():
        return TextDetector.from_options(options.detector)


def load(options: argparse.Namespace, detector: TextDetector) -> list[Picture]:
    """The pictures of a folder, the project's own without one."""
    return [Picture.found(name, data, detector) for name, data in images_of(Path(options.images), options.most)]


def resized(pictures: list[Picture], detector: TextDetector) -> list[Picture]:
    """The pictures in many sizes, as the network is to see them at 320 pixels."""
    made = []
    for number, picture in enumerate(pictures * max(1, 24 // len(pictures))):
        image = Image.open(io.BytesIO(picture.data)).convert("RGB")
        size = Size(200 + 37 * (number % 11), 200 + 53 * (number % 13))
        buffer = io.BytesIO()
        image.resize((size.width, size.height)).save(buffer, "JPEG")
        made.append(Picture.found(f"{picture.name} at {size}", buffer.getvalue(), detector, max_side=320))
    return made


def resident(pid: int) -> int:
    """Bytes of memory a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["throughput", "memory", "overload", "isolation"])
    parser.add_argument("--images", default=str(ROOT / "demo"), help="folder of JPEG or PNG files")
    parser.add_argument("--most", type=positive, default=20, help="images to take from it")
    parser.add_argument("--clients", type=positive, nargs="+", default=[8], help="several numbers for throughput only")
    parser.add_argument("--client-processes", type=positive, default=1, help="that share the clients, for throughput")
    parser.add_argument("--services", type=positive, default=1, help="that share the clients, for throughput")
    parser.add_argument("--processes", type=whole_number, default=0, help="beside a stream, for throughput")
    parser.add_argument("--without-network", action="store_true", help="a stand-in says at once what it said before")
    parser.add_argument("--seconds", type=seconds_above_zero, default=120, help="of load, for throughput and overload")
    parser.add_argument("--requests", type=positive, default=5000, help="for memory")
    add_options(parser)
    options = parser.parse_args()
    options.detector = options_from(options)
    measures = {"throughput": throughput, "memory": memory, "overload": overload, "isolation": isolation}
    with tempfile.TemporaryDirectory() as folder:
        options.recorded = Path(folder, "recorded.npz")
        wrong = measures[options.what](options)
    for line in wrong[:10]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

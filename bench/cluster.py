"""A detector on a Ray cluster: what is lost when a part of it dies, and how many images a second N detectors do.

::

    python bench/cluster.py batch --images 1000        # a node is killed in the middle; compared with one process
    python bench/cluster.py serve --replicas 2         # eight clients, a replica is killed
    python bench/cluster.py limit                      # what a rate limit over the cluster costs a request
    python bench/cluster.py scaling --data DIR --gpus 1 2 4 --precision FP16

The first two bring up their cluster on this machine, draw their pictures, and say what they found as JSON; their status
is 1 where something was lost. The last runs ``east batch`` and clients of the service on so many GPUs (``--cpus`` for a
machine without), each bound to its share of the cores, and tells images a second and how many times that is what one
does.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # for the nodes

from bench.arguments import images_of, seconds_above_zero, whole_number  # noqa: E402
from bench.clients import Clients, Picture  # noqa: E402
from bench.processes import running  # noqa: E402
from bench.rates import middle_rate  # noqa: E402
from east.batch import BatchOptions, Cluster, detect_all  # noqa: E402
from east.batch.rows import Row, decode  # noqa: E402
from east.cores import usable_cores  # noqa: E402
from east.flags import add_options, options_from, positive  # noqa: E402
from east.options import DetectorOptions  # noqa: E402
from serving.client import Client, ServiceError  # noqa: E402
from serving.settings import environment  # noqa: E402


def main() -> int:
    """Runs one of the benchmarks. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    batch = commands.add_parser("batch")
    batch.add_argument("--images", type=int, default=1000)
    batch.add_argument("--nodes", type=int, default=2)
    batch.add_argument("--shard-size", type=int, default=25)
    serve = commands.add_parser("serve")
    serve.add_argument("--replicas", type=int, default=2)
    serve.add_argument("--clients", type=int, default=8)
    serve.add_argument("--seconds", type=seconds_above_zero, default=30)
    commands.add_parser("limit")
    scaling = commands.add_parser("scaling")
    scaling.add_argument("--data", type=Path, required=True, help="folder of images")
    scaling.add_argument("--of", nargs="+", choices=["batch", "serve"], default=["batch", "serve"])
    units = scaling.add_mutually_exclusive_group(required=True)
    units.add_argument("--gpus", type=positive, nargs="+", default=[])
    units.add_argument("--cpus", type=positive, nargs="+", default=[], help="cores, in place of GPUs: a detector each")
    scaling.add_argument("--each", type=positive, default=1, help="detectors, or replicas, that share a GPU")
    scaling.add_argument("--processes", type=whole_number, default=0, help="beside each detector of a batch")
    scaling.add_argument("--shard-size", type=positive, default=64)
    scaling.add_argument("--repeat", type=positive, default=1, help="how often a detector is to do the folder")
    scaling.add_argument("--seconds", type=seconds_above_zero, default=30)
    scaling.add_argument("--clients", type=positive, default=16, help="a replica")
    scaling.add_argument("--client-processes", type=positive, default=1, help="that share them, for each GPU")
    add_options(scaling)
    args = parser.parse_args()
    run: Callable[[argparse.Namespace], dict[str, Any]] = {
        "batch": batch_with_a_dead_node,
        "serve": serve_with_a_dead_replica,
        "limit": measure_limit,
        "scaling": measure_scaling,
    }[args.command]
    result = run(args)
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0 if result.get("sound", True) else 1


def draw(number: int) -> bytes:
    """A JPEG of 160x96 pixels with a word on it that no other has."""
    image = Image.new("RGB", (160, 96), "white")
    ImageDraw.Draw(image).text((8 + number % 9, 22 + number % 7), f"N{number}", "black", ImageFont.load_default(34))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def rows_of(folder: Path) -> list[Row]:
    """All rows of an output."""
    return [row for part in sorted(folder.glob("part-*")) for row in decode(part.read_bytes(), "jsonl")]


def batch_with_a_dead_node(args: argparse.Namespace) -> dict[str, Any]:
    """Runs ``east batch`` in one process and on a cluster of which a node is killed in the middle."""
    import ray
    from ray.cluster_utils import Cluster as TestCluster

    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        (place / "in").mkdir()
        for number in range(args.images):
            (place / "in" / f"{number:05}.jpg").write_bytes(draw(number))
        options, batch = DetectorOptions(threads=1), BatchOptions(shard_size=args.shard_size)
        start = time.perf_counter()
        detect_all(place / "in", place / "one", options, batch=batch)
        alone = time.perf_counter() - start
        store = {"object_store_memory": 100 << 20}
        head = {"num_cpus": 1, "include_dashboard": False, **store}
        cluster = _patiently(lambda: TestCluster(initialize_head=True, head_node_args=head))
        nodes = [_patiently(lambda: cluster.add_node(num_cpus=1, **store)) for _ in range(args.nodes - 1)]
        ray.init(cluster.address, log_to_driver=False)
        seen: list[int] = []

        def kill(done: int, total: int) -> None:
            seen.append(done)
            if done >= total // 3 and nodes:
                cluster.remove_node(nodes.pop(), allow_graceful=False)  # and none comes in its place
                nodes.clear()

        start = time.perf_counter()
        pool = Cluster(detectors=args.nodes, cpus_per_detector=1, gpus_per_detector=0)
        summary = detect_all(place / "in", place / "many", options, batch=batch, cluster=pool, progress=kill)
        together = time.perf_counter() - start
        ray.shutdown()
        cluster.shutdown()
        one, many = rows_of(place / "one"), rows_of(place / "many")
    doubles = len(many) - len({row["image"] for row in many})
    return {
        "images": args.images,
        "rows of one process": len(one),
        "rows of the cluster": len(many),
        "boxes": sum(len(row["boxes"]) for row in many),
        "failed": summary.failed,
        "doubles": doubles,
        "same rows": one == many,
        "node killed after": next(done for done in seen if done >= args.images // 3),
        "seconds of one process": round(alone, 1),
        "seconds of the cluster": round(together, 1),
        "sound": one == many and len(many) == args.images and not doubles,
    }


def _patiently(start: Callable[[], Any]) -> Any:
    """A busy machine may take longer to start a node than Ray waits."""
    for _ in range(3):
        with suppress(Exception):
            return start()
    return start()


@contextmanager
def service(*flags: str, env: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """``python -m serving --ray`` as a process of its own, ready; gives its address and process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ("--ray", "--port", str(port), *flags)
    url = f"http://127.0.0.1:{port}"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running("serving", *flags, cwd=ROOT, env=env, **quiet) as process:
        give_up = time.monotonic() + 300
        while not _is_ready(url):
            if process.poll() is not None or time.monotonic() > give_up:
                raise SystemExit("the service did not come up")
            time.sleep(0.5)
        yield url, process.pid


def _is_ready(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    return False


def replicas(url: str) -> set[str]:
    """The replicas that tell metrics; one that has died does so no longer than 15 seconds."""
    text = httpx.get(f"{url}/metrics", timeout=10).text
    return {line.split('replica="')[1].split('"')[0] for line in text.splitlines() if line.startswith("east_ready{")}


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """The processes below one: ids and command lines."""
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        for one in child.read_text().split():
            with suppress(OSError):
                yield int(one), Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ")
                yield from descendants(int(one))


class Load:
    """Clients that post images one after the other, and somebody who asks all the time whether the service is ready."""

    def __init__(self, url: str, images: Sequence[bytes], clients: int) -> None:
        self.answers: Counter[str] = Counter()
        self.ready: Counter[str] = Counter()
        self._url, self._images = url, images
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=[number]) for number in range(clients)]
        self._threads.append(threading.Thread(target=self._probe))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _post(self, number: int) -> None:
        with Client(self._url, tries=8) as client:
            while not self._stop.is_set():
                try:
                    client.detect(self._images[number % len(self._images)])
                    self.answers["answered"] += 1
                except ServiceError as error:
                    self.answers[f"{error.status} {error.code}"] += 1
                number += 1

    def _probe(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self._stop.is_set():
                try:
                    self.ready[str(client.get("/readyz").status_code)] += 1
                except httpx.HTTPError as error:
                    self.ready[type(error).__name__] += 1
                time.sleep(0.05)


def serve_with_a_dead_replica(args: argparse.Namespace) -> dict[str, Any]:
    """Loads the service by clients, kills one replica, and tells how each request ended."""
    images = [draw(number) for number in range(50)]
    flags = ["--replicas", str(args.replicas), "--cpus-per-replica", "1", "--warm-up", "96x160"]
    with service(*flags) as (url, pid):
        _wait(lambda: len(replicas(url)) == args.replicas)
        first = replicas(url)
        with Load(url, images, args.clients) as load:
            time.sleep(args.seconds / 3)
            found = [one for one, name in descendants(pid) if name.startswith("ray::ServeReplica:east:detector")]
            os.kill(found[0], signal.SIGKILL)
            killed = time.perf_counter()
            before = load.answers["answered"]
            time.sleep(args.seconds * 2 / 3)
            _wait(lambda: not replicas(url) <= first)
            again = time.perf_counter() - killed
            time.sleep(5)
    refused = sum(load.answers.values()) - load.answers["answered"]
    return {
        "replicas": args.replicas,
        "clients": args.clients,
        "answered before": before,
        "answered": load.answers["answered"],
        "lost": {name: count for name, count in load.answers.items() if name != "answered"},
        "readiness": dict(load.ready),
        "seconds until another took its place": round(again, 1),
        "sound": refused == 0 and set(load.ready) == {"200"},
    }


def _wait(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 180
    while not condition():
        if time.monotonic() > give_up:
            raise SystemExit("the replicas did not come up")
        time.sleep(0.5)


def measure_limit(args: argparse.Namespace) -> dict[str, Any]:
    """What a request pays: of a caller that comes all the time, of one that comes for the first time, and without."""
    import ray

    from serving.auth import RateLimit
    from serving.cluster_state import ClusterLimit, SharedState

    ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
    actor = ray.remote(SharedState).options(num_cpus=0).remote()
    ray.get(actor.told.remote())

    def ask(method: str, *values: Any) -> Any:
        return ray.get(getattr(actor, method).remote(*values), timeout=5)

    limit, own = ClusterLimit("requests", 10_000_000, ask), RateLimit(10_000_000)
    found = {}
    for name, wait, callers in (
        ("own limit", own.wait, ["anna"]),
        ("over the cluster, often", limit.wait, ["anna"]),
        ("over the cluster, first time", limit.wait, [f"caller {number}" for number in range(2000)]),
    ):
        times = []
        for number in range(2000):
            start = time.perf_counter()
            wait(callers[number % len(callers)])
            times.append((time.perf_counter() - start) * 1e6)
        times.sort()
        found[name] = {"median µs": round(times[1000], 1), "p99 µs": round(times[1980], 1)}
    ray.shutdown()
    return found


def measure_scaling(args: argparse.Namespace) -> dict[str, Any]:
    """Images a second of ``east batch`` and of the service, by the number of GPUs, or of cores."""
    args.options, args.pictures = options_from(args), images_of(args.data, 64)
    measures = {"batch": batch_rate, "serve": serve_rate}
    found: dict[str, Any] = {}
    for count in args.gpus or args.cpus:
        detectors = count * args.each if args.gpus else count
        cores = max(1, usable_cores() // max(args.gpus) // args.each) if args.gpus else 1
        pool = Cluster(None, detectors, 1 / args.each if args.gpus else 0, cores)
        name = f"{count} {'GPUs' if args.gpus else 'cores'}"
        with bound_to(detectors * cores):
            found[name] = {kind: measures[kind](args, pool) for kind in args.of}
        sys.stderr.write(f"{name}: {found[name]}\n")
    one = next(iter(found.values()))
    for rates in found.values():
        rates["times"] = {kind: round(rates[kind]["images/s"] / one[kind]["images/s"], 2) for kind in args.of}
    return found


@contextmanager
def bound_to(count: int) -> Iterator[None]:
    """Leaves so many cores to this process and those that it starts: one GPU alone must not have those of four."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def batch_rate(args: argparse.Namespace, pool: Cluster) -> dict[str, Any]:
    """Images a second of ``east batch`` in the middle half of a job: detectors start and end at different times."""
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        sources = []
        for turn in range(args.repeat * (pool.detectors or 1)):  # an image that is meant twice comes once
            (place / f"in{turn}").symlink_to(args.data.resolve(), target_is_directory=True)
            sources.append(str(place / f"in{turn}"))
        times: list[tuple[int, float]] = []
        summary = detect_all(
            sources,
            place / "out",
            args.options,
            batch=BatchOptions(shard_size=args.shard_size, processes=args.processes),
            cluster=pool,
            progress=lambda done, total: times.append((done, time.perf_counter())),
        )
    return {"images/s": round(middle_rate(times), 1), "images": summary.images, "failed": summary.failed}


def serve_rate(args: argparse.Namespace, pool: Cluster) -> dict[str, Any]:
    """Answers a second of the service; each is checked against the first for its image."""
    count = pool.detectors or 1
    flags = ["--replicas", str(count), "--cpus-per-replica", str(pool.cpus_per_detector)]
    flags += ["--gpus-per-replica", str(pool.gpus_per_detector), "--queue.deadline-seconds", "120"]
    with service(*flags, env=os.environ | environment(args.options)) as (url, _):
        _wait(lambda: len(replicas(url)) == count)
        pictures = [
            Picture.answered(
                name, data, httpx.post(f"{url}/detect", content=data, timeout=120).raise_for_status().json()
            )
            for name, data in args.pictures
        ]
        clients = Clients(pictures, args.client_processes * max(1, count // args.each))
        clients.run([url], args.clients * count, args.seconds / 3)
        answered = clients.run([url], args.clients * count, args.seconds)
    times = sorted(answered.times)
    return {
        "images/s": round(answered.rate, 1),
        "p50 ms": round(times[len(times) // 2] * 1e3),
        "p99 ms": round(times[len(times) * 99 // 100] * 1e3),
        "wrong": len(answered.wrong),
        "first of them": answered.wrong[:1],
    }


if __name__ == "__main__":
    sys.exit(main())

"""A Ray cluster of several nodes on this machine, of which some die: nothing is lost, nothing done twice."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from east import TextDetector
from east.batch import BatchOptions, Cluster, Summary, detect_all
from east.errors import RuntimeUnavailableError, WeightsError
from east.options import DetectorOptions
from tests.batch.conftest import FAST, picture
from tests.batch.test_job import Sizes, result

ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # a busy machine starts a node in a minute
    # Ray's own, of 2.60
    pytest.mark.filterwarnings(r"ignore:`use_\w+` is deprecated:DeprecationWarning:ray\.data\.context"),
    pytest.mark.filterwarnings(r"ignore:Using extra keyword arguments on `Field`:DeprecationWarning:ray\.serve"),
]

_OBJECTS = 80 * 2**20  # the least that Ray takes is 75 MB


class Nodes:
    """A cluster whose nodes have one core each: the head, and one that can be killed."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as RayCluster

        head = {"num_cpus": 1, "object_store_memory": _OBJECTS, "include_dashboard": False}
        self._cluster = patiently(lambda: RayCluster(initialize_head=True, head_node_args=head))
        self._nodes = [self._add()]
        self.address: str = self._cluster.address

    def _add(self) -> Any:
        return patiently(lambda: self._cluster.add_node(num_cpus=1, object_store_memory=_OBJECTS))

    def kill_one(self) -> None:
        """Kills a node as a power cut would."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)

    def add_one(self) -> None:
        """Puts another in its place."""
        self._nodes.append(self._add())

    def close(self) -> None:
        self._cluster.shutdown()


def patiently(start: Callable[[], Any]) -> Any:
    """A busy machine may take longer to start a node than Ray waits."""
    for _ in range(3):
        with suppress(Exception):
            return start()
    return start()


@pytest.fixture(scope="module")
def nodes(detector: TextDetector) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        nodes = Nodes()
        try:
            ray.init(nodes.address, log_to_driver=False, logging_level="ERROR")
            yield nodes
        finally:
            ray.shutdown()
            nodes.close()


POOL = Cluster(detectors=2, cpus_per_detector=1, gpus_per_detector=0)


def test_a_node_dies_in_the_middle_of_a_batch_job(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(picture(number) if number != 17 else b"broken")
    batch = BatchOptions(shard_size=4)
    assert detect_all(tmp_path / "in", tmp_path / "one", FAST, batch=batch, read=Sizes) == Summary(40, 1, 0)
    steps: list[int] = []

    def kill(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 3:
            nodes.kill_one()  # and none takes its place, until the job is done

    place = f"file://{tmp_path}/many"  # written to by the detectors themselves
    found = detect_all(tmp_path / "in", place, FAST, batch=batch, read=Sizes, cluster=POOL, progress=kill)
    assert found == Summary(40, 1, 0)
    assert steps == list(range(0, 44, 4))
    assert result(tmp_path / "many") == result(tmp_path / "one")
    nodes.add_one()


def test_what_a_detector_cannot_do_is_told_as_elsewhere(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(0))
    with pytest.raises(RuntimeUnavailableError, match="no node of the Ray cluster has the 3 processor cores"):
        detect_all(tmp_path / "a.png", tmp_path / "out", cluster=Cluster(cpus_per_detector=3, gpus_per_detector=0))
    with pytest.raises(WeightsError, match="nowhere"):
        detect_all(tmp_path / "a.png", tmp_path / "out", DetectorOptions(weights="nowhere"), cluster=POOL)


class Load:
    """Clients that post pictures one after the other, and somebody who asks whether the service is ready."""

    def __init__(self, url: str, clients: int) -> None:
        from serving.client import Client

        self.words: Counter[str] = Counter()
        self.ready: Counter[int] = Counter()
        self._stop = threading.Event()

        def post(number: int) -> None:
            with Client(url, tries=8) as client:
                while not self._stop.is_set():
                    try:
                        found = len(client.detect(picture(number)).boxes)
                    except Exception as error:
                        self.words[repr(error)] += 1
                    else:
                        self.words["some" if found else "none"] += 1

        def probe() -> None:
            with httpx.Client(base_url=url, timeout=30) as client:
                while not self._stop.wait(0.1):
                    self.ready[client.get("/readyz").status_code] += 1

        self._threads = [threading.Thread(target=post, args=[number]) for number in range(clients)]
        self._threads.append(threading.Thread(target=probe))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def wait_until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.2)


@pytest.fixture(scope="module")
def url(nodes: Nodes) -> Iterator[str]:
    """Two replicas, on a node each."""
    from ray import serve

    from serving.ray import build

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    scale = {"replicas": "auto", "least_replicas": 2, "most_replicas": 2}
    settings = {**scale, "cpus_per_replica": 1, "precision": "FP32", "warm-up": "96x160"}
    limits = {"limits.image-bytes": 100_000, "security": {"requests_per_minute": 100_000}}
    serve.run(build({**settings, **limits}), name="east", route_prefix="/")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def replicas(url: str) -> set[str]:
    """Those that tell metrics."""
    lines = httpx.get(f"{url}/metrics", timeout=30).text.splitlines()
    return {line.partition('replica="')[2].partition('"')[0] for line in lines if line.startswith("east_ready{")}


def test_replicas_take_requests_only_when_they_are_ready(url: str) -> None:
    assert [httpx.get(f"{url}/readyz", timeout=30).status_code for _ in range(20)] == [200] * 20


def test_answers_and_refusals_are_those_of_the_service(url: str, detector: TextDetector) -> None:
    answer = httpx.post(f"{url}/detect", content=picture(1), headers={"X-Request-ID": "mine"}, timeout=30)
    assert answer.headers["x-request-id"].startswith("mine")
    assert answer.json()["boxes"] == detector.detect(picture(1)).to_dict()["boxes"]
    refused = httpx.post(f"{url}/detect", content=iter([b"x" * 60_000] * 3), timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (413, "too-many-bytes")
    assert refused.headers["content-type"] == "application/problem+json"
    assert httpx.post(f"{url}/detect?score_threshold=2", content=picture(1), timeout=30).status_code == 422
    assert httpx.get(f"{url}/docs", timeout=30).status_code == 200


def test_metrics_are_those_of_all_replicas(url: str) -> None:
    wait_until(lambda: len(replicas(url)) == 2)
    lines = httpx.get(f"{url}/metrics", timeout=30).text.splitlines()
    assert sum(line.startswith("# TYPE east_ready ") for line in lines) == 1


def test_the_state_of_the_cluster_is_an_actor_with_a_name(url: str) -> None:
    from serving.ray import NAMESPACE, STATE

    state = ray.get_actor(STATE, namespace=NAMESPACE)
    taken = ray.get([state.take.remote("test", 6000, "anna", 600, 0) for _ in range(2)])
    assert taken[0] == (600, 0.0) or taken[0][0] > 0
    assert sum(count for count, _ in taken) < 1010


def test_a_node_dies_under_load(url: str, nodes: Nodes) -> None:
    first = replicas(url)
    with Load(url, 8) as load:
        wait_until(lambda: load.words["some"] > 20)
        nodes.kill_one()
        nodes.add_one()
        wait_until(lambda: replicas(url) - first)
        seen = load.words["some"]
        wait_until(lambda: load.words["some"] > seen + 20)
    assert set(load.words) == {"some"}
    assert set(load.ready) == {200}


def test_a_client_that_leaves_is_no_failure(url: str) -> None:
    with suppress(httpx.ReadTimeout):
        httpx.post(f"{url}/detect", content=picture(3), timeout=0.005)
    assert httpx.post(f"{url}/detect", content=picture(3), timeout=30).status_code == 200

"""A job on a Ray cluster: Ray Data hands the shards to a pool of detectors, and again what a dead one had."""

from __future__ import annotations

import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from inspect import signature
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from ..cores import take_short_turns
from ..errors import EastError, RuntimeUnavailableError
from .listing import Shard
from .options import Cluster
from .recognising import bound
from .work import Done, Failed, Work, Worker

_AT_ONCE = 4
"""Shards that a detector has: it reads ahead of the one that it works off, and Ray takes its time to bring another."""

_TRIES_AGAIN = 5
"""How often a detector is asked again that does not answer, before its shards are left for the next pass."""

_FRUITLESS_PASSES = 3
"""After so many in which not one shard was worked off nothing more is tried."""

_OBJECTS = 256 * 2**20
"""Bytes of shared memory of a cluster that is there for one job: shards are lists of names."""


Answer: TypeAlias = Done | Failed


class ClusterWorker:
    """A `Worker` as Ray Data wants one: shards in, what they came to out, each pickled in a row.

    It is called by several threads, so that the next shard is there before the last one is done.
    """

    def __init__(self, work: Work) -> None:
        take_short_turns()
        self._worker = Worker(work)
        self._asked: SimpleQueue[tuple[Shard, Future[Answer]]] = SimpleQueue()
        Thread(target=self._answer, name="shards", daemon=True).start()

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """Has the shards of some rows worked off; what goes wrong with one stands in its place."""
        answers: list[Future[Answer]] = [Future() for _ in rows["shard"]]
        for shard, answer in zip(rows["shard"], answers, strict=True):
            self._asked.put((pickle.loads(shard), answer))  # noqa: S301 -- by whoever started this job
        return {"done": [pickle.dumps(answer.result()) for answer in answers]}

    def _answer(self) -> None:
        while True:
            waiting: dict[int, Future[Answer]] = {}
            try:
                for done in self._worker.run(self._shards(waiting)):
                    waiting.pop(done.number).set_result(done)
            except Exception as error:
                for number, answer in waiting.items():
                    answer.set_result(Failed(number, error))

    def _shards(self, waiting: dict[int, Future[Answer]]) -> Iterator[Shard]:
        """Waits for a shard; others only follow as long as there are any already."""
        shard, answer = self._asked.get()
        while True:
            waiting[shard.number] = answer
            yield shard
            try:
                shard, answer = self._asked.get_nowait()
            except Empty:
                return


def run(work: Work, shards: Sequence[Shard], cluster: Cluster) -> Iterator[Done]:
    """Works the shards off on a cluster; they come as they are done, in no order.

    What a node had that died is worked off by those that are left, in another pass.

    Raises:
        RuntimeUnavailableError: the cluster cannot be reached, has not what a detector needs, or its detectors die.
        EastError, OSError, ValueError: what a `Worker` raises, there as here.
    """
    left = {shard.number: shard for shard in shards}
    with _connected(cluster.address):
        fruitless = 0
        while left:
            before = len(left)
            for done in _pass(work, list(left.values()), cluster):
                if left.pop(done.number, None) is not None:
                    yield done
            fruitless = fruitless + 1 if len(left) == before else 0
            if fruitless == _FRUITLESS_PASSES:
                first = next(iter(left.values()))
                raise RuntimeUnavailableError(
                    f"{len(left)} shards are not done: their detectors died {fruitless} times over; the first of them "
                    f"begins with {first.spans[0].name()}"
                )


def _pass(work: Work, shards: Sequence[Shard], cluster: Cluster) -> Iterator[Done]:
    """Hands each shard out once; those whose detector dies do not come back."""
    import ray.data
    import ray.exceptions
    from ray.data import ActorPoolStrategy, DataContext

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus, gpus = _resources(nodes, cluster)
    rooms = _rooms(nodes, cpus, gpus)
    if work.read is not None:
        work = work._replace(read=bound(work.read, cpus))
    if not gpus and work.options.threads is None:
        work = work._replace(options=replace(work.options, threads=cpus))
    most = min(cluster.detectors or len(shards), len(shards))
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what is left out is told by nobody, but done again
    listed = ray.data.from_items([{"shard": pickle.dumps(shard)} for shard in shards], override_num_blocks=len(shards))
    threads: dict[str, Any] = {}
    if "max_concurrent_calls_per_actor" in signature(ActorPoolStrategy).parameters:
        threads = {"enable_true_multi_threading": True, "max_concurrent_calls_per_actor": _AT_ONCE}
    bounded: dict[str, Any] = {}
    if "ray_remote_args_fn" in signature(listed.map_batches).parameters:
        bounded = {"ray_remote_args_fn": partial(dict, max_task_retries=_TRIES_AGAIN)}
    with warnings.catch_warnings():  # Ray is going to have no other way of saying so, nor this one
        warnings.filterwarnings("ignore", "`ray_remote_args_fn` is deprecated")
        found = listed.map_batches(
            ClusterWorker,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=[work],
            compute=ActorPoolStrategy(
                min_size=min(most, rooms), max_size=most, max_tasks_in_flight_per_actor=_AT_ONCE, **threads
            ),
            num_cpus=cpus,
            num_gpus=gpus,
            **bounded,
        )
    try:
        for row in found.iter_rows():
            done = pickle.loads(row["done"])  # noqa: S301 -- by a worker of this job
            if isinstance(done, Failed):
                raise done.error
            yield done
    except ray.exceptions.RayError as error:
        raise _cause(error) from error


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Ray, connected; as before afterwards."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        try:
            here: dict[str, Any] = (
                {"object_store_memory": _OBJECTS, "include_dashboard": False} if address is None else {}
            )
            ray.init(address or "local", log_to_driver=False, logging_level=logging.WARNING, **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            told = address or "on this machine"
            raise RuntimeUnavailableError(f"the Ray cluster {told} cannot be used: {error}") from error
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _resources(nodes: Sequence[dict[str, float]], cluster: Cluster) -> tuple[int, float]:
    """Processor cores and GPUs of each detector."""
    gpus = cluster.gpus_per_detector
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU") for node in nodes) else 0.0
    cpus = cluster.cpus_per_detector
    if cpus is None:
        fitting = [node for node in nodes if node.get("CPU") and node.get("GPU", 0) >= gpus]
        shares = [node["CPU"] / (node["GPU"] / gpus if gpus else 1) for node in fitting]
        cpus = max(1, int(min(shares, default=1)))
    return cpus, gpus


def _rooms(nodes: Sequence[dict[str, float]], cpus: int, gpus: float) -> int:
    """How many detectors the nodes have room for."""
    rooms = 0
    for node in nodes:
        by_cpu = int(node.get("CPU", 0) / cpus)
        rooms += min(by_cpu, int(node.get("GPU", 0) / gpus)) if gpus else by_cpu
    if not rooms:
        raise RuntimeUnavailableError(
            f"no node of the Ray cluster has the {cpus} processor cores and {gpus:g} GPUs that a detector is to have"
        )
    return rooms


def _cause(error: BaseException) -> BaseException:
    """The project's own error within one of Ray's, or one that says what Ray says."""
    seen: BaseException | None = error
    while seen is not None:
        inner = getattr(seen, "cause", None)
        for one in (seen, inner):
            if isinstance(one, (EastError, OSError, ValueError)) and not type(one).__module__.startswith("ray"):
                return one
        seen = seen.__cause__ or (inner if isinstance(inner, BaseException) else None)
    return RuntimeUnavailableError(f"the Ray cluster failed: {str(error).strip().splitlines()[-1]}")

"""A job on a Ray cluster: Ray Data hands the shards to a pool of detectors, and again what a dead one had."""

from __future__ import annotations

import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import EastError, RuntimeUnavailableError
from ..extras import missing_package
from .listing import Shard
from .options import Cluster
from .work import Done, Work, Worker

_TRIES_AGAIN = 5
"""How often a shard is handed out again whose detector died over it: nodes die, but not always over the same one."""


_OBJECTS = 256 * 2**20
"""Bytes of shared memory of a cluster that is there for one job: shards are lists of names."""


class ClusterWorker:
    """A `Worker` as Ray Data wants one: shards in, what they came to out, each pickled in a row."""

    def __init__(self, work: Work) -> None:
        self._worker = Worker(work)

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """Works off the shards of some rows."""
        return {"done": [pickle.dumps(self._worker(pickle.loads(shard))) for shard in rows["shard"]]}  # noqa: S301


def run(work: Work, shards: Sequence[Shard], cluster: Cluster) -> Iterator[Done]:
    """Works the shards off on a cluster; they come as they are done, in no order.

    Raises:
        RuntimeUnavailableError: the cluster cannot be reached, or has not what a detector needs.
        EastError, OSError, ValueError: what a `Worker` raises, there as here.
    """
    with _connected(cluster.address):
        import ray.data
        import ray.exceptions
        from ray.data import ActorPoolStrategy

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus, gpus = _resources(nodes, cluster)
        if not gpus and work.options.threads is None:
            work = work._replace(options=replace(work.options, threads=cpus))
        rooms = _rooms(nodes, cpus, gpus)
        most = cluster.detectors or len(shards)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        listed = ray.data.from_items(
            [{"shard": pickle.dumps(shard)} for shard in shards], override_num_blocks=len(shards)
        )
        with warnings.catch_warnings():  # there is no other way to bound how often a shard is handed out
            warnings.filterwarnings("ignore", "`ray_remote_args_fn` is deprecated")
            found = listed.map_batches(
                ClusterWorker,
                batch_size=1,
                batch_format="numpy",
                fn_constructor_args=[work],
                compute=ActorPoolStrategy(min_size=min(most, rooms), max_size=most, max_tasks_in_flight_per_actor=2),
                num_cpus=cpus,
                num_gpus=gpus,
                ray_remote_args_fn=partial(dict, max_task_retries=_TRIES_AGAIN),
            )
        try:
            for row in found.iter_rows():
                yield pickle.loads(row["done"])  # noqa: S301 -- by a worker of this job
        except ray.exceptions.RayError as error:
            raise _cause(error) from error


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Ray, connected; as before afterwards."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise missing_package(error, "a Ray cluster") from error
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

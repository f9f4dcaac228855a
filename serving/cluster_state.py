"""What the replicas of a cluster have in common: rate limits that hold over all of them, and all of their metrics.

Both lie in one small actor of the cluster, which outlives the replicas. None of them depends on it: while it cannot be
reached, as when its node has died, each replica limits for itself and tells of itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from .auth import RateLimit

logger = logging.getLogger("serving")

LEASE_SECONDS = 1.0
"""How long a replica may give away what it has taken from a bucket beforehand; what is left then goes back."""

AWAY_SECONDS = 5.0
"""How long nobody is asked who has not answered."""

FORGET_SECONDS = 15.0
"""A replica that has told nothing for so long is gone."""

_MOST_CALLERS = 100_000


class SharedState:
    """The actor: buckets of all callers, and what each replica has told last. Its memory is bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits: dict[tuple[str, int], RateLimit] = {}
        self._told: dict[str, tuple[float, Any]] = {}

    def take(self, kind: str, per_minute: int, caller: str, most: int, back: int) -> tuple[int, float]:
        """`RateLimit.take` of the limit of that kind and rate, two of which there are while a rate changes."""
        limit = self._limits.get((kind, per_minute))
        if limit is None:
            limit = self._limits[kind, per_minute] = RateLimit(per_minute, _MOST_CALLERS, self._clock)
            older = [key for key in self._limits if key[0] == kind][:-2]
            for key in older:
                del self._limits[key]
        return limit.take(caller, most, back)

    def tell(self, replica: str, metrics: Any) -> None:
        """Keeps what a replica tells, and forgets those that have told nothing for long."""
        now = self._clock()
        self._told[replica] = now, metrics
        self._told = {name: one for name, one in self._told.items() if now - one[0] < FORGET_SECONDS}

    def told(self) -> dict[str, Any]:
        """What each replica has told last."""
        now = self._clock()
        return {name: metrics for name, (when, metrics) in self._told.items() if now - when < FORGET_SECONDS}


class State(Protocol):
    """How a replica asks the actor: waits for the answer; raises `UnreachableError` where none comes."""

    def __call__(self, method: str, *args: Any) -> Any:
        """Calls a method of `SharedState`."""


class UnreachableError(Exception):
    """The actor has not answered in time."""


class Patient:
    """Asks the actor unless it has just failed to answer: then not for a while, so that nobody waits for it in vain.

    Args:
        ask: calls a method of the actor and waits, though not long; may raise anything.
        clock: gives seconds.
    """

    def __init__(self, ask: Callable[..., Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._away_until = 0.0
        self._away = False

    def __call__(self, method: str, *args: Any) -> Any:
        """Calls a method. Raises `UnreachableError`."""
        if self._clock() < self._away_until:
            raise UnreachableError
        try:
            answer = self._ask(method, *args)
        except Exception as error:
            self._away_until = self._clock() + AWAY_SECONDS
            if not self._away:
                logger.warning("the cluster's rate limits cannot be reached, each replica limits for itself: %s", error)
            self._away = True
            raise UnreachableError from error
        if self._away:
            logger.info("the cluster's rate limits are reached again")
        self._away = False
        return answer


@dataclass
class _Lease:
    """What a replica has of a caller's bucket."""

    left: int = 0
    used: int = 0
    until: float = 0.0
    refused_until: float = 0.0


class ClusterLimit:
    """A rate limit over all replicas: takes from the caller's bucket as many as it will need in the next second.

    So a caller that comes often costs one question a second, and one that comes seldom one a request. What is taken
    beforehand is at most a tenth of a bucket, and goes back when it is not used: the rate holds to within that.

    Args:
        kind: what is limited.
        per_minute: the rate.
        state: the actor.
        clock: gives seconds.
    """

    def __init__(self, kind: str, per_minute: int, state: State, clock: Callable[[], float] = time.monotonic) -> None:
        self._kind = kind
        self._per_minute = per_minute
        self._most = max(1, per_minute // 60)
        self._state = state
        self._clock = clock
        self._own = RateLimit(per_minute, _MOST_CALLERS, clock)
        self._lock = threading.Lock()
        self._leases: OrderedDict[str, _Lease] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Takes one. Returns 0, or the seconds until there is one again."""
        with self._lock:
            now = self._clock()
            lease = self._leases.setdefault(caller, _Lease())
            self._leases.move_to_end(caller)
            if len(self._leases) > _MOST_CALLERS:
                self._leases.popitem(last=False)
            if now < lease.refused_until:
                return lease.refused_until - now
            if lease.left and now < lease.until:
                lease.left -= 1
                lease.used += 1
                return 0.0
            wanted = 2 * lease.used if now < lease.until else lease.used
            wanted = min(self._most, max(1, wanted))
            try:
                granted, seconds = self._state("take", self._kind, self._per_minute, caller, wanted, lease.left)
            except UnreachableError:
                return self._own.wait(caller)
            used = lease.used + 1 if now < lease.until else 1
            self._leases[caller] = _Lease(granted - 1, used, now + LEASE_SECONDS) if granted else _Lease()
            self._leases[caller].refused_until = now + seconds
            return float(seconds)


def merged(told: Mapping[str, Iterable[Metric]], nodes: Mapping[str, str]) -> Iterator[Metric]:
    """The metrics of several replicas as those of one program; each sample says of which replica and node it is.

    Args:
        told: by replica.
        nodes: the address of each replica's node.
    """
    families: dict[str, Metric] = {}
    for replica, metrics in sorted(told.items()):
        labels = {"replica": replica, "node": nodes.get(replica, "")}
        for metric in metrics:
            family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            family.samples += [Sample(s.name, {**s.labels, **labels}, s.value, s.timestamp) for s in metric.samples]
    yield from families.values()

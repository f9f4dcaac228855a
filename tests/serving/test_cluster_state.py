"""Rate limits that hold over all replicas, at one question a second for a caller that comes often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from serving.auth import RateLimit
from serving.cluster_state import (
    AWAY_SECONDS,
    FORGET_SECONDS,
    ClusterLimit,
    Patient,
    SharedState,
    UnreachableError,
    merged,
)


class Cluster:
    """An actor's state that replicas ask, on a clock of its own."""

    def __init__(self, per_minute: int, replicas: int) -> None:
        self.now = 0.0
        self.state = SharedState(lambda: self.now)
        self.asked: Counter[str] = Counter()
        self.broken = False
        patient = Patient(self.ask, lambda: self.now)
        self.limits = [ClusterLimit("requests", per_minute, patient, lambda: self.now) for _ in range(replicas)]

    def ask(self, method: str, *args: Any) -> Any:
        self.asked[method] += 1
        if self.broken:
            raise TimeoutError
        return getattr(self.state, method)(*args)

    def run(self, seconds: int, per_second: int, caller: str = "anna") -> int:
        """A caller comes so often, at one replica after the other. Returns how often it was let in."""
        let_in = 0
        for number in range(seconds * per_second):
            let_in += not self.limits[number % len(self.limits)].wait(caller)
            self.now += 1 / per_second
        return let_in


@pytest.mark.parametrize("replicas", [1, 4, 16])
@pytest.mark.parametrize("per_minute", [6, 60, 600, 6000])
def test_the_rate_holds_over_all_replicas(per_minute: int, replicas: int) -> None:
    cluster = Cluster(per_minute, replicas)
    burst = max(1, per_minute // 6)
    let_in = cluster.run(60, max(8, per_minute // 10))  # at six times the rate
    beforehand = replicas * max(1, per_minute // 60)
    assert burst + per_minute - beforehand <= let_in <= burst + per_minute + 1


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_caller_within_its_rate_is_never_refused(replicas: int) -> None:
    cluster = Cluster(6000, replicas)
    assert cluster.run(60, 90) == 60 * 90
    assert cluster.asked["take"] < 60 * 90 / 4


def test_a_caller_that_comes_often_costs_a_question_a_second() -> None:
    cluster = Cluster(60_000, 2)
    cluster.run(30, 500)
    cluster.asked.clear()
    assert cluster.run(30, 500) == 30 * 500
    assert cluster.asked["take"] <= 2 * 2 * 30


def test_what_was_refused_is_not_asked_again_in_vain() -> None:
    cluster = Cluster(6, 1)
    assert cluster.limits[0].wait("anna") == 0
    assert cluster.limits[0].wait("anna") == pytest.approx(10)
    cluster.now += 4
    assert cluster.limits[0].wait("anna") == pytest.approx(6)
    assert cluster.asked["take"] == 2
    assert cluster.limits[0].wait("otto") == 0


def test_each_replica_limits_for_itself_while_the_state_is_away() -> None:
    cluster = Cluster(60, 2)
    cluster.broken = True
    assert cluster.run(60, 8) == pytest.approx(2 * (10 + 60), abs=4)
    assert cluster.asked["take"] <= 60 / AWAY_SECONDS + 1
    cluster.broken = False
    cluster.now += AWAY_SECONDS
    assert cluster.run(60, 8) <= 10 + 60 + 1


def test_limits_of_the_state_are_by_kind_and_rate_and_few() -> None:
    state = SharedState(lambda: 0.0)
    assert state.take("requests", 6, "anna", 1, 0) == (1, 0.0)
    assert state.take("requests", 6, "anna", 1, 0)[0] == 0
    assert state.take("wrong-keys", 6, "anna", 1, 0) == (1, 0.0)
    for per_minute in range(10, 20):
        assert state.take("requests", per_minute, "anna", 1, 0)[0] == 1
    assert len(state._limits) <= 3


def test_several_are_taken_and_put_back() -> None:
    limit = RateLimit(60, clock=lambda: 0.0)
    assert limit.take("anna", 4) == (4, 0.0)
    assert limit.take("anna", 100) == (6, 0.0)
    assert limit.take("anna", 100)[0] == 0
    assert limit.take("anna", 100, back=3) == (3, 0.0)
    assert limit.take("otto", 2, back=5) == (2, 0.0)
    assert limit.take("otto", 100) == (8, 0.0)


def registry(value: float) -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("held", "Bytes.", ["kind"], registry=made).labels("image").set(value)
    return made


def test_metrics_of_all_replicas_are_one_family() -> None:
    class Told:
        def collect(self) -> Any:
            return merged({"b": registry(2).collect(), "a": registry(1).collect()}, {"a": "1.2.3.4"})

    assert generate_latest(Told()).decode().splitlines() == [
        "# HELP held Bytes.",
        "# TYPE held gauge",
        'held{kind="image",node="1.2.3.4",replica="a"} 1.0',
        'held{kind="image",node="",replica="b"} 2.0',
    ]


def test_replicas_that_are_gone_are_forgotten() -> None:
    now = 0.0
    state = SharedState(lambda: now)
    state.tell("a", b"1")
    now = FORGET_SECONDS - 1
    state.tell("b", b"2")
    assert state.told() == {"a": b"1", "b": b"2"}
    now = FORGET_SECONDS
    assert state.told() == {"b": b"2"}
    state.tell("c", b"3")
    assert len(state._told) == 2


def test_nobody_asks_who_has_just_got_no_answer() -> None:
    cluster = Cluster(60, 1)
    cluster.broken = True
    patient = Patient(cluster.ask, lambda: cluster.now)
    for _ in range(5):
        with pytest.raises(UnreachableError):
            patient("told")
    assert cluster.asked["told"] == 1

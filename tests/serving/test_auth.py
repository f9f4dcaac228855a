"""API keys and rate limits."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.auth import KeyRing, RateLimit, key_hash
from serving.settings import Security

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


@pytest.fixture(scope="module")
def blank() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "PNG")
    return buffer.getvalue()


def test_keys_from_environment_and_file(serve: Serve, blank: bytes, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# callers\nbilling:{key_hash('two')}  # since spring\n\n")
    with serve(security={"keys": "shop:" + key_hash("one"), "keys_file": file}) as client:
        for headers in ({}, {"x-api-key": "three"}, {"authorization": "Bearer three"}, {"authorization": "Basic one"}):
            answer = client.post("/detect", content=blank, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["code"] == "key-needed"
        assert client.post("/v2/models/east/infer", json={}).status_code == 401
        for headers in ({"x-api-key": "one"}, {"authorization": "Bearer two"}, {"authorization": "bearer two"}):
            assert client.post("/detect", content=blank, headers=headers).status_code == 200
        for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json", "/metrics", "/v2/health/live"):
            assert client.get(path).status_code == 200
        schemes = client.get("/openapi.json").json()["components"]["securitySchemes"]
        assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}


def test_keys_are_kept_as_hashes_only() -> None:
    ring = KeyRing(Security(keys=["shop:" + key_hash("one")]))
    assert ring.owner("one") == "shop"
    assert ring.owner("") is None
    assert "one" not in str(vars(ring))


def test_a_key_in_the_clear_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="NAME:SHA256") as caught:
        KeyRing(Security(keys=["shop:secret"]))
    assert "secret" not in str(caught.value)


def test_command_makes_a_key() -> None:
    run = subprocess.run([sys.executable, "-m", "serving.auth", "shop"], capture_output=True, text=True, check=True)
    key, line = (line.partition(": ")[2] for line in run.stdout.splitlines())
    assert KeyRing(Security(keys=[line])).owner(key) == "shop"
    wrong = subprocess.run([sys.executable, "-m", "serving.auth", "a b"], capture_output=True, text=True, check=False)
    assert wrong.returncode != 0
    assert wrong.stderr.startswith("usage:")


def test_rate_limit_answers_429_with_the_time_to_wait(serve: Serve, blank: bytes) -> None:
    keys = {"keys": [f"{name}:{key_hash(name)}" for name in ("a", "b")], "requests_per_minute": 6}
    with serve(security=keys) as client:
        assert client.post("/detect", content=blank, headers={"x-api-key": "a"}).status_code == 200
        refused = client.post("/detect", content=blank, headers={"x-api-key": "a"})
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate-limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert client.post("/detect", content=blank, headers={"x-api-key": "b"}).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_bucket_fills_at_its_rate() -> None:
    now = 0.0
    limit = RateLimit(60, clock=lambda: now)
    assert [limit.wait("a") for _ in range(10)] == [0.0] * 10
    assert limit.wait("a") == pytest.approx(1.0)
    now = 0.5
    assert limit.wait("a") == pytest.approx(0.5)
    now = 1.0
    assert limit.wait("a") == 0.0
    now = 1000.0
    assert [limit.wait("a") > 0 for _ in range(11)] == [False] * 10 + [True]


@given(
    per_minute=st.integers(1, 6000),
    pauses=st.lists(st.floats(0, 30) | st.just(0.0), min_size=1, max_size=80),
    start=st.floats(0, 1e6),
)
def test_never_more_than_a_full_bucket_and_what_the_rate_adds(
    per_minute: int, pauses: list[float], start: float
) -> None:
    now = start
    limit = RateLimit(per_minute, clock=lambda: now)
    taken: list[float] = []
    for pause in pauses:
        now += pause
        wait = limit.wait("a")
        assert wait >= 0
        if wait:
            now += wait + 1e-6  # what it says is true
            assert limit.wait("a") == 0
        taken.append(now)
    rate = per_minute / 60
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= max(1, 10 * rate) + rate * (taken[last] - begin) + 1e-3


def test_callers_have_buckets_of_their_own() -> None:
    limit = RateLimit(6, clock=lambda: 0.0)
    assert [limit.wait(caller) for caller in "abab"] == [0, 0, 10, 10]


def test_callers_whose_bucket_is_full_again_are_forgotten() -> None:
    now = 0.0
    limit = RateLimit(60, clock=lambda: now)
    for number in range(3000):
        now = number / 8
        for _ in range(1 + number % 10):
            assert limit.wait(f"10.0.{number // 256}.{number % 256}") == 0
        assert len(limit) <= 81  # a bucket is full again after ten seconds at most
    now += 10
    limit.wait("10.1.0.0")
    assert len(limit) == 1


def test_of_too_many_callers_the_oldest_are_forgotten() -> None:
    limit = RateLimit(6, most=3, clock=lambda: 0.0)
    for caller in "abcad":  # a was let in first, and so goes first
        limit.wait(caller)
    assert len(limit) == 3
    assert [limit.wait(caller) > 0 for caller in "bcd"] == [True] * 3
    assert limit.wait("a") == 0


def test_threads_count_together() -> None:
    limit = RateLimit(600, clock=lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: limit.wait("a"), range(2000)))
    assert waits.count(0) == 100


def test_cross_origin_calls_only_where_allowed(serve: Serve, blank: bytes) -> None:
    with serve(security={"cors_origins": "https://shop.example"}) as client:
        ask = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        assert client.options("/detect", headers=ask).headers["access-control-allow-origin"] == ask["origin"]
        answer = client.post("/detect", content=blank, headers={"origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        other = client.post("/detect", content=blank, headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers

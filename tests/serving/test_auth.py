"""API keys and rate limits."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import Request

from serving.auth import Gate, KeyRing, RateLimit, key_hash
from serving.context import RequestContext
from serving.problems import Problem
from serving.settings import Security

if TYPE_CHECKING:
    from tests.serving.conftest import Refused, Serve


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_key_files_of_all_editors_are_read(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ["shop:" + key_hash("one"), "# ä", "", "  billing:" + key_hash("two") + "  # since spring ", ""]
    file = tmp_path / "keys"
    file.write_bytes(end.join(lines).encode(encoding))
    ring = KeyRing(Security(keys_file=file))
    assert [ring.owner(key) for key in ("one", "two", "three")] == ["shop", "billing", None]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (("shop:" + key_hash("one")).encode("utf-16"), "is UTF-16, as PowerShell writes it: save it as UTF-8"),
        (b"a:" + b"0" * 64 + b"\n# \xe4\n", "line 2: this is not UTF-8"),
        (b"# keys\r\n\r\nshop:secret\r\n", "line 3: a key must be NAME:SHA256"),
        (b"a:" + b"0" * 64 + b"\nb:" + b"0" * 64, "line 2: b and a have the same key"),
        (b"# none yet\n", "has no keys in it"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_key_file_that_is_wrong_is_told_in_a_line_without_the_key(
    tmp_path: Path, content: bytes | None, told: str, refused: Refused
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    [line] = refused("--security.keys-file", str(file))
    assert str(file) in line
    assert told in line
    assert "secret" not in line


def test_a_caller_may_have_an_old_key_and_a_new_one() -> None:
    ring = KeyRing(Security(keys=["shop:" + key_hash("old"), "shop:" + key_hash("new")]))
    assert ring.owner("old") == ring.owner("new") == "shop"


def test_wrong_keys_are_limited_and_right_ones_are_not(serve: Serve, blank: bytes) -> None:
    with serve(security={"keys": "shop:" + key_hash("one")}) as client:
        found = [client.post("/detect", headers={"x-api-key": str(guess)}) for guess in range(20)]
        assert [answer.status_code for answer in found[:10]] == [401] * 10
        refused = found[-1]
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate-limited"
        assert refused.headers["retry-after"] == "1"
        assert client.post("/detect", content=blank, headers={"x-api-key": "one"}).status_code == 200
        assert client.post("/detect").status_code == 401  # no guess


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


@contextmanager
def calling(settings: Security) -> Iterator[Callable[..., int]]:
    """Gives a function that calls, from an address, with headers; and returns the status of the answer."""
    gate = Gate(settings)

    def call(address: str) -> int:
        scope = {"type": "http", "headers": [], "client": (address, 1), "east.context": RequestContext("x")}
        try:
            asyncio.run(gate(Request(scope)))
        except Problem as problem:
            return problem.status
        return 200

    yield call


def test_addresses_of_one_ipv6_network_share_a_bucket() -> None:
    with calling(Security(requests_per_minute=6)) as call:
        assert call("2001:db8:1:2::1") == 200
        assert call("2001:db8:1:2:ffff:ffff:ffff:ffff") == 429
        assert call("2001:db8:1:3::1") == 200
        assert call("fe80::1%eth0") == 200
        assert call("fe80::2%eth1") == 429
        assert call("::ffff:192.0.2.1") == 200
        assert call("192.0.2.1") == 429
        assert call("192.0.2.2") == 200
        assert call("x" * 100_000) == 200
        assert call("x" * 100_001) == 429


def test_forwarded_addresses_are_believed_from_trusted_proxies_only(
    serve: Serve, blank: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")

    def statuses(trusted: str) -> list[int]:
        security = {"requests_per_minute": 6, "trusted_proxies": trusted}
        caplog.clear()
        with caplog.at_level(logging.INFO, "serving.access"), serve(security=security) as client:
            return [
                client.post("/detect", content=blank, headers={"x-forwarded-for": chain}).status_code
                for chain in ("192.0.2.1", "192.0.2.2", "192.0.2.3, 192.0.2.2", "192.0.2.4, 10.1.1.1")
            ]

    def clients() -> list[str]:
        lines = [getattr(record, "fields", {}) for record in caplog.records]
        return [line["client"] for line in lines if line.get("path") == "/detect"]

    assert statuses("") == [200, 429, 429, 429]
    assert set(clients()) == {"127.0.0.1"}
    assert statuses("192.0.2.0/24") == [200, 429, 429, 429]
    assert set(clients()) == {"127.0.0.1"}
    assert statuses("127.0.0.1, 10.0.0.0/8") == [200, 200, 429, 200]
    assert clients() == ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.4"]


def test_trusted_proxies_are_addresses_and_networks() -> None:
    for wrong in ("proxy", "*", "10.0.0.1/8", "300.0.0.1"):
        with pytest.raises(ValueError, match="network"):
            Security.model_validate({"trusted_proxies": wrong})


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

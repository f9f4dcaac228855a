"""API keys and rate limits."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from starlette.requests import Request

from serving import shared
from serving.auth import Gate, KeyRing, RateLimit, key_hash
from serving.context import RequestContext
from serving.problems import Problem
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


def request_from(address: str) -> Request:
    scope = {"type": "http", "headers": [], "client": (address, 1)}
    RequestContext.begin(scope)
    return Request(scope)


def test_processes_count_together() -> None:
    settings = Security(requests_per_minute=6)
    with shared.made():
        gates = [Gate(settings) for _ in range(2)]
        gates[0](request_from("10.0.0.1"))
        for gate in gates:
            with pytest.raises(Problem, match="too many requests; try again in 10 seconds"):
                gate(request_from("10.0.0.1"))
        gates[1](request_from("10.0.0.2"))
        for gate in gates:
            gate.close()


def test_limit_that_cannot_be_kept_keeps_nobody_out() -> None:
    gate = Gate(Security(requests_per_minute=1))
    gate(request_from("10.0.0.1"))
    gate.close()
    gate(request_from("10.0.0.1"))


def test_callers_of_long_ago_are_forgotten(tmp_path: Path) -> None:
    now = 0.0
    limit = RateLimit(60, tmp_path / "limit", clock=lambda: now)
    for number in range(3000):
        now = float(number)
        limit.wait(f"10.0.{number // 256}.{number % 256}")
    limit.close()
    with sqlite3.connect(tmp_path / "limit") as database:
        assert database.execute("SELECT count(*) FROM bucket").fetchone()[0] < 1002
    database.close()


def test_cross_origin_calls_only_where_allowed(serve: Serve, blank: bytes) -> None:
    with serve(security={"cors_origins": "https://shop.example"}) as client:
        ask = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        assert client.options("/detect", headers=ask).headers["access-control-allow-origin"] == ask["origin"]
        answer = client.post("/detect", content=blank, headers={"origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        other = client.post("/detect", content=blank, headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers

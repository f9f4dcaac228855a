"""API keys and rate limits."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
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


def test_cross_origin_calls_only_where_allowed(serve: Serve, blank: bytes) -> None:
    with serve(security={"cors_origins": "https://shop.example"}) as client:
        ask = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        assert client.options("/detect", headers=ask).headers["access-control-allow-origin"] == ask["origin"]
        answer = client.post("/detect", content=blank, headers={"origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        other = client.post("/detect", content=blank, headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers

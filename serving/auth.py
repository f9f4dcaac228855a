"""Who calls, and how often: API keys, kept only as hashes, and a rate limit.

``python -m serving.auth NAME`` makes a key: it prints the key, for the caller, and the line for the key file.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import sys
import time
from collections.abc import Callable

from starlette.requests import Request

from .exchange import Exchange
from .problems import Problem
from .settings import Security

_LINE = re.compile(r"([\w.-]+):([0-9a-f]{64})", re.ASCII)


def key_hash(key: str) -> str:
    """SHA-256 in hex: enough for keys, which are random and long, unlike passwords."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """The callers and the hashes of their keys; empty means that nobody needs one."""

    def __init__(self, settings: Security) -> None:
        lines = list(settings.keys)
        if settings.keys_file is not None:
            lines += settings.keys_file.read_text().splitlines()
        self._hashes: dict[str, str] = {}
        for line in filter(None, (line.partition("#")[0].strip() for line in lines)):
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError("a key must be NAME:SHA256, as `python -m serving.auth NAME` prints it")
            self._hashes[match[1]] = match[2]

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def owner(self, key: str) -> str | None:
        """Whose key it is. Compares with every hash in constant time, so that time tells nothing."""
        given = key_hash(key)
        owners = [name for name, known in self._hashes.items() if hmac.compare_digest(known, given)]
        return owners[0] if owners else None


class RateLimit:
    """A bucket for each caller, filled at a steady rate; a full one lasts ten seconds."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._burst = max(1.0, self._rate * 10)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> float:
        """Takes one from the caller's bucket. Returns 0, or the seconds until there is one again."""
        now = self._clock()
        if len(self._buckets) > 10_000:
            self._buckets = {k: v for k, v in self._buckets.items() if now - v[1] < self._burst / self._rate}
        left, then = self._buckets.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._rate)
        if left < 1:
            self._buckets[caller] = (left, now)
            return (1 - left) / self._rate
        self._buckets[caller] = (left - 1, now)
        return 0.0


class Gate:
    """Lets a request in, or raises the `Problem` to answer with; before any of its body is read."""

    def __init__(self, settings: Security) -> None:
        self.keys = KeyRing(settings)
        self._limit = RateLimit(settings.requests_per_minute) if settings.requests_per_minute else None

    def __call__(self, request: Request) -> None:
        exchange = Exchange.of(request)
        caller = request.client.host if request.client else ""
        if self.keys:
            exchange.caller = self.keys.owner(_presented(request))
            if exchange.caller is None:
                detail = "send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                raise Problem(401, "key-needed", detail, headers={"WWW-Authenticate": "Bearer"})
            caller = exchange.caller
        if self._limit is not None:
            seconds = self._limit.wait(caller)
            if seconds:
                detail = f"too many requests; try again in {math.ceil(seconds)} seconds"
                raise Problem(429, "rate-limited", detail, retry_after=seconds)


def _presented(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")


def main() -> None:
    """Makes a key."""
    if len(sys.argv) != 2 or not re.fullmatch(r"[\w.-]+", sys.argv[1], re.ASCII):
        sys.exit("usage: python -m serving.auth NAME (letters, digits, . _ -)")
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"key, for the caller: {key}\nline, for the key file: {sys.argv[1]}:{key_hash(key)}\n")


if __name__ == "__main__":
    main()

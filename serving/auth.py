"""Who calls, and how often: API keys, kept only as hashes, and a rate limit.

``python -m serving.auth NAME`` makes a key: it prints the key, for the caller, and the line for the key file.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import re
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request

from . import shared
from .context import RequestContext
from .problems import Problem
from .settings import Security

logger = logging.getLogger("serving")

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
    """A bucket for each caller, filled at a steady rate; a full one lasts ten seconds.

    The virtual scheduling form of the generic cell rate algorithm, ITU-T I.371, annex A.

    Args:
        per_minute: the rate.
        file: a SQLite database that several processes share, so that they count together; in memory by default.
        clock: seconds, the same in all processes.
    """

    _FORGET_EVERY = 1000

    def __init__(self, per_minute: int, file: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute
        self._burst = max(self._interval, 10.0)
        self._clock = clock
        self._taken = 0
        self._lock = threading.Lock()
        self._buckets = sqlite3.connect(file or ":memory:", 1.0, isolation_level=None, check_same_thread=False)
        self._buckets.executescript(
            "PRAGMA synchronous = OFF;"
            "CREATE TABLE IF NOT EXISTS bucket (caller TEXT PRIMARY KEY, full REAL) WITHOUT ROWID"
        )

    def wait(self, caller: str) -> float:
        """Takes one from the caller's bucket. Returns 0, or the seconds until there is one again."""
        now = self._clock()
        with self._lock:
            self._taken += 1
            if self._taken % self._FORGET_EVERY == 0:
                self._buckets.execute("DELETE FROM bucket WHERE full < ?", (now,))
            taken = self._buckets.execute(
                "INSERT INTO bucket VALUES (:caller, :now + :interval) ON CONFLICT (caller) DO UPDATE "
                "SET full = max(full, :now) + :interval WHERE max(full, :now) + :interval <= :now + :burst",
                {"caller": caller, "now": now, "interval": self._interval, "burst": self._burst},
            ).rowcount
            if taken:
                return 0.0
            [(full,)] = self._buckets.execute("SELECT full FROM bucket WHERE caller = ?", (caller,))
        return max(0.0, float(full) + self._interval - self._burst - now)

    def close(self) -> None:
        self._buckets.close()


class Gate:
    """Lets a request in, or raises the `Problem` to answer with; before any of its body is read."""

    def __init__(self, settings: Security) -> None:
        self.keys = KeyRing(settings)
        self._limit: RateLimit | None = None
        if settings.requests_per_minute:
            folder = shared.folder()
            self._limit = RateLimit(settings.requests_per_minute, folder and folder / "rate-limit.sqlite")

    def __call__(self, request: Request) -> None:
        context = RequestContext.of(request)
        caller = request.client.host if request.client else ""
        if self.keys:
            context.caller = self.keys.owner(_presented(request))
            if context.caller is None:
                detail = "send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                raise Problem(401, "key-needed", detail, headers={"WWW-Authenticate": "Bearer"})
            caller = context.caller
        seconds = self._wait(caller)
        if seconds:
            detail = f"too many requests; try again in {math.ceil(seconds)} seconds"
            raise Problem(429, "rate-limited", detail, retry_after=seconds)

    def close(self) -> None:
        if self._limit is not None:
            self._limit.close()

    def _wait(self, caller: str) -> float:
        try:
            return 0.0 if self._limit is None else self._limit.wait(caller)
        except sqlite3.Error:  # no memory left for the file: no reason to keep anybody out
            logger.exception("the rate limit cannot be kept")
            return 0.0


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

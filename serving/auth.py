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
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from .context import RequestContext
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
        if settings.keys_file is not None and not self._hashes:  # an empty file must not open the service to everybody
            raise ValueError(f"{settings.keys_file} has no keys in it")

    def __len__(self) -> int:
        return len(self._hashes)

    def owner(self, key: str) -> str | None:
        """Whose key it is. Compares with every hash in constant time, so that time tells nothing."""
        given = key_hash(key)
        owners = [name for name, known in self._hashes.items() if hmac.compare_digest(known, given)]
        return owners[0] if owners else None


class RateLimit:
    """A bucket for each caller, filled at a steady rate; a full one lasts ten seconds.

    The virtual scheduling form of the generic cell rate algorithm, ITU-T I.371, annex A. A caller whose bucket is full
    again is forgotten, and of too many the one that came longest ago.

    Args:
        per_minute: the rate.
        most: callers that are remembered.
        clock: gives seconds.
    """

    def __init__(self, per_minute: int, most: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute
        self._burst = max(self._interval, 10.0)
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()  # in the order in which the callers came last

    def __len__(self) -> int:
        """How many callers are remembered."""
        return len(self._full_at)

    def wait(self, caller: str) -> float:
        """Takes one from the caller's bucket. Returns 0, or the seconds until there is one again."""
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(caller, now), now) + self._interval
            missing = full_at - self._burst - now
            if missing > 0:
                return missing
            self._full_at[caller] = full_at
            self._full_at.move_to_end(caller)
            while len(self._full_at) > self._most or next(iter(self._full_at.values())) <= now:
                self._full_at.popitem(last=False)
            return 0.0


class Gate:
    """Lets a request in, or raises the `Problem` to answer with; before any of its body is read."""

    def __init__(self, settings: Security) -> None:
        self.keys = KeyRing(settings)
        self._per_minute = settings.requests_per_minute
        self._limit = RateLimit(settings.requests_per_minute) if settings.requests_per_minute else None

    def reload(self, settings: Security) -> None:
        """Takes other keys and another rate; with the same rate, callers keep their buckets. Raises like `KeyRing`."""
        keys = KeyRing(settings)
        if settings.requests_per_minute != self._per_minute:
            self._per_minute = settings.requests_per_minute
            self._limit = RateLimit(self._per_minute) if self._per_minute else None
        self.keys = keys

    def __call__(self, request: Request) -> None:
        context = RequestContext.of(request)
        caller = request.client.host if request.client else ""
        if self.keys:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
            context.caller = self.keys.owner(key)
            if context.caller is None:
                detail = "send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                raise Problem(401, "key-needed", detail, headers={"WWW-Authenticate": "Bearer"})
            caller = context.caller
        seconds = self._limit.wait(caller) if self._limit is not None else 0
        if seconds:
            detail = f"too many requests; try again in {math.ceil(seconds)} seconds"
            raise Problem(429, "rate-limited", detail, retry_after=seconds)


def main() -> None:
    """Makes a key."""
    if len(sys.argv) != 2 or not re.fullmatch(r"[\w.-]+", sys.argv[1], re.ASCII):
        sys.exit("usage: python -m serving.auth NAME (letters, digits, . _ -)")
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"key, for the caller: {key}\nline, for the key file: {sys.argv[1]}:{key_hash(key)}\n")


if __name__ == "__main__":
    main()

"""Who calls, and how often: API keys, kept only as hashes, and a rate limit.

``python -m serving.auth NAME`` makes a key: it prints the key, for the caller, and the line for the key file.
"""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import hmac
import ipaddress
import math
import re
import secrets
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from starlette.requests import Request

from .context import RequestContext
from .problems import Problem, shown
from .settings import Security

_LINE = re.compile(r"([\w.-]+):([0-9a-f]{64})", re.ASCII)
_WRONG_KEYS_PER_MINUTE = 60


def key_hash(key: str) -> str:
    """SHA-256 in hex: enough for keys, which are random and long, unlike passwords."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """The callers and the hashes of their keys; empty means that nobody needs one.

    A caller may have several keys, the old one and the new one.

    Raises:
        ValueError: a line is no key, a file cannot be read or has no keys.
    """

    def __init__(self, settings: Security) -> None:
        self._names: dict[str, str] = {}  # by the hashes
        self._add(settings.keys, "--security.keys, key")
        if settings.keys_file is not None:
            self._add(_lines(settings.keys_file), f"{settings.keys_file}, line")
            if not self._names:  # an empty file must not open the service to everybody
                raise ValueError(f"{settings.keys_file} has no keys in it")

    def _add(self, lines: Iterable[str], place: str) -> None:
        for number, line in enumerate(lines, 1):
            if text := line.partition("#")[0].strip():
                match = _LINE.fullmatch(text)
                if match is None:
                    raise ValueError(
                        f"{place} {number}: a key must be NAME:SHA256, as `python -m serving.auth NAME` prints it"
                    )
                if self._names.setdefault(match[2], match[1]) != match[1]:
                    raise ValueError(f"{place} {number}: {match[1]} and {self._names[match[2]]} have the same key")

    def __len__(self) -> int:
        return len(self._names)

    def owner(self, key: str) -> str | None:
        """Whose key it is. Compares with every hash in constant time, so that time tells nothing."""
        given = key_hash(key)
        owners = [name for known, name in self._names.items() if hmac.compare_digest(known, given)]
        return owners[0] if owners else None


def readable_keys(settings: Security) -> list[str]:
    """All keys, those of the file among them, as `Security.keys` has them. Raises like `KeyRing`."""
    return [f"{name}:{known}" for known, name in KeyRing(settings)._names.items()]


def _lines(file: Path) -> list[str]:
    """The lines of a file of keys, whatever editor has written it."""
    try:
        content = file.read_bytes()
        return content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError(f"{file} is UTF-16, as PowerShell writes it: save it as UTF-8") from None
        raise ValueError(f"{file}, line {content.count(10, 0, error.start) + 1}: this is not UTF-8") from None


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
        return self.take(caller, 1)[1]

    def take(self, caller: str, most: int, back: int = 0) -> tuple[int, float]:
        """Takes several from the caller's bucket, or as many as there are, once ``back`` have been put back.

        Returns:
            how many were taken; if none, the seconds until there is one again, else 0.
        """
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(caller, now) - back * self._interval, now)
            missing = full_at + self._interval - self._burst - now
            if missing > 0:
                if back:
                    self._full_at[caller] = full_at
                return 0, missing
            taken = min(most, 1 + int(-missing / self._interval))
            self._full_at[caller] = full_at + taken * self._interval
            self._full_at.move_to_end(caller)
            while len(self._full_at) > self._most or next(iter(self._full_at.values())) <= now:
                self._full_at.popitem(last=False)
            return taken, 0.0


class Limit(Protocol):
    """Says how long a caller has to wait."""

    def wait(self, caller: str) -> float:
        """Takes one from the caller's bucket. Returns 0, or the seconds until there is one again."""


def own_limit(kind: str, per_minute: int) -> Limit:
    """A limit that this process keeps for itself."""
    return RateLimit(per_minute)


def _address(request: Request) -> str:
    """Who calls where there is no key: an IPv4 address, or the /64 network that an IPv6 subscriber has all of."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # whatever a proxy says
        return shown(host)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


class Gate:
    """Lets a request in, or raises the `Problem` to answer with; before any of its body is read.

    Wrong keys have a limit of their own for each address, which does not concern those who have a right one.

    Args:
        settings: keys and rate.
        limit: makes a limit, given what it is of and how many a minute.
    """

    def __init__(self, settings: Security, limit: Callable[[str, int], Limit] = own_limit) -> None:
        self.keys = KeyRing(settings)
        self._make = limit
        self._per_minute = settings.requests_per_minute
        self._limit = limit("requests", self._per_minute) if self._per_minute else None
        self._wrong = limit("wrong-keys", _WRONG_KEYS_PER_MINUTE)

    def reload(self, settings: Security) -> None:
        """Takes other keys and another rate; with the same rate, callers keep their buckets. Raises like `KeyRing`."""
        keys = KeyRing(settings)
        if settings.requests_per_minute != self._per_minute:
            self._per_minute = settings.requests_per_minute
            self._limit = self._make("requests", self._per_minute) if self._per_minute else None
        self.keys = keys

    async def __call__(self, request: Request) -> None:
        context = RequestContext.of(request)
        caller = _address(request)
        if self.keys:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
            context.caller = self.keys.owner(key)
            if context.caller is None:
                if key and (seconds := await asyncio.to_thread(self._wrong.wait, caller)):
                    raise _too_often("too many wrong keys", seconds)
                detail = "send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                raise Problem(401, "key-needed", detail, headers={"WWW-Authenticate": "Bearer"})
            caller = context.caller
        if self._limit is not None and (seconds := await asyncio.to_thread(self._limit.wait, caller)):
            raise _too_often("too many requests", seconds)


def _too_often(what: str, seconds: float) -> Problem:
    detail = f"{what}; try again in {math.ceil(seconds)} seconds"
    return Problem(429, "rate-limited", detail, retry_after=seconds)


def main() -> None:
    """Makes a key."""
    if len(sys.argv) != 2 or not re.fullmatch(r"[\w.-]+", sys.argv[1], re.ASCII):
        sys.exit("usage: python -m serving.auth NAME (letters, digits, . _ -)")
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"key, for the caller: {key}\nline, for the key file: {sys.argv[1]}:{key_hash(key)}\n")


if __name__ == "__main__":
    main()

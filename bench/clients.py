"""Clients of the service that ask without a pause, and know what the answers have to be."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from east import TextDetector


@dataclass(frozen=True)
class Picture:
    """An encoded image and what is known of it.

    Attributes:
        name: of the file.
        data: the file.
        size: as answers have it.
        quads: boxes that the bare detector finds, or another answer had.
    """

    name: str
    data: bytes
    size: dict[str, int]
    quads: NDArray[np.float32]

    @classmethod
    def found(cls, name: str, data: bytes, detector: TextDetector, **changes: Any) -> Picture:
        """With the boxes that the bare detector finds."""
        found = detector.detect(data, keep_image=False, **changes)
        return cls(name, data, {"width": found.width, "height": found.height}, found.quads)

    @classmethod
    def answered(cls, name: str, data: bytes, answer: dict[str, Any]) -> Picture:
        """With those of an answer."""
        return cls(name, data, answer["image"], _quads(answer))

    def fits(self, answer: dict[str, Any]) -> bool:
        """Whether this is the answer for this picture."""
        quads = _quads(answer)
        same = answer["image"] == self.size and quads.shape == self.quads.shape
        return same and bool(np.allclose(quads, self.quads, atol=0.6))


def _quads(answer: dict[str, Any]) -> NDArray[np.float32]:
    return np.array([box["quad"] for box in answer["boxes"]], np.float32).reshape(-1, 4, 2)


@dataclass
class Load:
    """Clients that ask for one picture after the other without a pause, each one of the services."""

    urls: Sequence[str]
    pictures: list[Picture]
    clients: int
    query: str = ""
    done: int = 0
    wrong: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def run(self, seconds: float = 1e9, requests: float = 1e9) -> float:
        """Asks for so long, or so often. Returns answers a second."""
        before, start = self.done, time.perf_counter()
        with ThreadPoolExecutor(self.clients) as pool:
            for client in range(self.clients):
                pool.submit(self._ask, client, start + seconds, before + requests)
        return (self.done - before) / (time.perf_counter() - start)

    def _ask(self, client: int, until: float, most: float) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.urls[client % len(self.urls)]).netloc, timeout=120)
        for turn in itertools.count(client):
            if time.perf_counter() > until or self.done >= most:
                return
            picture = self.pictures[turn % len(self.pictures)]
            start = time.perf_counter()
            try:
                connection.request("POST", f"/detect{self.query}", picture.data, {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                good = answer.status == 200 and picture.fits(body)
                told = "" if good else f"{picture.name}: {answer.status} {str(body)[:200]}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                told = f"{picture.name}: {error!r}"
            with self.lock:
                self.done += 1
                self.times.append(time.perf_counter() - start)
                if told:
                    self.wrong.append(told)


class Clients:
    """Clients in processes of their own, which do not wait for each other's interpreter.

    Args:
        pictures: what they ask for.
        processes: how many there are to share the clients.
    """

    def __init__(self, pictures: list[Picture], processes: int) -> None:
        self._processes = processes
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"), _know, (pictures,))

    def run(self, urls: Sequence[str], clients: int, seconds: float) -> Answered:
        """So many ask for so long, as many of them each service."""
        spread = [urls[client % len(urls)] for client in range(clients)]
        shares = [spread[number :: self._processes] for number in range(self._processes)]
        found = [self._pool.submit(_ask, share, seconds) for share in shares if share]
        rates, times, wrong = zip(*(one.result() for one in found), strict=True)
        return Answered(sum(rates), list(itertools.chain(*times)), list(itertools.chain(*wrong)))


class Answered(NamedTuple):
    """What clients were answered.

    rate: answers a second.
    times: seconds that each took.
    wrong: what was wrong with any.
    """

    rate: float
    times: list[float]
    wrong: list[str]


_known: list[Picture] = []


def _know(pictures: list[Picture]) -> None:
    _known[:] = pictures


def _ask(urls: Sequence[str], seconds: float) -> Answered:
    load = Load(urls, _known, len(urls))
    return Answered(load.run(seconds), load.times, load.wrong)

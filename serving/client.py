"""A client for the service, for threads and for asyncio.

::

    with Client("http://localhost:8000") as client:
        for box in client.detect("sign.jpg").boxes:
            print(box.quad, box.score)

A busy or starting service (429, 503) and a lost connection are tried again, after the time the service asks for.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import httpx
import numpy as np

from east.errors import EastError
from east.types import TextBox

Source: TypeAlias = str | os.PathLike[str] | bytes

_TRY_AGAIN = {429, 503}


class ServiceError(EastError):
    """An answer other than boxes.

    status: HTTP status, 0 when there was no answer at all. code: what was wrong, for programs.
    request_id: to quote when asking the service's operator.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.request_id = request_id


@dataclass(frozen=True, eq=False)
class Found:
    """The words of one image.

    boxes: quads in pixels of the upright image, which is ``width`` by ``height`` pixels.
    model: weights, runtime and precision. timings_ms: milliseconds of each step, by name.
    """

    boxes: tuple[TextBox, ...]
    width: int
    height: int
    model: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str

    @classmethod
    def of(cls, body: Mapping[str, Any], request_id: str) -> Found:
        boxes = tuple(TextBox(np.array(box["quad"], np.float32), box["score"]) for box in body["boxes"])
        return cls(boxes, **body["image"], model=body["model"], timings_ms=body["timings_ms"], request_id=request_id)


class Client:
    """Calls a service, and waits for its answer.

    url: where the service is. key: the API key, where one is needed. timeout: seconds for one try.
    tries: how often to ask before giving up. patience: most seconds to wait between two tries.
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 60, tries: int = 5, patience: float = 30
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, headers=_headers(key))
        self._retry = _Retry(tries, patience)

    def detect(self, image: Source, **options: float) -> Found:
        """Finds the words of an image, given as a path or as bytes.

        options: ``score_threshold``, ``nms_threshold``, ``box_threshold``, ``max_side``.
        Raises `ServiceError`.
        """
        return _one(self._post("/detect", options, content=_read(image)))

    def detect_batch(self, images: Sequence[Source], **options: float) -> list[Found | ServiceError]:
        """Finds the words of several images. An image that cannot be used has its error in its place."""
        return _several(self._post("/detect/batch", options, files=_parts(images)))

    def ready(self) -> bool:
        """Whether the service can detect now."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, path: str, options: Mapping[str, float], **body: Any) -> httpx.Response:
        for pause in self._retry.pauses():
            try:
                answer = self._http.post(path, params=dict(options), **body)
            except httpx.TransportError as error:
                pause.after_error(error)
            else:
                if not pause.after_answer(answer):
                    return answer
            time.sleep(pause.seconds)
        raise AssertionError("the last try returns or raises")


class AsyncClient:
    """`Client` for asyncio."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 60, tries: int = 5, patience: float = 30
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout, headers=_headers(key))
        self._retry = _Retry(tries, patience)

    async def detect(self, image: Source, **options: float) -> Found:
        """See `Client.detect`."""
        return _one(await self._post("/detect", options, content=_read(image)))

    async def detect_batch(self, images: Sequence[Source], **options: float) -> list[Found | ServiceError]:
        """See `Client.detect_batch`."""
        return _several(await self._post("/detect/batch", options, files=_parts(images)))

    async def ready(self) -> bool:
        """Whether the service can detect now."""
        try:
            return (await self._http.get("/readyz")).is_success
        except httpx.TransportError:
            return False

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _post(self, path: str, options: Mapping[str, float], **body: Any) -> httpx.Response:
        for pause in self._retry.pauses():
            try:
                answer = await self._http.post(path, params=dict(options), **body)
            except httpx.TransportError as error:
                pause.after_error(error)
            else:
                if not pause.after_answer(answer):
                    return answer
            await asyncio.sleep(pause.seconds)
        raise AssertionError("the last try returns or raises")


@dataclass(frozen=True)
class _Retry:
    tries: int
    patience: float

    def pauses(self) -> list[_Pause]:
        return [_Pause(number, number == self.tries - 1, self.patience) for number in range(self.tries)]


@dataclass
class _Pause:
    """What follows a try."""

    number: int
    last: bool
    patience: float
    seconds: float = 0.0

    def after_error(self, error: httpx.TransportError) -> None:
        """Sets the time to wait after a lost connection. Raises `ServiceError` after the last try."""
        if self.last or isinstance(error, (httpx.UnsupportedProtocol, httpx.ReadTimeout)):
            raise ServiceError(0, "no-answer", f"no answer: {error or type(error).__name__}") from error
        self.seconds = self._grown()

    def after_answer(self, answer: httpx.Response) -> bool:
        """Whether to try again, after so many ``seconds``."""
        if answer.status_code not in _TRY_AGAIN or self.last:
            return False
        asked = answer.headers.get("retry-after", "")
        self.seconds = min(float(asked) if asked.isdecimal() else self._grown(), self.patience)
        return True

    def _grown(self) -> float:
        return min(0.25 * 2.0**self.number * random.uniform(0.75, 1.25), self.patience)


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _read(image: Source) -> bytes:
    return image if isinstance(image, bytes) else Path(image).read_bytes()


def _parts(images: Sequence[Source]) -> list[tuple[str, bytes]]:
    return [("image", _read(image)) for image in images]


def _one(answer: httpx.Response) -> Found:
    body = _checked(answer)
    return Found.of(body, body["request_id"])


def _several(answer: httpx.Response) -> list[Found | ServiceError]:
    body = _checked(answer)
    request_id = body["request_id"]
    return [
        _error(result["problem"], request_id) if "problem" in result else Found.of(result, request_id)
        for result in body["results"]
    ]


def _checked(answer: httpx.Response) -> dict[str, Any]:
    try:
        body: dict[str, Any] = answer.json()
    except ValueError:
        body = {}
    if answer.is_success and body:
        return body
    raise _error({"status": answer.status_code, **body}, answer.headers.get("x-request-id"))


def _error(problem: Mapping[str, Any], request_id: str | None) -> ServiceError:
    status = problem["status"]
    detail = problem.get("detail", f"the service answered {status}")
    return ServiceError(status, problem.get("code", "unknown"), detail, request_id)

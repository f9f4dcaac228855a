"""A client for the service, for threads and for asyncio.

::

    with Client("http://localhost:8000") as client:
        for box in client.detect("sign.jpg").boxes:
            print(box.quad, box.score)
        print(client.read("sign.jpg").text)  # of a service that has a recogniser

A busy or starting service (429, 503) and a lost connection are tried again, after the time the service asks for; so is
what something in front of the service answers in its place (5xx without problem details), as when a replica has died.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

import numpy as np

from east.console import one_line
from east.errors import ImageError, ServiceError
from east.extras import missing_package
from east.types import TextBox

try:
    import httpx
except ModuleNotFoundError as error:
    raise missing_package(error, __name__) from error

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from east.images.decoding import ImageInput
    from east.options import CallChanges, ReadingChanges

__all__ = ["AsyncClient", "Client", "DetectResult", "ImageSource", "ReadResult", "ServiceError"]

ImageSource: TypeAlias = "ImageInput"
"""What `east.TextDetector.detect` takes; files are sent as they are, pixels as PNG."""

_TRY_AGAIN = {429, 503}
_AT_ONCE = 16
"""Images of one request: as many as a service takes unless it is told otherwise."""


@dataclass(frozen=True, eq=False)
class DetectResult:
    """The words of one image.

    Attributes:
        boxes: quads in pixels of the upright image, which is ``width`` by ``height`` pixels.
        width, height: of the upright image.
        tiles: how many tiles it was cut into; 1 where it was seen whole.
        runs: how often the network ran for it.
        model: weights, runtime and precision.
        timings_ms: milliseconds of each step, by name.
        request_id: to quote when asking the service's operator.
    """

    boxes: tuple[TextBox, ...]
    width: int
    height: int
    tiles: int
    runs: int
    model: Mapping[str, str]
    timings_ms: Mapping[str, float]
    request_id: str

    @classmethod
    def of(cls, body: Mapping[str, Any], request_id: str) -> Self:
        """From the service's JSON."""
        boxes = tuple(
            TextBox(np.array(box["quad"], np.float32), box["score"], box.get("text"), box.get("text_confidence"))
            for box in body["boxes"]
        )
        told = {one.name: body[one.name] for one in fields(cls) if one.name in body}
        return cls(**{**told, **body["image"], "boxes": boxes, "request_id": request_id})


@dataclass(frozen=True, eq=False)
class ReadResult(DetectResult):
    """The words of one image and what they say: each of the ``boxes`` has its ``text`` and ``text_confidence``.

    Attributes:
        text: the whole text in reading order, a line for each line of the image.
        recogniser: what read it, with its version.
    """

    text: str
    recogniser: str


Got = TypeVar("Got")
Result = TypeVar("Result", bound=DetectResult)
Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)


class _Calls(ABC, Generic[Http]):
    """What `Client` and `AsyncClient` have in common: all but how they wait and send."""

    _http_client: type[Http]

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = 60, tries: int = 5, patience: float = 30
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http: Http = self._http_client(base_url=url, timeout=timeout, headers=headers)
        self._tries = tries
        self._patience = patience

    @abstractmethod
    async def _send(self, seconds: float, request: httpx.Request) -> httpx.Response:
        """Waits, then sends."""

    async def _one(self, kind: type[Result], path: str, image: ImageSource, options: Mapping[str, Any]) -> Result:
        body = await self._post(path, options, content=_bytes_of(image))
        return kind.of(body, body["request_id"])

    async def _batch(
        self,
        kind: type[Result],
        path: str,
        images: Iterable[ImageSource] | str | os.PathLike[str],
        options: Mapping[str, Any],
    ) -> list[Result | ServiceError]:
        from east.images.several import several_images

        alone = path.removeprefix("/").removesuffix("/batch")
        left = iter(several_images(images, alone=alone))
        results: list[Result | ServiceError] = []
        while some := [_bytes_or_error(image) for image in islice(left, _AT_ONCE)]:
            results += await self._portion(kind, path, some, options)
        return results

    async def _portion(
        self, kind: type[Result], path: str, files: Sequence[bytes | ServiceError], options: Mapping[str, Any]
    ) -> list[Result | ServiceError]:
        """The results of the files of one request, and in their places the errors of those that cannot be sent."""
        parts = [("image", file) for file in files if isinstance(file, bytes)]
        if not parts:
            return [file for file in files if isinstance(file, ServiceError)]
        body = await self._post(path, options, files=parts)
        request_id = body["request_id"]
        answered = (
            _error(result["problem"], request_id) if "problem" in result else kind.of(result, request_id)
            for result in body["results"]
        )
        return [file if isinstance(file, ServiceError) else next(answered) for file in files]

    async def _ready(self) -> bool:
        try:
            return (await self._send(0, self._http.build_request("GET", "/readyz"))).is_success
        except httpx.TransportError:
            return False

    async def _post(self, path: str, options: Mapping[str, Any], **content: Any) -> dict[str, Any]:
        """The JSON that a request is answered with, at one of so many tries. Raises `ServiceError`."""
        request = self._http.build_request("POST", path, params=dict(options), **content)
        wait = 0.0
        for number in range(self._tries):
            last = number == self._tries - 1
            pause = 0.25 * 2.0**number * random.uniform(0.75, 1.25)
            try:
                answer = await self._send(wait, request)
            except httpx.TransportError as error:
                if last or isinstance(error, (httpx.UnsupportedProtocol, httpx.ReadTimeout)):
                    raise ServiceError(0, "no-answer", f"no answer: {error or type(error).__name__}") from error
            else:
                if last or not _may_pass(answer):
                    return _checked(answer)
                if (asked := answer.headers.get("retry-after", "")).isdecimal():
                    pause = float(asked)
            wait = min(pause, self._patience)
        raise ValueError(f"tries must be at least 1, got {self._tries}")


class Client(_Calls[httpx.Client], AbstractContextManager["Client"]):
    """Calls a service, and waits for its answer.

    Args:
        url: where the service is.
        key: the API key, where one is needed.
        timeout: seconds for one try.
        tries: how often to ask before giving up.
        patience: most seconds to wait between two tries.
    """

    _http_client = httpx.Client

    def detect(self, image: ImageSource, **options: Unpack[CallChanges]) -> DetectResult:
        """Finds the words of an image.

        Args:
            image: a path, an open file or its bytes, an array ``(H, W, 3)`` uint8 RGB or a PIL image.
            options: what is to be otherwise than the service is set up.

        Raises:
            ServiceError: the answer was not boxes.
        """
        return _finished(self._one(DetectResult, "/detect", image, options))

    def read(self, image: ImageSource, **options: Unpack[ReadingChanges]) -> ReadResult:
        """Finds the words of an image and reads them; the arguments are those of `detect`, and ``text_threshold``.

        Raises:
            ServiceError: the answer was not texts; ``no-recogniser`` is the code of a service that reads nothing.
        """
        return _finished(self._one(ReadResult, "/read", image, options))

    def detect_batch(
        self, images: Iterable[ImageSource] | str | os.PathLike[str], **options: Unpack[CallChanges]
    ) -> list[DetectResult | ServiceError]:
        """Finds the words of several images or of a folder's; one that cannot be used has its error in its place."""
        return _finished(self._batch(DetectResult, "/detect/batch", images, options))

    def read_batch(
        self, images: Iterable[ImageSource] | str | os.PathLike[str], **options: Unpack[ReadingChanges]
    ) -> list[ReadResult | ServiceError]:
        """Finds the words of several images or of a folder's and reads them, with errors in their places likewise."""
        return _finished(self._batch(ReadResult, "/read/batch", images, options))

    def ready(self) -> bool:
        """Whether the service can detect now."""
        return _finished(self._ready())

    def close(self) -> None:
        self._http.close()

    def __exit__(self, *raised: object) -> None:
        self.close()

    async def _send(self, seconds: float, request: httpx.Request) -> httpx.Response:
        time.sleep(seconds)
        return self._http.send(request)


class AsyncClient(_Calls[httpx.AsyncClient], AbstractAsyncContextManager["AsyncClient"]):
    """`Client` for asyncio."""

    _http_client = httpx.AsyncClient

    async def detect(self, image: ImageSource, **options: Unpack[CallChanges]) -> DetectResult:
        """See `Client.detect`."""
        return await self._one(DetectResult, "/detect", image, options)

    async def read(self, image: ImageSource, **options: Unpack[ReadingChanges]) -> ReadResult:
        """See `Client.read`."""
        return await self._one(ReadResult, "/read", image, options)

    async def detect_batch(
        self, images: Iterable[ImageSource] | str | os.PathLike[str], **options: Unpack[CallChanges]
    ) -> list[DetectResult | ServiceError]:
        """See `Client.detect_batch`."""
        return await self._batch(DetectResult, "/detect/batch", images, options)

    async def read_batch(
        self, images: Iterable[ImageSource] | str | os.PathLike[str], **options: Unpack[ReadingChanges]
    ) -> list[ReadResult | ServiceError]:
        """See `Client.read_batch`."""
        return await self._batch(ReadResult, "/read/batch", images, options)

    async def ready(self) -> bool:
        """Whether the service can detect now."""
        return await self._ready()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def _send(self, seconds: float, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        return await self._http.send(request)


def _finished(call: Coroutine[Any, Any, Got]) -> Got:
    """What a coroutine returns that blocks where others wait."""
    try:
        call.send(None)
    except StopIteration as end:
        return cast(Got, end.value)
    raise AssertionError("the call waits")


def _bytes_of(image: ImageSource) -> bytes:
    """The file of an image, or a PNG of its pixels."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, (str, os.PathLike)):
        return Path(image).read_bytes()
    if callable(getattr(image, "read", None)):
        return cast("IO[bytes]", image).read()
    import cv2

    from east.images.decoding import load_image

    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return cv2.imencode(".png", cv2.cvtColor(load_image(image), cv2.COLOR_RGB2BGR), fast)[1].tobytes()


def _bytes_or_error(image: ImageSource) -> bytes | ServiceError:
    """The same of one image among several."""
    try:
        file = _bytes_of(image)
    except (ImageError, OSError) as error:
        return ServiceError(0, "unreadable-image", one_line(error))
    return file or ServiceError(400, "empty-image", "the image has no bytes")


def _may_pass(answer: httpx.Response) -> bool:
    """Whether another try may be answered otherwise: the service is busy, or this is not its own answer."""
    ours = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.status_code in _TRY_AGAIN or (answer.is_server_error and not ours)


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

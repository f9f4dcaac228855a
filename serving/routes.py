"""The service's own operations, and the pages for people; all that a page needs comes from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from east.detections import Detections
from east.errors import ImageError

from . import examples
from .answers import (
    BatchAnswer,
    DetectAnswer,
    DetectParameters,
    FormatParameters,
    ReadAnswer,
    ReadBatchAnswer,
    ReadBatchParameters,
    ReadParameters,
    ReadyAnswer,
    as_dict,
    as_json,
    as_read_dict,
    render,
    render_batch,
    render_read,
)
from .body import read_images
from .context import RequestContext
from .problems import documented, problem_of
from .service import Hold, Service

_FOLDER = Path(__file__).parent / "static"


async def _each_once(request: Request) -> None:
    """Refuses a parameter that is given again: a proxy and this service might each go by another of its values."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    again = [{"loc": ("query", name), "msg": "given more than once"} for name, count in counts.items() if count > 1]
    if again:
        raise RequestValidationError(again)


detection = APIRouter(tags=["detection"], dependencies=[Depends(_each_once)])
probes = APIRouter(tags=["operations"])
metrics = APIRouter(tags=["operations"])
pages = APIRouter(include_in_schema=False)
static = StaticFiles(directory=_FOLDER)

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _image_body(fields: dict[str, Any]) -> dict[str, Any]:
    form = {"schema": {"type": "object", "properties": fields, "required": ["image"], "additionalProperties": False}}
    content = {"image/*": _BINARY, "application/octet-stream": _BINARY, "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


_FILE = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, TIFF, BMP or GIF"}
_ONE = _image_body({"image": _FILE})
_SEVERAL = _image_body({"image": {"type": "array", "items": _FILE, "minItems": 1}})
_TEXT = {"schema": {"type": "string"}}
_FORMATS = {
    "application/json": {"example": examples.DETECTED},
    "text/plain": {**_TEXT, "example": examples.ICDAR},
    "image/png": _BINARY,
    "image/jpeg": _BINARY,
}

_READ_FORMATS = {"application/json": {"example": examples.READ}, "text/plain": {**_TEXT, "example": "OPEN\n"}}
_WRONG = (400, 408, 413, 415, 422, 429, 500, 503, 504)


def _body(request: Request, *, batch: bool = False) -> Callable[[Hold], Awaitable[list[bytes]]]:
    """What reads the images of a request."""
    return partial(read_images, request, Service.of(request).settings.limits, batch=batch)


def _refused(index: int, error: ImageError) -> bytes:
    """`RefusedImage`."""
    return as_json({"problem": problem_of(error).body()})


def _batch_response(request: Request, results: Sequence[bytes]) -> Response:
    body = render_batch(results, RequestContext.of(request).id)
    return Service.of(request).response(request, body, {"Content-Type": "application/json"})


@detection.post(
    "/detect",
    operation_id="detect",
    summary="Find the words in an image",
    response_model=DetectAnswer,
    responses={200: {"content": _FORMATS}, **documented(*_WRONG)},
    openapi_extra={
        **_ONE,
        **examples.code_samples(
            "curl --data-binary @sign.jpg -H 'Content-Type: image/jpeg' http://localhost:8000/detect",
            "curl -F image=@sign.jpg 'http://localhost:8000/detect?score_threshold=0.7&format=icdar'",
        ),
    },
)
async def detect(request: Request, parameters: Annotated[FormatParameters, Query()]) -> Response:
    """Takes the image as the body, or as the multipart field `image`."""
    service, request_id = Service.of(request), RequestContext.of(request).id
    form = parameters.format
    if form.startswith("image/"):
        drawn = await service.draw(request, _body(request), parameters.changes, form.removeprefix("image/"))
        return service.response(request, drawn, {"Content-Type": form})

    def finish(found: Detections, waited_ms: float) -> tuple[bytes, str]:
        return render(found, waited_ms, form, request_id)

    [(body, media_type)] = await service.detect(request, _body(request), parameters.changes, finish)
    return service.response(request, body, {"Content-Type": media_type})


@detection.post(
    "/detect/batch",
    operation_id="detectBatch",
    summary="Find the words in several images",
    response_model=BatchAnswer,
    responses={**examples.answer(examples.DETECTED_BATCH), **documented(*_WRONG)},
    openapi_extra={
        **_SEVERAL,
        **examples.code_samples("curl -F image=@a.jpg -F image=@b.jpg http://localhost:8000/detect/batch"),
    },
)
async def detect_batch(request: Request, parameters: Annotated[DetectParameters, Query()]) -> Response:
    """Takes one multipart field `image` for each image; a raw body is a batch of one.

    An image that cannot be used has its problem in its place, and does not lose the others.
    """

    def finish(found: Detections, waited_ms: float) -> bytes:
        return as_json(as_dict(found, waited_ms))

    images = _body(request, batch=True)
    results = await Service.of(request).detect(request, images, parameters.changes, finish, _refused)
    return _batch_response(request, results)


@detection.post(
    "/read",
    operation_id="read",
    summary="Read the words in an image",
    response_model=ReadAnswer,
    responses={200: {"content": _READ_FORMATS}, **documented(404, *_WRONG)},
    openapi_extra={
        **_ONE,
        **examples.code_samples(
            "curl --data-binary @sign.jpg -H 'Content-Type: image/jpeg' http://localhost:8000/read",
            "curl -F image=@sign.jpg 'http://localhost:8000/read?format=text'",
        ),
    },
)
async def read(request: Request, parameters: Annotated[ReadParameters, Query()]) -> Response:
    """Takes the image as `/detect` does. Needs a service that was started with a recogniser; `/readyz` names it."""
    service, request_id = Service.of(request), RequestContext.of(request).id

    def finish(found: Detections, waited_ms: float, read_ms: float) -> tuple[bytes, str]:
        return render_read(found, waited_ms, read_ms, parameters.format, service.recogniser, request_id)

    body = _body(request)
    [(text, media_type)] = await service.read(request, body, parameters.changes, parameters.text_threshold, finish)
    return service.response(request, text, {"Content-Type": media_type})


@detection.post(
    "/read/batch",
    operation_id="readBatch",
    summary="Read the words in several images",
    response_model=ReadBatchAnswer,
    responses={**examples.answer(examples.READ_BATCH), **documented(404, *_WRONG)},
    openapi_extra={
        **_SEVERAL,
        **examples.code_samples("curl -F image=@a.jpg -F image=@b.jpg http://localhost:8000/read/batch"),
    },
)
async def read_batch(request: Request, parameters: Annotated[ReadBatchParameters, Query()]) -> Response:
    """Takes images as `/detect/batch` does, and answers each as `/read` would; what it needs is what `/read` needs."""
    service = Service.of(request)

    def finish(found: Detections, waited_ms: float, read_ms: float) -> bytes:
        return as_json(as_read_dict(found, waited_ms, read_ms, service.recogniser))

    images = _body(request, batch=True)
    threshold = parameters.text_threshold
    results = await service.read(request, images, parameters.changes, threshold, finish, _refused)
    return _batch_response(request, results)


@probes.get(
    "/healthz",
    operation_id="healthz",
    summary="Is the process alive?",
    responses={**examples.answer({"status": "alive"}), **documented(503)},
)
async def healthz(request: Request) -> dict[str, str]:
    """Yes while its event loop turns: where that has stalled, the admin port says no, and this one nothing."""
    request.app.state.heartbeat.check()
    return {"status": "alive"}


@probes.get(
    "/readyz",
    operation_id="readyz",
    summary="Can it detect?",
    response_model=ReadyAnswer,
    response_model_exclude_none=True,
    responses={**examples.answer({"status": "ready", "model": examples.MODEL}), **documented(503)},
)
async def readyz(request: Request) -> dict[str, Any]:
    """Yes once the detector is loaded and warmed up, until its runtime fails or it is told to stop."""
    service = Service.of(request)
    service.check_ready()
    return {"status": "ready", "model": service.model, "recogniser": service.recogniser}


@metrics.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {**_TEXT, "example": examples.METRICS}}}},
)
def show_metrics(request: Request) -> Response:
    """Counts and times of this process, in the text format or, where that is asked for, as OpenMetrics.

    On a Ray cluster those of all replicas, each with its `replica` and `node`.
    """
    told = _Told(request.app.state.metrics.told())
    if "application/openmetrics-text" in request.headers.get("accept", ""):
        text = openmetrics.generate_latest(told)  # type: ignore[no-untyped-call]
        return Response(text, headers={"Content-Type": openmetrics.CONTENT_TYPE_LATEST})
    return Response(generate_latest(told), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Told:
    """Metrics in the form of a registry, as those who write them out want it."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _page(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def page() -> FileResponse:
        # keep it, but ask whether it is still the same
        return FileResponse(_FOLDER / name, headers={"Cache-Control": "no-cache"})

    return page


for _path, _name in {"/": "index.html", "/docs": "docs.html", "/favicon.ico": "icon.svg"}.items():
    pages.add_api_route(_path, _page(_name), methods=["GET", "HEAD"])

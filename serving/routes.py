"""The service's own operations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from east.detections import Detections
from east.errors import ImageError

from . import metrics
from .answers import BatchAnswer, DetectAnswer, DetectParameters, FormatParameters, as_dict, as_json, render
from .body import read_images
from .exchange import Exchange
from .problems import Problem, documented
from .scheduling import Job
from .service import Service, problem_of

detection = APIRouter(tags=["detection"])
operations = APIRouter(tags=["operations"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _image_body(fields: dict[str, Any]) -> dict[str, Any]:
    form = {"schema": {"type": "object", "properties": fields, "required": ["image"], "additionalProperties": False}}
    content = {"image/*": _BINARY, "application/octet-stream": _BINARY, "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


_ONE = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, TIFF, BMP or GIF"}
_FORMATS = {"text/plain": {"schema": {"type": "string"}}, "image/png": _BINARY, "image/jpeg": _BINARY}


@detection.post(
    "/detect",
    summary="Find the words in an image",
    response_model=DetectAnswer,
    responses={200: {"content": _FORMATS}, **documented(400, 408, 413, 415, 422, 429, 500, 503, 504)},
    openapi_extra=_image_body({"image": _ONE}),
)
async def detect(request: Request, parameters: Annotated[FormatParameters, Query()]) -> Response:
    """Takes the image as the body, or as the multipart field `image`."""
    service, exchange = _service(request), Exchange.of(request)
    service.scheduler.check_room()
    with service.holding() as hold:
        [image] = await read_images(request, service.settings.limits, hold, most=1)
        exchange.images = 1

        def finish(found: Detections, waited_ms: float) -> tuple[bytes, str]:
            exchange.boxes = len(found)
            return render(found, waited_ms, parameters.format, exchange.id)

        try:
            size = await service.inspect(image)
        except ImageError as error:
            raise problem_of(error) from error
        job = service.job(exchange, image, size, parameters.thresholds(service.settings), parameters.max_side, finish)
        [answer] = await service.answers(request, [job])
    if isinstance(answer, BaseException):
        raise problem_of(answer)
    body, media_type = answer
    service.hold_answer(exchange, body)
    return Response(body, media_type=media_type)


@detection.post(
    "/detect/batch",
    summary="Find the words in several images",
    response_model=BatchAnswer,
    responses=documented(400, 408, 413, 415, 422, 429, 500, 503, 504),
    openapi_extra=_image_body({"image": {"type": "array", "items": _ONE, "minItems": 1}}),
)
async def detect_batch(request: Request, parameters: Annotated[DetectParameters, Query()]) -> Response:
    """Takes one multipart field `image` for each image; a raw body is a batch of one.

    An image that cannot be used has its problem in its place, and does not lose the others.
    """
    service, exchange = _service(request), Exchange.of(request)
    limits = service.settings.limits
    service.scheduler.check_room()
    with service.holding() as hold:
        images = await read_images(request, limits, hold, most=limits.images)
        exchange.images = len(images)
        thresholds = parameters.thresholds(service.settings)
        results: list[Any] = []
        for image in images:
            try:
                size = await service.inspect(image)
            except ImageError as error:
                results.append(error)
            else:
                results.append(service.job(exchange, image, size, thresholds, parameters.max_side, as_dict))
        jobs = [result for result in results if isinstance(result, Job)]
        answers = iter(await service.answers(request, jobs) if jobs else [])
    results = [next(answers) if isinstance(result, Job) else result for result in results]
    for result in results:
        if isinstance(result, Problem) or not isinstance(result, (dict, ImageError)):
            raise problem_of(result)  # the service's own trouble concerns the whole request
    exchange.boxes = sum(len(result["boxes"]) for result in results if isinstance(result, dict))
    told = [result if isinstance(result, dict) else {"problem": problem_of(result).body()} for result in results]
    body = await run_in_threadpool(as_json, {"request_id": exchange.id, "results": told})
    service.hold_answer(exchange, body)
    return Response(body, media_type="application/json")


@operations.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    """Always yes: a dead process does not answer."""
    return {"status": "alive"}


@operations.get("/readyz", summary="Can it detect?", responses=documented(503))
async def readyz(request: Request) -> dict[str, str]:
    """Yes once the detector is loaded and warmed up, until its runtime fails."""
    if not _service(request).ready:
        raise Problem(503, "not-ready", "the detector is not ready", retry_after=5)
    return {"status": "ready"}


@operations.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def show_metrics(request: Request) -> Response:
    """Counts and times of all processes together."""
    text = await run_in_threadpool(request.app.state.metrics.render)
    return Response(text, media_type=metrics.MEDIA_TYPE)


def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 -- the app was made with it
    return service

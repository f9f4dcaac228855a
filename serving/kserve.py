"""The Open Inference Protocol v2 over REST, as KServe speaks it, for platforms that expect it.

One model, ``east``: a BYTES tensor ``image`` of N encoded images goes in; out come the boxes of all of them,
``quads`` FP32 (M, 4, 2), ``scores`` FP32 (M), ``image_index`` INT64 (M), and ``image_size`` INT64 (N, 2), height
and width. In JSON an image is a base64 string, and ``data`` a flat list of them (the protocol would have nested lists
too); the binary tensor data extension is understood both ways. ``shape`` is [N], ``id`` has at most 128 characters, and
an output is named once. Besides its images, a request may have some 16 KiB of JSON.
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter
from fastapi import Path as PathParameter
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from east import __version__
from east.detections import Detections
from east.errors import ImageError
from east.options import CallChanges

from .answers import as_json
from .body import read_bytes
from .examples import INFER_REQUEST, INFERRED, answer
from .infer_request import HEADER, InferRequest, Output, parse_request
from .problems import Problem, problem_of, shown
from .service import Hold, Service

NAME = "east"
TAG = "KServe v2"
_OUTPUTS = {"quads": "FP32", "scores": "FP32", "image_index": "INT64", "image_size": "INT64"}
_DTYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "INT64": np.dtype("<i8")}

_NUMBER = 26
"""Bytes of a number in JSON, at most: a double's digits, sign, point and exponent, and what separates it."""
_REST = 4096
"""Bytes of an answer besides the numbers, at most: most of it is a client's ``id`` with everything escaped."""
_PIECE = 8192
"""Numbers rendered at a time, in some 5 ms."""


class KserveError(BaseModel):
    error: str = Field(examples=["image 0: the image cannot be decoded"])


def refusal(problem: Problem) -> JSONResponse:
    """A problem as the protocol has it."""
    return JSONResponse(KserveError(error=problem.detail).model_dump(), problem.status, problem.headers)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": KserveError} for status in statuses}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its definitions in the places that refer to them."""
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rpartition("/")[2]])
            return {name: resolve(value) for name, value in node.items()}
        return [resolve(item) for item in node] if isinstance(node, list) else node

    inlined: dict[str, Any] = resolve(schema)
    return inlined


_REQUEST_SCHEMA = _inlined(InferRequest.model_json_schema())

ModelName = Annotated[str, PathParameter(description="always `east`", json_schema_extra={"enum": [NAME]})]

_SHAPES = {"quads": [-1, 4, 2], "scores": [-1], "image_index": [-1], "image_size": [-1, 2]}
_SERVER = {"name": "east-text-detector", "version": __version__, "extensions": ["binary_tensor_data"]}
_MODEL = {
    "name": NAME,
    "versions": [__version__],
    "platform": "east",
    "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
    "outputs": [{"name": name, "datatype": datatype, "shape": _SHAPES[name]} for name, datatype in _OUTPUTS.items()],
}

inference = APIRouter(prefix="/v2", tags=[TAG])
metadata = APIRouter(prefix="/v2", tags=[TAG])


@metadata.get("", operation_id="kserveServerMetadata", summary="Server metadata", responses=answer(_SERVER))
async def server() -> dict[str, Any]:
    return _SERVER


@metadata.get("/health/live", operation_id="kserveLive", summary="Server live", responses=answer({"live": True}))
async def live() -> dict[str, bool]:
    return {"live": True}


@metadata.get(
    "/health/ready", operation_id="kserveReady", summary="Server ready", responses=answer({"ready": True}) | errors(503)
)
async def ready(request: Request) -> dict[str, bool]:
    Service.of(request).check_ready()
    return {"ready": True}


@metadata.get(
    "/models/{model}/ready",
    operation_id="kserveModelReady",
    summary="Model ready",
    responses=answer({"name": NAME, "ready": True}) | errors(404, 503),
)
async def model_ready(request: Request, model: ModelName) -> dict[str, Any]:
    _check_name(model)
    return {"name": NAME, **await ready(request)}


@metadata.get(
    "/models/{model}",
    operation_id="kserveModelMetadata",
    summary="Model metadata",
    responses=answer(_MODEL) | errors(404),
)
async def describe(model: ModelName) -> dict[str, Any]:
    _check_name(model)
    return _MODEL


@inference.post(
    "/models/{model}/infer",
    operation_id="kserveInfer",
    summary="Inference",
    responses=answer(INFERRED, binary=True) | errors(400, 404, 408, 413, 415, 422, 429, 500, 503, 504),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _REQUEST_SCHEMA, "example": INFER_REQUEST}},
        }
    },
)
async def infer(request: Request, model: ModelName) -> Response:
    _check_name(model)
    service = Service.of(request)
    limits = service.settings.limits
    asked: InferRequest

    async def read(hold: Hold) -> list[bytes]:
        nonlocal asked
        body = await read_bytes(request, limits, hold)
        asked, encoded = await asyncio.to_thread(parse_request, body, request.headers.getlist(HEADER), limits)
        hold(encoded.size)
        images = await asyncio.to_thread(encoded.decode, limits.image_bytes)
        hold(-len(body))  # only the images are kept
        return images

    def changes() -> CallChanges:
        return asked.parameters.changes()

    def refuse(index: int, error: ImageError) -> dict[str, NDArray[Any]]:
        problem = problem_of(error)
        raise Problem(problem.status, problem.code, f"image {index}: {problem.detail}")

    results = await service.detect(request, read, changes, _arrays, refuse)
    hold = service.hold_answer(request)
    hold(most := _most_bytes(results))
    body, headers = await asyncio.to_thread(_render, asked, results)
    hold(len(body) - most)
    return Response(body, headers=headers)


def _check_name(model: ModelName) -> None:
    if model != NAME:
        raise Problem(404, "unknown-model", f"no model {shown(model)!r}; the model is {NAME!r}")


def _arrays(found: Detections, waited_ms: float) -> dict[str, NDArray[Any]]:
    return {
        "quads": found.quads,
        "scores": np.array([box.score for box in found], np.float32),
        "image_size": np.array([[found.height, found.width]], np.int64),
    }


def _most_bytes(results: Sequence[Mapping[str, NDArray[Any]]]) -> int:
    """Of an answer, however it is rendered."""
    return _REST + _NUMBER * sum(10 * len(result["scores"]) + 2 for result in results)


def _render(asked: InferRequest, results: Sequence[Mapping[str, NDArray[Any]]]) -> tuple[bytes, dict[str, str]]:
    """The body of the answer and its headers, made piece by piece: the interpreter serves others in between."""
    tensors = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    counts = [len(result["scores"]) for result in results]
    tensors["image_index"] = np.repeat(np.arange(len(results), dtype=np.int64), counts)
    wanted = asked.outputs or [Output.model_validate({"name": name}) for name in _OUTPUTS]
    body, behind = io.BytesIO(), list[NDArray[Any]]()
    about = {"model_name": NAME, "model_version": __version__} | ({} if asked.id is None else {"id": asked.id})
    body.write(as_json(about)[:-1] + b', "outputs": [')
    for index, output in enumerate(wanted):
        array, datatype = tensors[output.name], _OUTPUTS[output.name]
        entry: dict[str, Any] = {"name": output.name, "shape": list(array.shape), "datatype": datatype}
        binary = output.parameters.binary_data
        if asked.parameters.binary_data_output if binary is None else binary:
            behind.append(array.astype(_DTYPES[datatype]))
            entry["parameters"] = {"binary_data_size": behind[-1].nbytes}
            body.write(b", " * (index > 0) + as_json(entry))
            continue
        body.write(b", " * (index > 0) + as_json(entry)[:-1] + b', "data": [')
        numbers = array.ravel()
        for start in range(0, len(numbers), _PIECE):
            piece = json.dumps(numbers[start : start + _PIECE].tolist(), allow_nan=False)
            body.write(b", " * (start > 0) + piece[1:-1].encode())
        body.write(b"]}")
    body.write(b"]}")
    if not behind:
        return body.getvalue(), {"Content-Type": "application/json"}
    length = str(body.tell())
    for array in behind:
        body.write(array.tobytes())
    return body.getvalue(), {"Content-Type": "application/octet-stream", HEADER: length}

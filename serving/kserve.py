"""The Open Inference Protocol v2 over REST, as KServe speaks it, for platforms that expect it.

One model, ``east``: a BYTES tensor ``image`` of N encoded images goes in; out come the boxes of all of them,
``quads`` FP32 (M, 4, 2), ``scores`` FP32 (M), ``image_index`` INT64 (M), and ``image_size`` INT64 (N, 2), height
and width. In JSON an image is a base64 string; the binary tensor data extension is understood both ways.
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter
from fastapi import Path as PathParameter
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from east import __version__
from east.detections import Detections
from east.errors import ImageError
from east.options import CallChanges

from .answers import DetectParameters, as_json
from .body import read_bytes
from .examples import INFER_REQUEST, INFERRED, answer
from .problems import Problem, problem_of, shown
from .service import Hold, Service

NAME = "east"
TAG = "KServe v2"
_HEADER = "inference-header-content-length"
_OUTPUTS = {"quads": "FP32", "scores": "FP32", "image_index": "INT64", "image_size": "INT64"}
_DTYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "INT64": np.dtype("<i8")}


class Input(BaseModel):
    """A tensor that goes in."""

    name: Literal["image"]
    shape: list[int]
    datatype: Literal["BYTES"]
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class Output(BaseModel):
    """A tensor that is asked for."""

    name: Literal["quads", "scores", "image_index", "image_size"]
    parameters: dict[str, Any] = {}


class InferParameters(DetectParameters):
    """Those of `POST /detect`, and whether all outputs are to be binary; others are somebody else's."""

    model_config = ConfigDict(extra="ignore", strict=True)

    binary_data_output: bool = False


class InferRequest(BaseModel):
    """Images, and how to look at them."""

    inputs: list[Input] = Field(min_length=1, max_length=1)
    id: str | None = None
    parameters: InferParameters = InferParameters()
    outputs: list[Output] | None = None


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
                return definitions[node["$ref"].rpartition("/")[2]]
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
        asked, images = await asyncio.to_thread(_parse, body, request.headers.get(_HEADER))
        if len(images) > limits.images:
            raise Problem(413, "too-many-images", f"at most {limits.images} images are taken")
        if max(map(len, images)) > limits.image_bytes:
            raise Problem(413, "too-many-bytes", f"at most {limits.image_bytes} bytes are taken for an image")
        return images

    def changes() -> CallChanges:
        return asked.parameters.changes()

    def refuse(index: int, error: ImageError) -> dict[str, NDArray[Any]]:
        problem = problem_of(error)
        raise Problem(problem.status, problem.code, f"image {index}: {problem.detail}")

    results = await service.detect(request, read, changes, _arrays, refuse)
    body, headers = await asyncio.to_thread(_render, asked, results)
    return service.response(request, body, headers)


def _check_name(model: ModelName) -> None:
    if model != NAME:
        raise Problem(404, "unknown-model", f"no model {shown(model)!r}; the model is {NAME!r}")


def _parse(body: bytes, header_length: str | None) -> tuple[InferRequest, list[bytes]]:
    """The request and its encoded images."""
    end = len(body)
    if header_length is not None:
        if not (header_length.isdecimal() and int(header_length) <= len(body)):
            raise Problem(400, "malformed-request", f"{_HEADER} must be at most the body's {len(body)} bytes")
        end = int(header_length)
    try:
        asked = InferRequest.model_validate_json(body[:end])
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "body"
        raise Problem(422, "invalid-parameters", f"{where}: {wrong['msg']}") from None
    tensor = asked.inputs[0]
    images = _unpack(body[end:], tensor) if "binary_data_size" in tensor.parameters else _from_base64(tensor)
    if tensor.shape != [len(images)] or not images:
        raise Problem(422, "invalid-parameters", f"inputs.0.shape: {tensor.shape} does not fit {len(images)} images")
    return asked, images


def _from_base64(tensor: Input) -> list[bytes]:
    try:
        return [base64.b64decode(text, validate=True) for text in tensor.data or []]
    except (binascii.Error, TypeError, ValueError):
        raise Problem(422, "invalid-parameters", "inputs.0.data: each image must be a base64 string") from None


def _unpack(data: bytes, tensor: Input) -> list[bytes]:
    """BYTES elements: each has its length, a little-endian uint32, in front."""
    if tensor.parameters["binary_data_size"] != len(data):
        raise Problem(422, "invalid-parameters", f"inputs.0: binary_data_size is not the {len(data)} bytes that came")
    images, position = [], 0
    while position + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, position)
        images.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    if position != len(data):
        raise Problem(422, "invalid-parameters", "inputs.0: the lengths of the images do not add up")
    return images


def _arrays(found: Detections, waited_ms: float) -> dict[str, NDArray[Any]]:
    return {
        "quads": found.quads,
        "scores": np.array([box.score for box in found], np.float32),
        "image_size": np.array([[found.height, found.width]], np.int64),
    }


def _render(asked: InferRequest, results: list[dict[str, NDArray[Any]]]) -> tuple[bytes, dict[str, str]]:
    """The body of the answer and its headers."""
    tensors = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    counts = [len(result["scores"]) for result in results]
    tensors["image_index"] = np.repeat(np.arange(len(results), dtype=np.int64), counts)
    wanted = asked.outputs or [Output.model_validate({"name": name}) for name in _OUTPUTS]
    outputs: list[dict[str, Any]] = []
    binary = []
    for output in wanted:
        array, datatype = tensors[output.name], _OUTPUTS[output.name]
        entry: dict[str, Any] = {"name": output.name, "shape": list(array.shape), "datatype": datatype}
        if output.parameters.get("binary_data", asked.parameters.binary_data_output):
            binary.append(array.astype(_DTYPES[datatype]).tobytes())
            entry["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            entry["data"] = array.ravel().tolist()
        outputs.append(entry)
    body: dict[str, Any] = {"model_name": NAME, "model_version": __version__, "outputs": outputs}
    if asked.id is not None:
        body["id"] = asked.id
    text = as_json(body)
    if not binary:
        return text, {"Content-Type": "application/json"}
    return b"".join([text, *binary]), {"Content-Type": "application/octet-stream", _HEADER: str(len(text))}

"""What the OpenAPI document shows of requests and answers."""

from __future__ import annotations

from typing import Any

from east import __version__

_ID = "5f0c1ab2c3d44e7f8a9b0c1d2e3f4a5b"
_WHITE = "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQAAAABbAUdZAAAAEUlEQVR42mP8z8DAwMQwaAkAswEBP25AfJYAAAAASUVORK5CYII="
"""A PNG of 32x32 white pixels, in base64."""

MODEL = {"weights": "east_resnet50", "runtime": "openvino", "precision": "INT8"}

_RESULT: dict[str, Any] = {
    "image": {"width": 640, "height": 480},
    "tiles": 1,
    "runs": 2,
    "boxes": [{"quad": [[102.4, 87.1], [214.9, 83.6], [215.8, 112.3], [103.3, 115.8]], "score": 0.97}],
    "model": MODEL,
    "timings_ms": {
        "queue": 0.4,
        "decode": 3.1,
        "resize": 0.9,
        "network": 38.2,
        "postprocess": 1.7,
        "total": 44.3,
    },
}

DETECTED = {"request_id": _ID, **_RESULT}
_READ = {
    "text": "OPEN",
    **_RESULT,
    "boxes": [{**_RESULT["boxes"][0], "text": "OPEN", "text_confidence": 0.9874}],
    "timings_ms": {**_RESULT["timings_ms"], "total": 75.9, "read": 31.6},
    "recogniser": "rapidocr 3.10.0",
}
_REFUSED = {
    "problem": {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "the image cannot be decoded",
        "code": "undecodable-image",
    }
}
READ = {"request_id": _ID, **_READ}
DETECTED_BATCH = {"request_id": _ID, "results": [_RESULT, _REFUSED]}
READ_BATCH = {"request_id": _ID, "results": [_READ, _REFUSED]}
ICDAR = "102,87,215,84,216,112,103,116\n"
METRICS = "# HELP east_ready 1 when images can be answered, else 0.\n# TYPE east_ready gauge\neast_ready 1.0\n"

INFER_REQUEST = {
    "id": "7",
    "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [_WHITE]}],
    "parameters": {"score_threshold": 0.8},
    "outputs": [{"name": "quads"}, {"name": "scores"}],
}
INFERRED = {
    "model_name": "east",
    "model_version": __version__,
    "outputs": [
        {"name": "quads", "shape": [0, 4, 2], "datatype": "FP32", "data": []},
        {"name": "scores", "shape": [0], "datatype": "FP32", "data": []},
    ],
    "id": "7",
}


def answer(example: Any, *, binary: bool = False) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` of an operation that answers like this when all is well; ``binary`` if it is asked to."""
    content: dict[str, Any] = {"application/json": {"example": example}}
    if binary:
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": content}}


def code_samples(*commands: str) -> dict[str, Any]:
    """OpenAPI extension by which many tools show how to call; binary bodies can have no example of another kind."""
    return {"x-codeSamples": [{"lang": "Shell", "source": command} for command in commands]}

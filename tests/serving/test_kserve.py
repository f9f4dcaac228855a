"""The Open Inference Protocol v2: the same boxes, in its words."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from east import TextDetector

INFER = "/v2/models/east/infer"


def request_of(*images: bytes, **more: Any) -> dict[str, Any]:
    data = [base64.b64encode(image).decode() for image in images]
    return {"inputs": [{"name": "image", "shape": [len(images)], "datatype": "BYTES", "data": data}], **more}


def tensor(body: dict[str, Any], name: str) -> NDArray[Any]:
    [output] = [output for output in body["outputs"] if output["name"] == name]
    dtype = {"FP32": np.float32, "INT64": np.int64}[output["datatype"]]
    return np.array(output["data"], dtype).reshape(output["shape"])


def test_metadata_and_health(client: httpx.Client) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/east/ready").json() == {"name": "east", "ready": True}
    model = client.get("/v2/models/east").json()
    assert model["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert [output["name"] for output in model["outputs"]] == ["quads", "scores", "image_index", "image_size"]


def test_base64_images(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    body = client.post(INFER, json=request_of(photo, photo, id="7")).json()
    expected = detector.detect(photo)
    assert body["id"] == "7"
    assert body["model_name"] == "east"
    np.testing.assert_allclose(tensor(body, "quads")[: len(expected)], expected.quads, atol=1e-3)
    assert tensor(body, "scores").shape == (2 * len(expected),)
    assert tensor(body, "image_index").tolist() == [0] * len(expected) + [1] * len(expected)
    assert tensor(body, "image_size").tolist() == [[expected.height, expected.width]] * 2


def test_binary_images_in_and_binary_boxes_out(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    tensors = struct.pack("<I", len(photo)) + photo
    request = {
        "inputs": [
            {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(tensors)}}
        ],
        "outputs": [{"name": "scores"}, {"name": "quads", "parameters": {"binary_data": True}}],
    }
    head = json.dumps(request).encode()
    answer = client.post(INFER, content=head + tensors, headers={"inference-header-content-length": str(len(head))})
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["inference-header-content-length"])
    scores, quads = json.loads(answer.content[:length])["outputs"]
    assert scores["data"]
    expected = detector.detect(photo)
    assert quads["shape"] == [len(expected), 4, 2]
    assert quads["parameters"]["binary_data_size"] == len(answer.content) - length
    got = np.frombuffer(answer.content[length:], "<f4").reshape(quads["shape"])
    np.testing.assert_allclose(got, expected.quads, atol=1e-3)


def test_parameters_are_those_of_detect(client: httpx.Client, photo: bytes) -> None:
    body = client.post(INFER, json=request_of(photo, parameters={"box_threshold": 1.0})).json()
    assert tensor(body, "scores").size == 0


@pytest.mark.parametrize(
    ("path", "request_body", "status", "words"),
    [
        ("/v2/models/other/infer", request_of(b"x"), 404, "no model 'other'"),
        (INFER, request_of(b"x"), 400, "image 0: not an image"),
        (INFER, {"inputs": []}, 422, "inputs"),
        (INFER, {"inputs": [{"name": "image", "shape": [1], "datatype": "FP32", "data": [1]}]}, 422, "datatype"),
        (INFER, {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["%"]}]}, 422, "base64"),
        (INFER, {"inputs": [{"name": "image", "shape": [2], "datatype": "BYTES", "data": ["eA=="]}]}, 422, "shape"),
        (INFER, request_of(b"x", parameters={"max_side": 1}), 422, "max_side"),
        (INFER, [], 422, "body"),
    ],
)
def test_errors(client: httpx.Client, path: str, request_body: Any, status: int, words: str) -> None:
    answer = client.post(path, json=request_body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


@pytest.mark.parametrize("data", [b"\x01", b"\xff\xff\xff\xffabc", b"\x01\0\0\0", b"\x01\0\0\0ab"])
def test_binary_lengths_that_do_not_add_up(client: httpx.Client, data: bytes) -> None:
    head = json.dumps(
        {
            "inputs": [
                {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
            ]
        }
    ).encode()
    answer = client.post(INFER, content=head + data, headers={"inference-header-content-length": str(len(head))})
    assert answer.status_code == 422
    assert "do not add up" in answer.json()["error"]

"""The Open Inference Protocol v2: the same boxes, in its words."""

from __future__ import annotations

import base64
import gc
import io
import json
import struct
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from east import TextDetector
from serving.settings import Limits
from tests.serving.conftest import thumbnail
from tests.serving.processes import start

if TYPE_CHECKING:
    from tests.serving.conftest import Serve

MIB = 1024 * 1024
INFER = "/v2/models/east/infer"
HEADER = "inference-header-content-length"


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


def behind(*images: bytes) -> bytes:
    """BYTES elements as the binary extension has them."""
    return b"".join(struct.pack("<I", len(image)) + image for image in images)


def post_binary(
    client: httpx.Client, tensors: bytes, shape: Any, size: Any = None, more: dict[str, Any] | None = None
) -> httpx.Response:
    parameters = {"binary_data_size": len(tensors) if size is None else size}
    tensor = {"name": "image", "shape": shape, "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({"inputs": [tensor], **(more or {})}).encode()
    return client.post(INFER, content=head + tensors, headers={HEADER: str(len(head))})


def check_error(answer: httpx.Response, status: int, words: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert words in error
    assert len(error) <= 250
    assert "\n" not in error


def test_binary_images_in_and_binary_boxes_out(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    outputs = [{"name": "scores"}, {"name": "quads", "parameters": {"binary_data": True}}]
    answer = post_binary(client, behind(photo), [1], more={"outputs": outputs})
    assert answer.status_code == 200, answer.text
    length = int(answer.headers[HEADER])
    scores, quads = json.loads(answer.content[:length])["outputs"]
    assert scores["data"]
    expected = detector.detect(photo)
    assert quads["shape"] == [len(expected), 4, 2]
    assert quads["parameters"]["binary_data_size"] == len(answer.content) - length
    got = np.frombuffer(answer.content[length:], "<f4").reshape(quads["shape"])
    np.testing.assert_allclose(got, expected.quads, atol=1e-3)


def test_all_outputs_binary_but_one(client: httpx.Client, photo: bytes) -> None:
    outputs = [{"name": "scores", "parameters": {"binary_data": False}}, {"name": "image_index"}]
    request = request_of(photo, outputs=outputs, parameters={"binary_data_output": True})
    answer = client.post(INFER, json=request)
    length = int(answer.headers[HEADER])
    scores, index = json.loads(answer.content[:length])["outputs"]
    assert (
        index["parameters"]
        == {"binary_data_size": 8 * len(scores["data"])}
        == {"binary_data_size": len(answer.content) - length}
    )


def test_thousands_of_boxes(client: httpx.Client, detector: TextDetector, demo_images: list[Path]) -> None:
    photo = thumbnail(demo_images[0], 640)
    lax: dict[str, Any] = {"nms_threshold": 0.99, "box_threshold": 0.0}
    body = client.post(INFER, json=request_of(photo, photo, photo, parameters=lax)).json()
    expected = detector.detect(photo, **lax)
    assert len(expected) > 400
    np.testing.assert_allclose(tensor(body, "quads"), np.concatenate([expected.quads] * 3), atol=1e-3)
    assert tensor(body, "image_index").tolist() == np.repeat(range(3), len(expected)).tolist()


def test_an_answer_is_held_before_it_is_made(serve: Serve, photo: bytes) -> None:
    network = 3 * 320 * 320
    with serve(queue={"bytes": 110_000 + network}) as client:
        small = io.BytesIO()
        Image.open(io.BytesIO(photo)).save(small, "JPEG", quality=40)
        assert 2 * len(small.getvalue()) < 110_000
        strict = {"max_side": 320}
        assert post_binary(client, behind(small.getvalue()), [1], more={"parameters": strict}).status_code == 200
        lax = strict | {"score_threshold": 0.0, "nms_threshold": 1.0, "box_threshold": 0.0}
        answer = post_binary(client, behind(small.getvalue()), [1], more={"parameters": lax})
        check_error(answer, 503, "too many bytes")
        assert "retry-after" in answer.headers


@pytest.mark.parametrize("escaped", ["/", "+/=", "+/=0123456789abcdefghijklmnopqrstuvwxyz"])
def test_json_writers_escape_what_they_like(client: httpx.Client, demo_images: list[Path], escaped: str) -> None:
    image = demo_images[0].read_bytes()
    text = base64.b64encode(image).decode()
    assert len(text) > 128 * 1024
    text = text.translate({ord(c): "\\/" if escaped == "/" else f"\\u{ord(c):04X}" for c in escaped})
    body = json.dumps(with_input(data=["@"])).replace("@", text)
    answer = client.post(INFER, content=body.replace("{", '{"parameters": {"max_side": 32}, ', 1)).json()
    with Image.open(io.BytesIO(image)) as known:
        assert tensor(answer, "image_size").tolist() == [[known.height, known.width]]


def test_parameters_are_those_of_detect(client: httpx.Client, photo: bytes) -> None:
    body = client.post(INFER, json=request_of(photo, parameters={"box_threshold": 1.0})).json()
    assert tensor(body, "scores").size == 0


def with_input(**fields: Any) -> dict[str, Any]:
    """A request for one image, which is none, with these fields of the tensor instead."""
    return {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["eA=="], **fields}]}


@pytest.mark.parametrize(
    ("request_body", "status", "words"),
    [
        (request_of(b"x"), 400, "image 0: not an image"),
        (request_of(b""), 400, "image 0"),
        ([], 422, "body"),
        ({"inputs": []}, 422, "inputs"),
        ({"inputs": request_of(b"x")["inputs"] * 2}, 422, "inputs: "),
        (with_input(datatype="FP32"), 422, "inputs.0.datatype"),
        (with_input(data=["%"]), 422, "base64"),
        (with_input(data=["eA"]), 422, "base64"),
        (with_input(data=["eA==eA=="]), 422, "base64"),
        (with_input(data=["é"]), 422, "base64"),
        (with_input(data=["\\u0065A=="]), 422, "base64"),
        (with_input(data=["A" * 200_000 + "=" + "A" * 200_003]), 422, "base64"),
        (with_input(data=["eA==" + "A" * 200_000]), 422, "base64"),
        (with_input(data=[["eA=="]]), 422, "inputs.0.data"),
        (with_input(data=[1]), 422, "inputs.0.data"),
        (with_input(data=[]), 422, "does not fit 0 images"),
        (with_input(data=None), 422, "binary_data_size"),
        (with_input(parameters={"binary_data_size": 4}), 422, "either as data, or behind"),
        (with_input(shape=[2]), 422, "inputs.0.shape: [2] does not fit 1 images"),
        (with_input(shape=[1] * 3000), 422, "inputs.0.shape"),
        (with_input(shape=[]), 422, "inputs.0.shape"),
        (with_input(shape=[10**4000]), 422, "inputs.0.shape"),
        (with_input(shape=[-1]), 422, "inputs.0.shape"),
        (with_input(shape=[True]), 422, "inputs.0.shape"),
        (with_input(shape=[1.0]), 422, "inputs.0.shape"),
        (with_input(data=["eA=="] * 17, shape=[17]), 413, "at most 16 images"),
        (with_input(data=["A" * 2000] * 17, shape=[17]), 413, "at most 16 images"),
        (with_input(data=["A" * 48 * MIB]), 413, "for an image"),
        (request_of(b"x", id="i" * 129), 422, "id"),
        (request_of(b"x", id="i" * 2000), 422, "inputs.0.data only"),
        (request_of(b"x", id='"' * 2000), 422, "inputs.0.data only"),
        (request_of(b"x", id=7), 422, "id"),
        (request_of(b"x", parameters={"max_side": 1}), 422, "parameters.max_side"),
        (request_of(b"x", parameters={"score_threshold": float("nan")}), 422, "parameters.score_threshold"),
        (request_of(b"x", parameters={"binary_data_output": 1}), 422, "parameters.binary_data_output"),
        (request_of(b"x", parameters={"about": "x" * 1025}), 422, "inputs.0.data only"),
        (request_of(b"x", parameters={f"a{n}": n for n in range(5000)}), 413, "bytes of JSON"),
        (request_of(b"x", outputs=[{"name": "quads"}, {"name": "quads"}]), 422, "outputs: quads is asked for twice"),
        (request_of(b"x", outputs=[{"name": "quads"}] * 5), 422, "outputs"),
        (request_of(b"x", outputs=[{"name": "x" * 500}]), 422, "outputs.0.name: Input should be 'quads', 'scores'"),
        (request_of(b"x", outputs=[{"name": "quads", "parameters": {"binary_data": "yes"}}]), 422, "binary_data"),
    ],
)  # fmt: skip
def test_errors(client: httpx.Client, request_body: Any, status: int, words: str) -> None:
    check_error(client.post(INFER, content=json.dumps(request_body)), status, words)


def test_other_models(client: httpx.Client) -> None:
    check_error(client.post("/v2/models/other/infer", json=request_of(b"x")), 404, "no model 'other'")
    check_error(client.post(f"/v2/models/{'o' * 5000}/infer", json=request_of(b"x")), 404, "no model 'ooo")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "Invalid JSON"),
        (b"{", 400, "Invalid JSON"),
        (b"\xff", 400, "Invalid JSON"),
        (b'"\\ud800"', 400, "Invalid JSON"),
        (b"1" * 5000, 400, "Invalid JSON"),
        (b"[" * 10_000, 400, "Invalid JSON"),
        (b'"' * 9, 400, "Invalid JSON"),
        (b'"' + b"\\" * 1000, 400, "Invalid JSON"),
        (b'"' + b"\\" * 3000 + b'"', 422, "inputs.0.data only"),
        (b"NaN", 422, "body"),
        (b"1e999999", 422, "body"),
        (b" " * 100_000, 413, "bytes of JSON"),
    ],
)
def test_other_bodies_than_requests(client: httpx.Client, content: bytes, status: int, words: str) -> None:
    check_error(client.post(INFER, content=content), status, words)


@pytest.mark.parametrize(
    "values",
    [
        *([text] for text in ["9" * 5000, "0", "-1", "+5", "5.0", "0x5", "", "5, 5", "\u0663", "\xb2", "100"]),
        ["5", "5"],
    ],
)
def test_header_lengths_that_are_none(client: httpx.Client, values: list[str]) -> None:
    headers = [(HEADER.encode(), value.encode()) for value in values]
    check_error(client.post(INFER, content=b"{}" * 40, headers=headers), 400, HEADER)


@pytest.mark.parametrize("size", [0, 8, -1, True, 5.0, "5", None, 10**4000, [5]])
def test_binary_data_sizes_that_are_none(client: httpx.Client, size: Any) -> None:
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    answer = client.post(INFER, content=head + behind(b"x"), headers={HEADER: str(len(head))})
    check_error(answer, 422, "binary_data_size")


def test_bytes_behind_the_json_that_nobody_asked_for(client: httpx.Client) -> None:
    head = json.dumps(request_of(b"x")).encode()
    check_error(client.post(INFER, content=head + b"more", headers={HEADER: str(len(head))}), 422, "4 bytes follow")


@pytest.mark.parametrize("data", [b"\x01", b"\xff\xff\xff\xffabc", b"\x01\0\0\0", b"\x01\0\0\0ab"])
def test_binary_lengths_that_do_not_add_up(client: httpx.Client, data: bytes) -> None:
    check_error(post_binary(client, data, [1]), 422, "do not add up")


def test_binary_images_are_limited(serve: Serve) -> None:
    with serve(limits={"image_bytes": 1000}) as client:
        check_error(post_binary(client, behind(*[b""] * 1_000_000), [1_000_000]), 413, "at most 16 images")
        check_error(post_binary(client, behind(b"x" * 1001), [1]), 413, "at most 1000 bytes")
        check_error(post_binary(client, behind(b"x" * 1000), [1]), 400, "not an image")
        check_error(client.post(INFER, json=request_of(b"x" * 1001)), 413, "at most 1000 bytes")


def tiny() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (32, 32)).save(buffer, "PNG")
    return buffer.getvalue()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**20), 1e308, float("nan"), float("inf")]),
    st.text(max_size=20),
    st.text(st.sampled_from('A="\\\0é\ud800'), max_size=3000),
    st.recursive(st.lists(st.integers(0, 3), max_size=3), lambda inner: st.lists(inner, max_size=300), max_leaves=1000),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=5),
)


def mostly(right: Any) -> st.SearchStrategy[Any]:
    """A value of a request, or sometimes any other."""
    right = right if isinstance(right, st.SearchStrategy) else st.just(right)
    return st.integers(0, 7).flatmap(lambda chance: VALUES if chance == 7 else right)


def requests(images: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Requests for a tiny image, which is given by these fields of the tensor, with some things changed."""
    fields = {"name": "image", "shape": [1], "datatype": "BYTES", **images}
    tensor = st.fixed_dictionaries({name: mostly(value) for name, value in fields.items()})
    wanted = {"name": mostly("scores"), "parameters": mostly({"binary_data": True})}
    more = {"id": mostly("1"), "parameters": mostly({"score_threshold": 0.9}), "new": VALUES}
    return st.fixed_dictionaries(
        {"inputs": mostly(st.tuples(mostly(tensor)))},
        optional={"outputs": mostly(st.tuples(mostly(st.fixed_dictionaries({}, optional=wanted)))), **more},
    )


BYTE_CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8) | st.sampled_from([b'"', b"[" * 500])),
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(binary=st.booleans(), data=st.data(), changes=st.just([]) | BYTE_CHANGES, shift=st.just(0) | st.integers(-5, 5))
def test_changed_requests_are_answered_in_the_protocols_words(
    client: httpx.Client, binary: bool, data: st.DataObject, changes: list[tuple[float, int, bytes]], shift: int
) -> None:
    image, text = behind(tiny()), base64.b64encode(tiny()).decode()
    images = {"parameters": {"binary_data_size": len(image)}} if binary else {"data": [text]}
    body = json.dumps(data.draw(requests(images))).encode()
    headers = {HEADER: str(len(body) + shift)} if binary or shift else {}
    body += image * binary
    for where, removed, added in changes:
        position = int(where * len(body))
        body = body[:position] + added + body[position + removed :]
    answer = client.post(INFER, content=body, headers=headers)
    if answer.status_code == 200:
        head = answer.content[: int(answer.headers.get(HEADER, len(answer.content)))]
        assert {"model_name", "model_version", "outputs"} <= set(json.loads(head))
    else:
        assert 400 <= answer.status_code < 500, answer.text
        check_error(answer, answer.status_code)


def hostile(size: int) -> dict[str, bytes]:
    """Bodies of this size that would take many times of it, or long, if somebody parsed them."""

    def data(value: str, more: str = "") -> bytes:
        return f'{{"inputs":[{{"name":"image","shape":[1],"datatype":"BYTES","data":{value}}}]{more}}}'.encode()

    bodies = {
        "objects": data("[" + "{}," * (size // 3) + "{}]"),
        "numbers": data("[" + "1," * (size // 2) + "1]"),
        "strings": data("[" + '"",' * (size // 3) + '""]'),
        "nested lists": data("[" * size),
        "nested objects": data('{"a":' * (size // 5)),
        "parameters": data('["eA=="]', ',"parameters":{' + ",".join(f'"{n:07}":1' for n in range(size // 12)) + "}"),
        "outputs": data('["eA=="]', ',"outputs":[' + ",".join(['{"name":"x"}'] * (size // 13)) + "]"),
        "shape": data('["eA=="]').replace(b"[1]", b"[" + b"1," * (size // 2) + b"1]"),
        "digits": data("[" + "1" * size + "]"),
        "fraction": data("[0." + "1" * size + "]"),
        "exponent": data("[1e" + "9" * size + "]"),
        "escapes": data('["' + "\\u0041" * (size // 6) + '"]'),
        "escaped quotes": data('["' + '\\"' * (size // 2) + '"]'),
        "identity": data('["eA=="]', ',"id":"' + "i" * size + '"'),
        "blanks": data(" " * size + "[]"),
        "quotes": b'"' * size,
        "keys": data('["eA=="]', ',"id":"1"' * (size // 9)),
    }
    assert all(0.9 * size < len(body) < size + 200 for body in bodies.values())
    return bodies


def test_hostile_bodies_cost_little_more_than_their_bytes() -> None:
    size = 20 * MIB
    assert size < Limits().body_bytes
    with start("--warm-up", "32x32") as server:

        def peak() -> int:
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) * 1024

        assert server.client.post(INFER, json=request_of(tiny())).status_code == 200
        before = peak()
        for name, body in hostile(size).items():
            answer = server.client.post(INFER, content=body, timeout=20)
            assert answer.status_code in {400, 413, 422}, name
            check_error(answer, answer.status_code)
            assert peak() - before < 3 * size, name
        assert server.client.post(INFER, json=request_of(tiny())).status_code == 200


def test_nothing_is_left_of_a_refused_request(client: httpx.Client) -> None:
    image = b"x" * 4 * MIB
    body = json.dumps(request_of(image)).encode()
    gc.collect()
    gc.disable()  # so that what waits for it is seen
    tracemalloc.start()
    try:
        for path, content in ((INFER, body), (INFER, body[:-1]), ("/detect", image)):
            for _ in range(4):
                assert client.post(path, content=content).status_code == 400
        give_up = time.monotonic() + 10  # a client has its answer before the server is done with the request
        while tracemalloc.get_traced_memory()[0] > 6 * MIB:
            assert time.monotonic() < give_up
            time.sleep(0.05)
    finally:
        tracemalloc.stop()
        gc.enable()

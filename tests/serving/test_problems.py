"""Everything a client can do wrong is answered with problem details that say what was wrong."""

from __future__ import annotations

import base64
import io
import logging
import struct
import time
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

from serving import logs
from tests.serving.conftest import running, wait_until

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


LONG = "x" * 7000
FORM = {"content-type": "multipart/form-data; boundary=x"}
IMAGE_PART = b"Content-Disposition: form-data; name=image\r\n\r\n"


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b""), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def check(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "/site-packages" not in answer.text
    assert "Traceback" not in answer.text
    return body


@pytest.mark.parametrize("content", [b"GIF89a", b"not an image", b"\xff\xd8\xff\xe0", png(40, 40)[:50]])
def test_undecodable_image(client: httpx.Client, content: bytes) -> None:
    check(client.post("/detect", content=content), 400, "undecodable-image")


def test_empty_body(client: httpx.Client) -> None:
    check(client.post("/detect"), 400, "empty-image")
    check(client.post("/detect", files={"image": b""}), 400, "empty-image")
    check(client.post("/detect/batch"), 400, "empty-image")


def test_too_many_pixels_are_refused_from_the_header(client: httpx.Client) -> None:
    assert (
        "100000x100000"
        in check(client.post("/detect", content=bomb(100_000, 100_000)), 413, "too-many-pixels")["detail"]
    )


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (
            [("content-type", "image/png"), ("content-encoding", "identity"), ("content-encoding", "br")],
            "unsupported-coding",
        ),
        ({"content-type": "text/html"}, "unsupported-type"),
        ({"content-type": "application/json"}, "unsupported-type"),
        ({"content-type": "image/png", "content-encoding": "gzip"}, "unsupported-coding"),
    ],
)
def test_types_that_are_not_taken(client: httpx.Client, headers: Any, code: str) -> None:
    check(client.post("/detect", content=b"x", headers=headers), 415, code)


def test_codings_are_not_taken_anywhere(client: httpx.Client) -> None:
    form = {"content-type": "multipart/form-data; boundary=x"}
    for path, more in (("/detect", {}), ("/detect/batch", form), ("/v2/models/east/infer", {})):
        answer = client.post(path, content=b"x", headers={**more, "content-encoding": "gzip"})
        assert answer.status_code == 415
        assert "without content-encoding 'gzip'" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/detect", {"content-type": "a/" + LONG}, b"x"),
        ("POST", "/detect", {"content-type": b"a/\xff\x85" * 2000}, b"x"),
        ("POST", "/detect", {"content-encoding": LONG}, b"x"),
        ("POST", "/detect?" + LONG, {}, b"x"),
        ("POST", "/detect?format=" + LONG, {}, b"x"),
        ("POST", "/detect?score_threshold=" + LONG, {}, b"x"),
        ("POST", "/detect?" + "&".join(f"{n:x}" for n in range(1800)), {}, b"x"),
        ("POST", "/detect?%00%1b[2J%e2%80%ae", {}, b"x"),
        ("POST", "/detect", FORM, b"--x\r\nContent-Disposition: form-data; name=" + LONG[:4000].encode() + b"\r\n\r\n"),
        ("POST", "/v2/models/" + LONG + "/infer", {}, b"x"),
        ("POST", "/" + LONG, {}, b"x"),
        (LONG, "/detect", {}, b"x"),
    ],
)  # fmt: skip
def test_little_of_what_was_sent_is_repeated(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, method: str, path: str, headers: Any, body: bytes
) -> None:
    def lines(request_id: str) -> list[str]:
        found = [record for record in caplog.records if getattr(record, "fields", {}).get("request_id") == request_id]
        return [logs.JsonFormatter().format(record) for record in found]

    with caplog.at_level(logging.INFO, "serving.access"):
        answer = client.request(method, path, headers={**headers, "x-request-id": "much"}, content=body)
        wait_until(lambda: lines("much"))
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 6000
    assert answer.text.isprintable()
    for name, value in answer.json().items():
        assert len(str(value)) < (3000 if name in {"detail", "errors"} else 120)
        assert str(value).isprintable()
    [line] = lines("much")
    assert len(line) < 1500


def test_of_many_wrong_parameters_some_are_named(client: httpx.Client) -> None:
    query = "&".join(f"p{number}=1" for number in range(60))
    body = check(client.post(f"/detect?{query}", content=png(8, 8)), 422, "invalid-parameters")
    assert len(body["errors"]) == 20
    assert body["detail"].endswith("; and 40 more")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("score_threshold=2", "score_threshold"),
        ("nms_threshold=nan", "nms_threshold"),
        ("box_threshold=high", "box_threshold"),
        ("max_side=1", "max_side"),
        ("format=xml", "format"),
        ("score_treshold=0.5", "score_treshold"),
        ("score_threshold=0.5&format=icdar&score_threshold=0.5", "score_threshold"),
        ("format=json&format=icdar&tiling=off", "format"),
    ],
)
def test_wrong_parameters_are_named(client: httpx.Client, query: str, parameter: str) -> None:
    body = check(client.post(f"/detect?{query}", content=png(8, 8)), 422, "invalid-parameters")
    assert [error["parameter"] for error in body["errors"]] == [parameter]


def test_form_without_an_image_field(client: httpx.Client) -> None:
    assert "'picture'" in check(client.post("/detect", files={"picture": b"x"}), 422, "unknown-field")["detail"]


def test_form_with_two_images(client: httpx.Client) -> None:
    files = [("image", png(8, 8)), ("image", png(8, 8))]
    problem = check(client.post("/detect", files=files), 422, "several-images")
    assert problem["detail"].endswith("send several to /detect/batch")


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("multipart/form-data", b"--x\r\n", 400, "malformed-multipart"),
        ("multipart/form-data; boundary=" + "x" * 71, b"", 400, "malformed-multipart"),
        ("multipart/form-data; boundary=", b"--\r\n" + IMAGE_PART + b"abc\r\n----\r\n", 400, "malformed-multipart"),
        ("multipart/form-data; boundary=x", b"no boundary here", 400, "malformed-multipart"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + IMAGE_PART + b"abc", 400, "malformed-multipart"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422, "missing-image"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n", 422, "unknown-field"),
    ],
)  # fmt: skip
def test_malformed_multipart(client: httpx.Client, content_type: str, body: bytes, status: int, code: str) -> None:
    check(client.post("/detect", content=body, headers={"content-type": content_type}), status, code)


def test_limits_on_bytes_parts_and_images(serve: Serve) -> None:
    limits = {"image_bytes": 2000, "body_bytes": 10_000, "parts": 4, "images": 3, "pixels": 100}
    with serve(limits=limits) as client:
        check(client.post("/detect", content=b"x" * 2001), 413, "too-many-bytes")
        check(client.post("/detect", content=iter([b"x" * 1000] * 3)), 413, "too-many-bytes")
        check(client.post("/detect", files={"image": b"x" * 2001}), 413, "too-many-bytes")
        check(client.post("/detect", files={"image": b"x" * 10_000}), 413, "too-many-bytes")
        check(client.post("/detect", content=png(11, 10)), 413, "too-many-pixels")
        check(client.post("/detect/batch", files=[("image", png(8, 8))] * 4), 413, "too-many-images")
        parts = (b"--x\r\n" + IMAGE_PART + b"abc\r\n") * 3
        headers = {"content-type": "multipart/form-data; boundary=x"}
        check(client.post("/detect/batch", content=parts + parts + b"--x--", headers=headers), 413, "too-many-images")
        results = client.post("/detect/batch", files=[("image", png(8, 8)), ("image", png(11, 10))]).json()["results"]
        assert results[0]["boxes"] == []
        assert results[1]["problem"]["code"] == "too-many-pixels"
    with serve(limits={"parts": 2}) as client:
        check(client.post("/detect/batch", content=parts + b"--x--", headers=headers), 413, "too-many-parts")


def test_thresholds_that_leave_too_many_boxes(photo: bytes) -> None:
    lax = {"score_threshold": 0, "nms_threshold": 1}
    with running(None, limits={"boxes": 1000}) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.02)
        for form in ("json", "image/png"):
            answer = client.post("/detect", content=photo, params={**lax, "format": form})
            assert "the limit is 1,000" in check(answer, 422, "too-many-boxes")["detail"]
        files = [("image", photo), ("image", png(64, 64))]
        refused, blank = client.post("/detect/batch", files=files, params=lax).json()["results"]
        assert refused["problem"]["code"] == "too-many-boxes"
        assert blank["boxes"] == []
        tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(photo).decode()]}
        answer = client.post("/v2/models/east/infer", json={"inputs": [tensor], "parameters": lax})
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("image 0: the thresholds leave")
        assert client.post("/detect", content=photo).json()["boxes"]


def test_slow_body(serve: Serve) -> None:
    with serve(limits={"body_seconds": 0.2}) as client:

        def slowly() -> Iterator[bytes]:
            yield b"\x89PNG"
            time.sleep(1)
            yield b"rest"

        check(client.post("/detect", content=slowly()), 408, "slow-body")


def test_unknown_paths_and_methods(client: httpx.Client) -> None:
    check(client.get("/nowhere"), 404, "not-found")
    answer = client.get("/detect")
    check(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"

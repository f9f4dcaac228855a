"""POST /detect: an image goes in, words come out, in the form that was asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from PIL import Image

from east import TextDetector
from tests.support.image_files import encode
from tests.support.pictures import tall_picture, write

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


def test_raw_body(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    answer = client.post("/detect", content=photo, headers={"content-type": "image/jpeg"})
    assert answer.status_code == 200
    body = answer.json()
    expected = detector.detect(photo)
    assert len(expected) > 0
    assert body["image"] == {"width": expected.width, "height": expected.height}
    np.testing.assert_allclose([box["quad"] for box in body["boxes"]], expected.quads, atol=0.01)
    np.testing.assert_allclose([box["score"] for box in body["boxes"]], [box.score for box in expected], atol=1e-3)
    assert body["model"] == {"weights": detector.weights, "runtime": detector.runtime.name, "precision": "FP32"}
    assert set(body["timings_ms"]) == {"queue", "decode", "resize", "network", "postprocess", "total"}
    assert body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("field", ["image", "file"])
def test_multipart_body(client: httpx.Client, photo: bytes, field: str) -> None:
    raw = client.post("/detect", content=photo).json()
    form = client.post("/detect", files={field: ("sign.jpg", photo)}).json()
    assert form["boxes"] == raw["boxes"]


def test_chunked_body(client: httpx.Client, photo: bytes) -> None:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(photo), 1000):
            yield photo[start : start + 1000]

    assert client.post("/detect", content=chunks()).json()["boxes"]


def test_exif_orientation_is_applied(client: httpx.Client, photo: bytes) -> None:
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    turned = io.BytesIO()
    image.save(turned, "JPEG", exif=exif)
    assert client.post("/detect", content=turned.getvalue()).json()["image"] == {
        "width": image.height,
        "height": image.width,
    }


def test_thresholds(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    strict = client.post("/detect", content=photo, params={"box_threshold": 1.0}).json()
    assert strict["boxes"] == []
    lax = client.post("/detect", content=photo, params={"score_threshold": 0.3}).json()
    assert len(lax["boxes"]) >= len(detector.detect(photo))


def test_max_side(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    answer = client.post("/detect", content=photo, params={"max_side": 320}).json()
    expected = detector.detect(photo, max_side=320)
    assert answer["image"] == {"width": expected.width, "height": expected.height}
    assert len(answer["boxes"]) == len(expected)


def test_tiling(client: httpx.Client, detector: TextDetector) -> None:
    picture, boxes = tall_picture(4400)
    png = encode(picture, "PNG")
    answer = client.post("/detect", content=png).json()
    assert (answer["tiles"], len(answer["boxes"])) == (2, len(boxes))
    np.testing.assert_allclose([box["quad"] for box in answer["boxes"]], detector.detect(png).quads, atol=0.01)
    whole = client.post("/detect", content=png, params={"tiling": "off"}).json()
    assert whole["tiles"] == 1
    assert len(whole["boxes"]) < len(boxes)
    assert client.post("/detect", content=png, params={"tiling": 1024}).json()["tiles"] > 4
    refused = client.post("/detect", content=png, params={"tiling": "on"})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("tiling: ")


def test_orientations(client: httpx.Client, detector: TextDetector) -> None:
    picture = Image.new("RGB", (160, 96), "white")
    write(picture, "Message", 20, 30, 24)
    png = encode(picture.transpose(Image.Transpose.ROTATE_270), "PNG")
    answer = client.post("/detect", content=png, params={"orientations": "all"}).json()
    [[(left, top), _, (right, bottom), _]] = [box["quad"] for box in answer["boxes"]]
    assert right < left
    assert top < bottom
    assert answer["runs"] == 4
    assert client.post("/detect", content=png).json()["runs"] == 1
    refused = client.post("/detect", content=png, params={"orientations": "90"})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("orientations: ")


def test_orientations_of_images_of_one_size_are_refused(serve: Serve) -> None:
    with TextDetector(input_size=(64, 96)) as fixed, serve(fixed) as client:
        refused = client.post("/detect?orientations=all", content=encode(Image.new("RGB", (64, 64)), "PNG"))
        assert refused.status_code == 422
        assert refused.json()["code"] == "invalid-parameters"
        assert "orientations must be upright" in refused.json()["detail"]


def test_icdar_format(client: httpx.Client, detector: TextDetector, photo: bytes) -> None:
    answer = client.post("/detect", content=photo, params={"format": "icdar"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == detector.detect(photo).to_icdar()


@pytest.mark.parametrize("form", ["image/png", "image/jpeg"])
def test_annotated_image(client: httpx.Client, detector: TextDetector, photo: bytes, form: str) -> None:
    answer = client.post("/detect", content=photo, params={"format": form})
    assert answer.headers["content-type"] == form
    drawn = np.asarray(Image.open(io.BytesIO(answer.content)), dtype=float)
    expected = detector.detect(photo).draw().astype(float)
    assert drawn.shape == expected.shape
    assert np.abs(drawn - expected).mean() < 5


def test_what_is_too_long_for_jpeg_is_refused_before_it_is_decoded(client: httpx.Client) -> None:
    long = io.BytesIO()
    Image.new("1", (65_501, 1)).save(long, "PNG")
    answer = client.post("/detect", content=long.getvalue(), params={"format": "image/jpeg", "max_side": 32})
    assert (answer.status_code, answer.json()["code"]) == (422, "too-long-for-jpeg")
    png = client.post("/detect", content=long.getvalue(), params={"format": "image/png", "max_side": 32})
    assert Image.open(io.BytesIO(png.content)).size == (65_501, 1)


def test_batch_answers_each_image_in_order(client: httpx.Client, photo: bytes) -> None:
    small = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(small, "PNG")
    files = [("image", one) for one in (photo, b"not an image", b"", small.getvalue())] + [("file", photo)]
    answer = client.post("/detect/batch", files=files)
    assert answer.status_code == 200
    first, bad, empty, blank, last = answer.json()["results"]
    assert first["boxes"]
    assert bad["problem"]["status"] == 400
    assert bad["problem"]["code"] == "undecodable-image"
    assert (empty["problem"]["status"], empty["problem"]["code"]) == (400, "empty-image")
    assert blank["image"] == {"width": 64, "height": 48}
    assert blank["boxes"] == []
    assert last["boxes"] == first["boxes"]


def test_probes(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    model = {"weights": "east_resnet50", "runtime": "openvino", "precision": "FP32"}
    assert client.get("/readyz").json() == {"status": "ready", "model": model}

"""The service keeps the promises of its OpenAPI document, whatever it is sent: schemathesis tries."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.serving.conftest import running, shape

CONFIGURATION = """
[checks]
# Random bytes fit the document's "binary", and are no image.
positive_data_acceptance.enabled = false

[[operations]]
include-path = "/detect/batch"
# An array of files and a single file look the same in a form.
checks.negative_data_rejection.enabled = false
"""


def test_no_answer_breaks_the_document(client: httpx.Client, tmp_path: Path) -> None:
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(configuration)),
        *("run", f"{client.base_url}/openapi.json", "--max-examples", "25", "--seed", "1", "--no-color"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout
    assert "13 selected / 13 total" in run.stdout


def test_openapi_describes_the_operations(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/detect"]["post"]
    assert set(operation["requestBody"]["content"]) == {
        "image/*",
        "application/octet-stream",
        "multipart/form-data",
    }
    assert set(operation["responses"]) == {"200", "400", "408", "413", "415", "422", "429", "500", "503", "504"}
    for status, response in operation["responses"].items():
        if status != "200":
            assert set(response["content"]) == {"application/problem+json"}


OPERATIONS = {
    "detect": "POST /detect",
    "detectBatch": "POST /detect/batch",
    "read": "POST /read",
    "readBatch": "POST /read/batch",
    "healthz": "GET /healthz",
    "readyz": "GET /readyz",
    "metrics": "GET /metrics",
    "kserveServerMetadata": "GET /v2",
    "kserveLive": "GET /v2/health/live",
    "kserveReady": "GET /v2/health/ready",
    "kserveModelMetadata": "GET /v2/models/{model}",
    "kserveModelReady": "GET /v2/models/{model}/ready",
    "kserveInfer": "POST /v2/models/{model}/infer",
}


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = client.get("/openapi.json").json()
    return body


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_operations_keep_their_names(document: dict[str, Any]) -> None:
    """Generated clients name their functions by them."""
    names = [(operation["operationId"], name) for name, operation in operations(document)]
    assert sorted(names) == sorted(OPERATIONS.items())


def test_every_operation_tells_what_may_go_wrong(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert {"400", "500", "503"} <= set(operation["responses"]), name
    with running(None, weights="no-such-weights", security={"keys": [f"me:{'0' * 64}"]}) as client:
        for name, operation in operations(client.get("/openapi.json").json()):
            assert ("401" in operation["responses"]) == name.startswith("POST"), name
            assert (client.request(*name.split()).status_code == 401) == name.startswith("POST"), name


def test_every_answer_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    def check(content: dict[str, Any]) -> None:
        schema = {**content.get("schema", {}), "components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(content["example"])

    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            for media_type, content in response["content"].items():
                if "example" in content:
                    check(content)
                elif status == "200":
                    assert content["schema"]["format"] == "binary", (name, media_type)
        if "requestBody" in operation:
            assert "x-codeSamples" in operation or "example" in operation["requestBody"]["content"]["application/json"]


def test_examples_are_what_the_service_takes_and_gives(
    client: httpx.Client, document: dict[str, Any], photo: bytes
) -> None:
    def example(path: str, media_type: str = "application/json") -> Any:
        return document["paths"][path]["post"]["responses"]["200"]["content"][media_type]["example"]

    assert shape(client.post("/detect", content=photo).json()) == shape(example("/detect"))
    lines = client.post("/detect", content=photo, params={"format": "icdar"}).text
    assert (
        re.sub(r"\d+", "0", lines.partition("\n")[0]) == re.sub(r"\d+", "0", example("/detect", "text/plain")).strip()
    )
    batch = client.post("/detect/batch", files=[("image", photo), ("image", b"not an image")]).json()
    assert [shape(result) for result in batch["results"]] == list(map(shape, example("/detect/batch")["results"]))
    infer = document["paths"]["/v2/models/{model}/infer"]["post"]
    asked = infer["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/v2/models/east/infer", json=asked).json() == example("/v2/models/{model}/infer")
    for path in ("/v2", "/v2/models/east", "/v2/models/east/ready", "/v2/health/live", "/readyz", "/healthz"):
        told = document["paths"][path.replace("models/east", "models/{model}")]["get"]["responses"]["200"]
        expected = told["content"]["application/json"]["example"]
        if path == "/readyz":
            expected["model"]["precision"] = "FP32"  # these tests' own
        assert client.get(path).json() == expected

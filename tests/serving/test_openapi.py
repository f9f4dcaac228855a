"""The service keeps the promises of its OpenAPI document, whatever it is sent: schemathesis tries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

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
    assert "11 selected / 11 total" in run.stdout


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

"""What can be said of the container files without building them: they fit the project, and each other."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from serving.settings import Settings
from tests.serving.processes import start

if TYPE_CHECKING:
    from east import TextDetector

ROOT = Path(__file__).parent.parent.parent
FILES = ["Dockerfile", "Dockerfile.gpu"]


def instructions(name: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions, continued lines joined, comments left out."""
    text = "\n".join(line for line in (ROOT / "deploy" / name).read_text().splitlines() if not line.startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def kubernetes() -> dict[str, Any]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


@pytest.mark.parametrize("name", FILES)
def test_health_check_tells_a_ready_service_from_none(name: str, client: httpx.Client) -> None:
    [check] = [value.partition("CMD ")[2] for word, value in instructions(name) if word == "HEALTHCHECK"]

    def status(port: int | None) -> int:
        command = json.loads(check.replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
        assert command[0] == "python"
        return subprocess.run([sys.executable, *command[1:]], capture_output=True, check=False).returncode

    assert status(client.base_url.port) == 0
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert status(nobody.getsockname()[1]) == 1


@pytest.mark.parametrize("name", FILES)
def test_everything_that_is_copied_is_there_and_let_through(name: str) -> None:
    allowed = {line[1:].split("/")[0] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    for word, value in instructions(name):
        if word == "COPY" and "--from" not in value:
            for source in value.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in allowed


def test_the_service_runs_without_what_the_image_leaves_out(detector: TextDetector, photo: bytes) -> None:
    [uninstall] = [value for _, value in instructions("Dockerfile") if "pip uninstall" in value]
    left_out = set(re.findall(r"[\w-]+", uninstall.partition("--yes")[2]))
    assert "tensorflow" in left_out
    modules = {m for m, names in packages_distributions().items() if {n.lower() for n in names} <= left_out}
    assert {"tensorflow", "keras", "scipy", "matplotlib"} <= modules
    environment = dict(instructions("Dockerfile"))["ENV"].split()
    program = f"""
import importlib.metadata as metadata, os, resource, runpy, sys

def from_name(name, known=metadata.Distribution.from_name):
    if name in {left_out!r}:
        raise metadata.PackageNotFoundError(name)
    return known(name)

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
metadata.Distribution.from_name = from_name
os.environ["EAST_RUNTIME"] = {dict(part.split("=") for part in environment)["EAST_RUNTIME"]!r}
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # as on a file system that cannot be written
runpy.run_module("serving", run_name="__main__", alter_sys=True)
"""
    with start(program=("-c", program)) as server:
        assert server.client.post("/detect", content=photo).json()["boxes"]
        assert server.client.post("/detect", content=photo, params={"format": "image/png"}).status_code == 200


def test_environment_names_are_settings(kubernetes: dict[str, Any]) -> None:
    [container] = kubernetes["Deployment"]["spec"]["template"]["spec"]["containers"]
    names = {entry["name"] for entry in container["env"]}
    for name in FILES:
        names |= {
            part.partition("=")[0] for word, value in instructions(name) if word == "ENV" for part in value.split()
        }
    known = {"EAST_CACHE_DIR"}
    for name, field in Settings.model_fields.items():
        known.add(f"EAST_{name.upper()}")
        for inner in getattr(field.annotation, "model_fields", {}):
            known.add(f"EAST_{name.upper()}__{inner.upper()}")
    assert {name for name in names if name.startswith("EAST_")} <= known


def test_probes_and_ports_fit_the_service(kubernetes: dict[str, Any], client: httpx.Client) -> None:
    pod = kubernetes["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [port] = container["ports"]
    assert port["containerPort"] == 8000
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = container[probe]["httpGet"]
        assert get["port"] == port["name"]
        assert client.get(get["path"]).status_code == 200
    assert kubernetes["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    labels = kubernetes["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert kubernetes[kind]["spec"]["selector"]["matchLabels"] == labels
    assert kubernetes["Service"]["spec"]["selector"] == labels


def test_pod_stops_and_computes_as_its_settings_say(kubernetes: dict[str, Any]) -> None:
    pod = kubernetes["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert pod["terminationGracePeriodSeconds"] > int(environment["EAST_SHUTDOWN_SECONDS"]) + 5
    assert environment["EAST_THREADS"] == container["resources"]["limits"]["cpu"]

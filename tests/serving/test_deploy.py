"""What can be said of the container files without building them: they fit the project, and each other."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]
from packaging.utils import canonicalize_name

from east import TextDetector
from serving.settings import Limits, Queue, Settings
from tests.serving.conftest import running
from tests.serving.processes import start

ROOT = Path(__file__).parent.parent.parent
FILES = ["Dockerfile", "Dockerfile.gpu"]


def instructions(name: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions, continued lines joined, comments left out."""
    text = "\n".join(line for line in (ROOT / "deploy" / name).read_text().splitlines() if not line.startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


@pytest.fixture
def kubernetes() -> dict[str, Any]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


@pytest.fixture
def container(kubernetes: dict[str, Any]) -> dict[str, Any]:
    containers: list[dict[str, Any]] = kubernetes["Deployment"]["spec"]["template"]["spec"]["containers"]
    [container] = containers
    return container


@pytest.fixture
def variables(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"]}


def stages(name: str) -> list[list[tuple[str, str]]]:
    """The instructions of each stage of a Dockerfile."""
    found: list[list[tuple[str, str]]] = []
    for word, value in instructions(name):
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, value))
    return found


def environment(name: str, stage: int = -1) -> dict[str, str]:
    """What a stage of a Dockerfile, the last if not told otherwise, sets."""
    variables: dict[str, str] = {}
    for word, value in stages(name)[stage]:
        if word == "ENV":
            variables |= dict(part.split("=", 1) for part in value.split())
    return variables


@pytest.mark.parametrize("name", FILES)
def test_health_check_follows_the_port(name: str, client: httpx.Client) -> None:
    [check] = [value.partition("CMD ")[2] for word, value in instructions(name) if word == "HEALTHCHECK"]
    program, *arguments = json.loads(check)
    assert program == "python"
    own = {key: value for key, value in os.environ.items() if not key.startswith("EAST_")}
    own["http_proxy"] = "http://127.0.0.1:9"  # which is for other addresses than one's own

    def health(**variables: object) -> subprocess.CompletedProcess[str]:
        given = own | {key: str(value) for key, value in variables.items()}
        return subprocess.run([sys.executable, *arguments], env=given, capture_output=True, check=False, text=True)

    ready = client.base_url.port
    image = {key: value for key, value in environment(name).items() if key.startswith("EAST_")}
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = nobody.getsockname()[1]
        assert health(**image | {"EAST_PORT": dead, "EAST_ADMIN_PORT": ready}).returncode == 0
        assert health(EAST_PORT=ready).returncode == 0
        refused = health(**image | {"EAST_PORT": ready, "EAST_ADMIN_PORT": dead})
    assert refused.returncode == 1
    assert refused.stderr == f"not ready on port {dead}: [Errno 111] Connection refused\n"


def test_health_check_says_why_a_service_is_not_ready(detector: TextDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(None, weights="/nowhere") as client:
        monkeypatch.setenv("EAST_PORT", str(client.base_url.port))
        health = subprocess.run([sys.executable, "-m", "serving.health"], capture_output=True, check=False, text=True)
        assert health.returncode == 1
        assert "not-ready" in health.stderr


def test_what_is_compiled_in_the_image_is_used_where_nothing_can_be_written(tmp_path: Path) -> None:
    module = tmp_path / "app" / "squares.py"
    module.parent.mkdir()
    module.write_text("import numba\n\n@numba.njit('int64(int64)', cache=True)\ndef square(n):\n    return n * n\n")
    compiled = tmp_path / "compiled"
    build, final = (environment("Dockerfile", stage) for stage in (0, 1))
    assert build["NUMBA_CACHE_DIR"] == final["NUMBA_CACHE_DIR"]

    def hits(variables: dict[str, str]) -> int:
        program = "import squares; print(sum(squares.square.stats.cache_hits.values()))"
        # permissions mean nothing to root, until it drops the capability to override them from what it may have
        drop = "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1); os.execv(sys.executable, sys.argv[1:])"
        own = {**os.environ, **{key: value for key, value in variables.items() if key.startswith("NUMBA_")}}
        own |= {"NUMBA_CACHE_DIR": str(compiled), "HOME": "/nonexistent", "PYTHONPATH": f"{module.parent}:{ROOT}"}
        command = [sys.executable, "-c", drop, sys.executable, "-c", program]
        run = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, check=True, text=True)
        return int(run.stdout)

    assert hits(build) == 0
    folders = [folder for folder in tmp_path.rglob("*") if folder.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    assert hits(final) == 1
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.parametrize("name", FILES)
def test_everything_that_is_copied_is_there_and_let_through(name: str) -> None:
    allowed = {line[1:].split("/")[0] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    for word, value in instructions(name):
        if word == "COPY" and "--from" not in value:
            for source in value.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in allowed


def test_the_image_installs_what_the_light_lock_has_and_takes_nothing_out_again() -> None:
    build, final = (" ".join(value for word, value in stage if word == "RUN") for stage in stages("Dockerfile"))
    assert "install --require-hashes -r requirements.lock" in build
    assert "uninstall" not in build
    assert re.findall(r"uninstall --yes ([^&]*)", final) == ["setuptools wheel pip"]


def test_the_service_runs_with_nothing_but_what_the_image_has(compiled: None, photo: bytes) -> None:
    TextDetector(runtime=environment("Dockerfile")["EAST_RUNTIME"]).close()  # puts on file what the image has
    locked = set(re.findall(r"^([a-z][\w.-]*)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert {"fastapi", "openvino"} <= locked
    own = {*locked, "east-text-detector"}
    known = packages_distributions()
    modules = {m for m, names in known.items() if not {canonicalize_name(name) for name in names} & own}
    left_out = {name for m in modules for name in known[m]}
    assert {"tensorflow", "keras", "matplotlib", "shapely"} <= modules
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
os.environ["EAST_RUNTIME"] = {environment("Dockerfile")["EAST_RUNTIME"]!r}
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # as on a file system that cannot be written
runpy.run_module("serving", run_name="__main__", alter_sys=True)
"""
    with start(program=("-c", program)) as server:
        assert server.client.post("/detect", content=photo).json()["boxes"]
        assert server.client.post("/detect", content=photo, params={"format": "image/png"}).status_code == 200


def test_environment_names_are_settings(variables: dict[str, str]) -> None:
    known = {"EAST_CACHE_DIR"}
    for name, field in Settings.model_fields.items():
        known.add(f"EAST_{name.upper()}")
        for inner in getattr(field.annotation, "model_fields", {}):
            known.add(f"EAST_{name.upper()}__{inner.upper()}")
    names = {*variables, *environment("Dockerfile"), *environment("Dockerfile.gpu")}
    assert {name for name in names if name.startswith("EAST_")} <= known


@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
def test_manifests_fit_the_schemas_of_kubernetes(kubernetes: dict[str, Any], version: str) -> None:
    assert len(kubernetes) == 5
    for document in kubernetes.values():
        kubernetes_validate.validate(document, version, strict=True)
    del kubernetes["Service"]["spec"]["ports"][0]["port"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(kubernetes["Service"], version, strict=True)


def test_probes_and_ports_fit_the_service(
    kubernetes: dict[str, Any], container: dict[str, Any], variables: dict[str, str], client: httpx.Client
) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": int(variables["EAST_PORT"]), "admin": int(variables["EAST_ADMIN_PORT"])}
    for name in FILES:
        [exposed] = [value.split() for word, value in instructions(name) if word == "EXPOSE"]
        image = environment(name)
        assert exposed == [image["EAST_PORT"], image["EAST_ADMIN_PORT"]] == [str(port) for port in ports.values()]
        assert image["EAST_HOST"] == "0.0.0.0"  # noqa: S104
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = container[probe]["httpGet"]
        assert get["port"] == "admin"
        assert client.get(get["path"]).status_code == 200
    annotations = kubernetes["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == variables["EAST_ADMIN_PORT"]
    assert kubernetes["Service"]["spec"]["ports"][0]["targetPort"] == "http"


def test_everything_means_the_same_pods(kubernetes: dict[str, Any]) -> None:
    deployment = kubernetes["Deployment"]
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    selectors = [kubernetes[kind]["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    selectors += [each["labelSelector"]["matchLabels"] for each in pod["spec"]["topologySpreadConstraints"]]
    selectors += [kubernetes["Service"]["spec"]["selector"]]
    selectors += [kubernetes["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]]
    assert all(selector == labels for selector in selectors)
    target = kubernetes["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": deployment["apiVersion"],
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"]  # which every `apply` would set again


def test_only_the_admin_port_is_kept_from_the_outside(kubernetes: dict[str, Any]) -> None:
    rules = kubernetes["NetworkPolicy"]["spec"]["ingress"]
    assert {rule["ports"][0]["port"]: "from" in rule for rule in rules} == {"http": False, "admin": True}


def test_pod_stops_and_computes_as_its_settings_say(
    kubernetes: dict[str, Any], container: dict[str, Any], variables: dict[str, str]
) -> None:
    pod = kubernetes["Deployment"]["spec"]["template"]["spec"]
    shutdown = int(variables["EAST_SHUTDOWN_SECONDS"])
    wait, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert wait == "sleep"
    assert pod["terminationGracePeriodSeconds"] >= int(seconds) + shutdown + 10
    assert shutdown >= Queue().deadline_seconds
    resources = container["resources"]
    assert variables["EAST_THREADS"] == resources["requests"]["cpu"] == resources["limits"]["cpu"]
    assert 2**30 <= quantity(resources["requests"]["memory"]) <= quantity(resources["limits"]["memory"])
    assert quantity(resources["limits"]["memory"]) > Queue().bytes + Limits().body_bytes
    [tmp] = [volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume]
    assert quantity(tmp["sizeLimit"]) >= 2**20
    # what Kubernetes would put there for the Service "east" is not a port
    assert pod["enableServiceLinks"] is False


def quantity(text: str) -> int:
    """Bytes of what Kubernetes calls a quantity."""
    assert re.fullmatch(r"\d+[KMG]i", text)
    return int(text[:-2]) << {"Ki": 10, "Mi": 20, "Gi": 30}[text[-2:]]


def test_pod_fits_the_restricted_security_standard(kubernetes: dict[str, Any], container: dict[str, Any]) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod = kubernetes["Deployment"]["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}
    for name in FILES:
        [user] = [value for word, value in instructions(name) if word == "USER"]
        assert user == "{runAsUser}:{runAsGroup}".format(**pod["securityContext"])

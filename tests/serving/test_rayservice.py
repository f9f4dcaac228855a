"""The manifest for KubeRay fits Kubernetes, Ray Serve and the service's settings, and its parts fit each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from serving.ray import settings_of
from serving.settings import ClusterSettings

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def manifests() -> dict[str, Any]:
    documents = yaml.safe_load_all((DEPLOY / "rayservice.yaml").read_text())
    return {document["kind"]: document for document in documents}


@pytest.fixture
def cluster(manifests: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifests["RayService"]["spec"]["rayClusterConfig"]
    return found


@pytest.fixture
def config(manifests: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(manifests["RayService"]["spec"]["serveConfigV2"])
    return found


@pytest.fixture
def settings(config: dict[str, Any], tmp_path: Path) -> ClusterSettings:
    """What the application is told, its keys in a file that is there."""
    args = dict(config["applications"][0]["args"])
    (tmp_path / "keys").write_text(f"anna:{'0' * 64}\n")
    assert args["security"] == {"keys_file": "/etc/east/keys"}
    return settings_of({**args, "security": {"keys_file": tmp_path / "keys"}})


@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
def test_pods_and_policy_fit_the_schemas_of_kubernetes(
    manifests: dict[str, Any], cluster: dict[str, Any], version: str
) -> None:
    kubernetes_validate.validate(manifests["NetworkPolicy"], version, strict=True)
    assert manifests["RayService"]["apiVersion"] == "ray.io/v1"
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        template = group["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any", **template["metadata"]}}
        kubernetes_validate.validate({**pod, "spec": template["spec"]}, version, strict=True)
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`:DeprecationWarning:ray.serve")
def test_the_config_fits_ray_serve_and_asks_for_nothing_unknown(config: dict[str, Any]) -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="the extra [ray] is not installed")
    parsed = schema.ServeDeploySchema.model_validate(config)
    known = set(schema.ServeDeploySchema.model_fields)
    assert set(config) <= known
    assert set(config["http_options"]) <= set(type(parsed.http_options).model_fields)
    assert set(config["applications"][0]) <= set(schema.ServeApplicationSchema.model_fields)
    [application] = parsed.applications
    module, _, name = application.import_path.partition(":")
    assert hasattr(__import__(module, fromlist=[name]), name)


def test_replicas_fit_the_pods(settings: ClusterSettings, cluster: dict[str, Any]) -> None:
    [workers] = cluster["workerGroupSpecs"]
    assert settings.replicas == "auto"
    assert settings.least_replicas == workers["minReplicas"] == workers["replicas"]
    assert settings.most_replicas == workers["maxReplicas"]
    [container] = workers["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["cpu"] == workers["rayStartParams"]["num-cpus"]
    assert str(settings.cpus_per_replica) == workers["rayStartParams"]["num-cpus"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_times_fit_each_other(settings: ClusterSettings, config: dict[str, Any], cluster: dict[str, Any]) -> None:
    limits, queue = settings.limits, settings.queue
    whole = limits.body_seconds + queue.deadline_seconds + limits.answer_seconds
    assert config["http_options"]["request_timeout_s"] >= whole
    assert settings.shutdown_seconds >= queue.deadline_seconds
    pod = cluster["workerGroupSpecs"][0]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= settings.shutdown_seconds + 10


def test_ports_and_labels_fit_each_other(
    manifests: dict[str, Any], config: dict[str, Any], cluster: dict[str, Any]
) -> None:
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    labels = manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    for group in groups:
        assert group["template"]["metadata"]["labels"] == labels
        spec = group["template"]["spec"]
        [container] = spec["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["serve"] == config["http_options"]["port"]
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/etc/east"]
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    opened = [rule for rule in manifests["NetworkPolicy"]["spec"]["ingress"] if "from" not in rule]
    assert opened == [{"ports": [{"port": "serve"}]}]


def test_image_and_manifest_have_the_same_ray(cluster: dict[str, Any]) -> None:
    dockerfile = (DEPLOY / "Dockerfile.ray").read_text()
    [version] = re.findall(r"rayproject/ray:([\d.]+)-py", dockerfile)
    assert cluster["rayVersion"] == version
    images = {
        group["template"]["spec"]["containers"][0]["image"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    }
    [image] = images
    assert f"docker build -f deploy/Dockerfile.ray -t {image} ." in dockerfile

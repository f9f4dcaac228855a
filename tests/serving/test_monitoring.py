"""The dashboard and the alert rules ask for what the service tells."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
ELSEWHERE = {"container_memory_working_set_bytes", "kube_pod_container_resource_limits"}

BOARD = json.loads((DEPLOY / "grafana.json").read_text())
RULES = [rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
QUERIES = [
    *(target["expr"] for panel in BOARD["panels"] for target in panel["targets"]),
    *(rule["expr"] for rule in RULES),
]


def names(query: str) -> set[str]:
    """The metrics that a PromQL expression is about."""
    bare = re.sub(r"{[^}]*}|\[[^]]*\]|\b(by|on|group_left)\s*\([^)]*\)", " ", query)
    return set(re.findall(r"\b[a-z_]\w*\b(?!\s*\()", bare)) - {"and", "or", "unless"}


def selectors(query: str) -> list[tuple[str, list[str]]]:
    """Metrics with the labels by which they are selected."""
    found = re.findall(r"(\w+)({[^}]*})", query)
    return [(name, re.findall(r"(\w+)\s*[=!]", labels)) for name, labels in found]


@pytest.fixture(scope="module")
def text(client: httpx.Client, photo: bytes) -> str:
    assert client.post("/detect", content=photo).status_code == 200
    return client.get("/metrics").text


def test_names_are_found_in_queries() -> None:
    query = 'sum by (x, le) (rate(a_total{b="c d"}[5m])) / on (job) group_left (v) max(e_info) > 0.5 and f == 1'
    assert names(query) == {"a_total", "e_info", "f"}
    assert selectors(query) == [("a_total", ["b"])]


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_exists_with_its_labels(query: str, text: str) -> None:
    kinds = dict(re.findall(r"# TYPE (\S+) (\S+)", text))
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    known = {name + suffix for name, kind in kinds.items() for suffix in suffixes.get(kind, ("",))}
    assert names(query)
    assert names(query) <= known | ELSEWHERE
    labels: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels[sample.name].update(sample.labels)
    for name, asked in selectors(query):
        if name in labels:
            assert set(asked) <= labels[name] | {"job", "instance"}


def test_what_is_asked_of_images_is_asked_of_all_operations_that_take_them(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    taking = {path for path, item in paths.items() if "post" in item}
    patterns = [pattern for query in QUERIES for pattern in re.findall(r'operation=~"([^"]*)"', query)]
    assert len(patterns) >= 5
    for pattern in patterns:
        assert {path for path in paths if re.fullmatch(pattern, path)} == taking


def test_every_alert_says_what_is_wrong() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """Its data source is chosen by whoever imports it; panels do not overlap."""
    variables = {variable["name"] for variable in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$(?!__)\{?(\w+)", json.dumps(BOARD)))
    assert used == variables
    taken: dict[tuple[int, int], Any] = {}
    for panel in BOARD["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])

"""OpenTelemetry: what is recorded of a request, by the SDK, and what its log lines say of its trace."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from serving.logs import JsonFormatter
from tests.serving.conftest import wait_until
from tests.serving.processes import start

if TYPE_CHECKING:
    from east import TextDetector

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}

# the service under `opentelemetry-instrument`, or in a program that configures the SDK: spans go to standard output
INSTRUMENTED = """
import runpy
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

provider = TracerProvider()
one_line = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\\n")
provider.add_span_processor(BatchSpanProcessor(one_line, schedule_delay_millis=3_600_000))
trace.set_tracer_provider(provider)
runpy.run_module("serving", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """What the SDK, once configured for the whole process, exports."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter, client: httpx.Client) -> Iterator[Any]:
    """Gives a function that waits for the span of a request by its name, and gives all spans by name."""
    exporter.clear()

    def recorded(name: str) -> dict[str, ReadableSpan]:
        wait_until(lambda: name in [span.name for span in exporter.get_finished_spans()])
        return {span.name: span for span in exporter.get_finished_spans()}

    yield recorded
    exporter.clear()


def ends(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def test_a_request_and_its_steps(spans: Any, client: httpx.Client, photo: bytes) -> None:
    before = time.time_ns()
    answer = client.post("/detect?max_side=320", content=photo, headers=SAMPLED)
    found = spans("POST /detect")
    request = found.pop("POST /detect")
    assert request.kind is SpanKind.SERVER
    assert trace.format_trace_id(request.context.trace_id) == TRACE
    assert trace.format_span_id(request.parent.span_id) == PARENT
    expected = {
        "http.request.method": "POST",
        "http.route": "/detect",
        "http.response.status_code": 200,
        "url.path": "/detect",
        "url.query": "max_side=320",
        "url.scheme": "http",
        "east.outcome": "ok",
        "east.request_id": answer.headers["x-request-id"],
    }
    assert expected.items() <= dict(request.attributes).items()
    steps = ["decode-queue", "decode", "resize", "queue", "network", "postprocess"]
    assert set(found) == set(steps)
    milliseconds = answer.json()["timings_ms"]
    last = before
    for name in steps:
        step = found[name]
        assert step.parent.span_id == request.context.span_id
        start, end = ends(step)
        if "queue" not in name:
            assert (end - start) / 1e6 == pytest.approx(milliseconds[name], abs=0.01)
        assert last - 1_000 <= start  # one after the other, but for rounding
        last = end
    assert last <= ends(request)[1]


def test_without_a_caller_a_trace_begins(spans: Any, client: httpx.Client) -> None:
    client.get("/v2")
    request = spans("GET /v2")["GET /v2"]
    assert request.parent is None


def test_failures_are_told(spans: Any, client: httpx.Client) -> None:
    client.post("/detect", content=b"not an image")
    refused = spans("POST /detect")["POST /detect"]
    assert refused.status.is_unset  # for a server, what the client does wrong is no error
    assert refused.attributes["east.outcome"] == "undecodable-image"
    client.request("SMUGGLE", "/nowhere")
    unknown = spans("HTTP")["HTTP"]
    assert unknown.attributes["http.request.method"] == "_OTHER"
    assert unknown.attributes["http.response.status_code"] == 404


def test_a_failure_of_the_service_is_an_error(spans: Any, serve: Any, photo: bytes) -> None:
    with serve(queue={"deadline_seconds": 0.000001}) as hasty:
        assert hasty.post("/detect", content=photo).status_code == 504
    late = spans("POST /detect")["POST /detect"]
    assert not late.status.is_ok
    assert not late.status.is_unset
    assert late.attributes["error.type"] == "504"
    assert late.attributes["east.outcome"] == "deadline-passed"


def test_probes_are_no_spans(spans: Any, client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/v2"):
        client.get(path)
    assert set(spans("GET /v2")) == {"GET /v2"}


def test_what_the_caller_does_not_sample_is_not_recorded(
    spans: Any, exporter: InMemorySpanExporter, client: httpx.Client, photo: bytes
) -> None:
    client.post("/detect", content=photo, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    client.get("/v2")
    assert set(spans("GET /v2")) == {"GET /v2"}


def test_log_lines_name_trace_and_span(spans: Any, serve: Any, photo: bytes, caplog: pytest.LogCaptureFixture) -> None:
    lines: list[dict[str, Any]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    collector = Collector()
    logging.getLogger("serving").addHandler(collector)
    try:
        with caplog.at_level(logging.INFO, "serving"), serve() as client:
            client.post("/detect", content=photo, headers=SAMPLED)
            span = spans("POST /detect")["POST /detect"]
            wait_until(lambda: any(line["message"] == "request" for line in lines))
    finally:
        logging.getLogger("serving").removeHandler(collector)
    [line] = [line for line in lines if line["message"] == "request" and line["path"] == "/detect"]
    assert line["trace_id"] == TRACE
    assert line["span_id"] == trace.format_span_id(span.context.span_id)


def test_without_the_sdk_the_log_names_the_callers_trace(detector: TextDetector) -> None:
    with start() as server:
        server.client.get("/v2", headers=SAMPLED)
        server.client.get("/v2")
        server.client.get("/v2", headers={"traceparent": "00-nonsense"})
    traced, *others = [line for line in map(json.loads, server.lines) if line.get("path") == "/v2"]
    assert traced["trace_id"] == TRACE
    assert "span_id" not in traced  # the caller's is not ours
    assert len(others) == 2
    assert not any("trace_id" in line for line in others)


def test_what_was_recorded_is_exported_at_the_end(detector: TextDetector) -> None:
    with start(program=("-c", INSTRUMENTED)) as server:
        server.client.get("/v2", headers=SAMPLED)
    spans = [line for line in map(json.loads, server.lines) if "parent_id" in line]
    assert [span["name"] for span in spans] == ["GET /v2"]
    assert spans[0]["context"]["trace_id"] == f"0x{TRACE}"
    assert spans[0]["resource"]["attributes"]["service.name"]


def test_an_endpoint_without_its_exporter_is_one_line(detector: TextDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with start() as server:
        assert server.client.get("/v2").status_code == 200
    warnings = [line for line in map(json.loads, server.lines) if line["level"] == "warning"]
    assert len(warnings) == 1
    assert "OpenTelemetry" in warnings[0]["message"]

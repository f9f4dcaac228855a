"""OpenTelemetry: the steps of a request as spans, and the trace that a log line belongs to.

The span of a request follows the semantic conventions for HTTP servers, and lies within the trace that its
``traceparent`` names. It is recorded wherever the SDK is configured: by the program around the application, by
``opentelemetry-instrument``, or by `configure`. Without the SDK nothing is recorded and next to nothing done.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from east import __version__
from east.types import Timings

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Scope

_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
_LONGEST = 1000  # characters of what a client has written

logger = logging.getLogger("serving")
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("serving", __version__)


def flush() -> None:
    """Has everything exported that was recorded; a process that ends by a signal exports nothing more."""
    force_flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if force_flush is not None:
        force_flush()


def configure() -> None:
    """Has spans exported where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says, unless somebody else sees to that."""
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} & os.environ.keys()
    if not named or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    if "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        os.environ.setdefault("OTEL_SERVICE_NAME", "east")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logger.warning(
            "no traces: %s is set, but OpenTelemetry's SDK and OTLP exporter are not installed (%s): "
            "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
            min(named),
            error,
        )
        return
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def request_span(scope: Scope, headers: Headers) -> Iterator[Span]:
    """Makes the span of a request the current one; without the SDK that is the caller's, so that the log names it.

    Whoever has made a span around the application already has made this one.
    """
    if trace.get_current_span().get_span_context().is_valid:
        yield trace.get_current_span()
        return
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    attributes = {
        "http.request.method": method,
        "url.path": (scope["path"] or "")[:_LONGEST],  # there is none of what is no HTTP
        "url.query": scope.get("query_string", b"")[:_LONGEST].decode("ascii", "replace"),
        "url.scheme": scope.get("scheme", "http"),
    }
    name = "HTTP" if method == "_OTHER" else method
    with _tracer.start_as_current_span(
        name, _propagator.extract(headers), SpanKind.SERVER, attributes, record_exception=False
    ) as span:
        yield span


def answered(span: Span, method: str, route: str | None, status: int, outcome: str) -> None:
    """Records how a request ended: a failure, unless it was the client's.

    Args:
        span: of the request.
        method: of the request.
        route: the path of the operation, as it is declared; None where there is none.
        status: of the answer, 0 when there was none.
        outcome: in a word.
    """
    if not span.is_recording():
        return
    span.set_attribute("east.outcome", outcome)
    if route is not None:
        span.set_attribute("http.route", route)
        if method in _METHODS:
            span.update_name(f"{method} {route}")
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def ids() -> dict[str, str]:
    """What a log line written now belongs to: ``trace_id``, and ``span_id`` where this service has made the span."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    found = {"trace_id": trace.format_trace_id(here.trace_id)}
    return found if here.is_remote else {**found, "span_id": trace.format_span_id(here.span_id)}


def epoch() -> int:
    """When ``time.perf_counter`` was zero, in nanoseconds of ``time.time_ns``: one for all steps of a request.

    The two clocks cannot be read at once: of three readings the one counts that was interrupted least.
    """
    readings = []
    for _ in range(3):
        before = time.perf_counter_ns()
        now = time.time_ns()
        readings.append((time.perf_counter_ns() - before, now - before))
    return min(readings)[1]


def stage(span: Span, epoch: int, name: str, start: float, end: float, **attributes: Any) -> None:
    """Records a step of a request, in whatever thread, once it has been taken.

    Args:
        span: of the request, `RequestContext.span`.
        epoch: of the request, `RequestContext.epoch`.
        name: of the step.
        start: when it began, in seconds of ``time.perf_counter``, in whatever process of this machine.
        end: when it ended, likewise.
        attributes: of the step; of types that OpenTelemetry takes.
    """
    if not span.get_span_context().trace_flags.sampled:
        return
    step = _tracer.start_span(
        name, trace.set_span_in_context(span), attributes=attributes, start_time=epoch + round(start * 1e9)
    )
    step.end(epoch + round(end * 1e9))


def preparation(span: Span, epoch: int, asked: float, timings: Timings, end: float) -> None:
    """Records the wait of an image for a process that decodes it, and what was done there.

    Args:
        span: of the request.
        epoch: of the request.
        asked: since when it waited, in seconds of ``time.perf_counter``.
        timings: of decoding and resizing.
        end: when it was done, likewise.
    """
    resize = end - timings.resize / 1e3
    decode = resize - timings.decode / 1e3
    _steps(span, epoch, ["decode-queue", "decode", "resize"], [asked, decode, resize, end])


def detection(span: Span, epoch: int, asked: float, timings: Timings, end: float) -> None:
    """Records the wait of an image for the network, and what came then; in a batch, the network's share.

    Args: as `preparation`.
    """
    postprocess = end - timings.postprocess / 1e3
    network = postprocess - timings.network / 1e3
    _steps(span, epoch, ["queue", "network", "postprocess"], [asked, network, postprocess, end])


def reading(span: Span, epoch: int, asked: float, start: float, end: float, words: int) -> None:
    """Records the wait of an image's words for the recogniser, and the reading.

    Args:
        span: of the request.
        epoch: of the request.
        asked: since when they waited, in seconds of ``time.perf_counter``.
        start: when the recogniser began, likewise.
        end: when it was done, likewise.
        words: how many they were.
    """
    stage(span, epoch, "read-queue", asked, start)
    stage(span, epoch, "read", start, end, **{"east.words": words})


def _steps(span: Span, epoch: int, names: Sequence[str], times: Sequence[float]) -> None:
    for name, (start, end) in zip(names, pairwise(times), strict=True):
        stage(span, epoch, name, min(start, end), end)

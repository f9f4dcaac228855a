"""OpenTelemetry: the steps of a request as spans, and the trace that a log line belongs to.

FastAPI makes the span of a request, by the semantic conventions for HTTP servers, within the trace that its
``traceparent`` names, wherever the SDK is configured: by the program around the application, by
``opentelemetry-instrument``, or by ``OTEL_EXPORTER_OTLP_ENDPOINT``, if the SDK and its OTLP exporter are installed.
Without the SDK nothing is recorded and next to nothing done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.trace import Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from east import __version__
from east.types import Timings

if TYPE_CHECKING:
    from starlette.datastructures import Headers

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("serving", __version__)


def name_service() -> None:
    """Says which service it is, in the environment, unless that says so itself."""
    if "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        os.environ.setdefault("OTEL_SERVICE_NAME", "east")


def flush() -> None:
    """Has everything exported that was recorded; a process that ends by a signal exports nothing more."""
    force_flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if force_flush is not None:
        force_flush()


@contextmanager
def request_span(headers: Headers) -> Iterator[Span]:
    """Gives the span of the request, the current one.

    Where nobody records, that is the caller's own, so that the log names its trace all the same.
    """
    span = trace.get_current_span()
    if span.get_span_context().is_valid or "traceparent" not in headers:
        yield span
        return
    token = context.attach(_propagator.extract(headers))
    try:
        yield trace.get_current_span()
    finally:
        context.detach(token)


def ids() -> dict[str, str]:
    """What a log line written now belongs to: ``trace_id``, and ``span_id`` where this service has made the span."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    found = {"trace_id": trace.format_trace_id(here.trace_id)}
    return found if here.is_remote else {**found, "span_id": trace.format_span_id(here.span_id)}


def stage(span: Span, name: str, start: float, end: float, **attributes: Any) -> None:
    """Records a step of a request, in whatever thread, once it has been taken.

    Args:
        span: of the request, `RequestContext.span`.
        name: of the step.
        start: when it began, in seconds of ``time.perf_counter``, in whatever process of this machine.
        end: when it ended, likewise.
        attributes: of the step; of types that OpenTelemetry takes.
    """
    if not span.get_span_context().trace_flags.sampled:
        return
    epoch = time.time_ns() - time.perf_counter_ns()
    step = _tracer.start_span(
        name, trace.set_span_in_context(span), attributes=attributes, start_time=epoch + round(start * 1e9)
    )
    step.end(epoch + round(end * 1e9))


def detection(span: Span, waited_ms: float, timings: Timings, end: float) -> None:
    """Records the wait of an image and the steps of its detection, which came one after the other.

    Args:
        span: of the request.
        waited_ms: before the detection.
        timings: of the detection; in a batch the network's is the image's share.
        end: when it ended, in seconds of ``time.perf_counter``.
    """
    if not span.get_span_context().trace_flags.sampled:
        return
    for name in ("postprocess", "network", "resize", "decode"):
        start = end - getattr(timings, name) / 1e3
        stage(span, name, start, end)
        end = start
    stage(span, "queue", end - waited_ms / 1e3, end)

"""An OpenTelemetry collector in this process: OTLP by gRPC and by HTTP, on the real messages, and how it may misbehave."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceServicer, add_MetricsServiceServicer_to_server
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer, add_TraceServiceServicer_to_server
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.support.system import until

US = "cascade-extproc"
ENVOY = "envoy"


@dataclass(frozen=True)
class Span:
    """A span as a viewer shows it; ids are hex, times nanoseconds."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    failed: bool
    links: tuple[tuple[str, str], ...] = ()

    def holds(self, other: Span) -> bool:
        """Whether another span lies within this one in time."""
        return self.start_ns <= other.start_ns <= other.end_ns <= self.end_ns


Tree = tuple[str, tuple["Tree", ...]]
"""A span's name, and the trees below it in the order of their beginnings."""


@dataclass
class Collector:
    """`with` opens both of its doors."""

    refuse: int = 0
    """So many of the things in every message."""
    status: int = 200
    """Of HTTP answers."""
    delay_s: float = 0.0
    garbage: bool = False
    """Answer what is no message of the protocol."""
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    """Headers of every message that came."""
    paths: list[str] = field(default_factory=list)
    """Request paths of HTTP."""

    def __enter__(self) -> Self:
        self._threads = ThreadPoolExecutor(8)
        self._grpc = grpc.server(self._threads)
        add_TraceServiceServicer_to_server(_Traces(self), self._grpc)
        add_MetricsServiceServicer_to_server(_Metrics(self), self._grpc)
        self.by_grpc = f"http://127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._grpc.start()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"collector": self}))
        self._http.daemon_threads = True
        # Of a port that is not 4318 the path says what is spoken.
        self.by_http = f"http://127.0.0.1:{self._http.server_address[1]}/v1/traces"
        self._serving = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._serving.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._serving.join(10)
        self._grpc.stop(None).wait()
        self._threads.shutdown()

    def took(self, message: ExportTraceServiceRequest | ExportMetricsServiceRequest, head: dict[str, str]) -> None:
        """Keep a message."""
        time.sleep(self.delay_s)
        self.heads.append(head)
        (self.traces if isinstance(message, ExportTraceServiceRequest) else self.metrics).append(message)  # type: ignore[arg-type]

    # What came.

    def spans(self, trace_id: str = "", service: str = "") -> list[Span]:
        """Give the spans that came so far, in the order of their beginnings."""
        found = [one for one in self._spans() if one.trace_id == (trace_id or one.trace_id) and one.service == (service or one.service)]
        return sorted(found, key=lambda one: (one.start_ns, -one.end_ns))

    def _spans(self) -> Iterator[Span]:
        for message in list(self.traces):
            yield from _spans_of(message)

    def whole(self, trace_id: str, count: int) -> list[Span]:
        """Wait for a trace to have so many spans, and give them."""
        spans: list[Span] = until(lambda: found if len(found := self.spans(trace_id)) >= count else None)
        return spans

    def resources(self) -> list[dict[str, Any]]:
        """Give what every message of spans says of its sender."""
        return [read(group.resource.attributes) for message in self.traces for group in message.resource_spans]

    def newest_metrics(self) -> dict[str, Metric]:
        """Give the metrics of the newest message."""
        groups = self.metrics[-1].resource_metrics if self.metrics else ()
        return {one.name: one for group in groups for scope in group.scope_metrics for one in scope.metrics}


def spans_in(message: bytes) -> list[Span]:
    """Read an export request."""
    return list(_spans_of(ExportTraceServiceRequest.FromString(message)))


def _spans_of(message: ExportTraceServiceRequest) -> Iterator[Span]:
    for group in message.resource_spans:
        service = str(read(group.resource.attributes).get("service.name", ""))
        for one in (span for scope in group.scope_spans for span in scope.spans):
            yield Span(
                service,
                one.name,
                one.trace_id.hex(),
                one.span_id.hex(),
                one.parent_span_id.hex(),
                one.kind,
                one.start_time_unix_nano,
                one.end_time_unix_nano,
                read(one.attributes),
                one.status.code == Status.STATUS_CODE_ERROR,
                tuple((link.trace_id.hex(), link.span_id.hex()) for link in one.links),
            )


def tree(spans: list[Span], parent_id: str = "") -> tuple[Tree, ...]:
    """Give the names of spans as they stand below one another; those whose parent is not among them stand at the top."""
    known = {one.span_id for one in spans}
    tops = [one for one in spans if (one.parent_id == parent_id if parent_id else one.parent_id not in known)]
    return tuple((one.name, tree(spans, one.span_id)) for one in tops)


def strays(spans: list[Span], *, above: str = "") -> list[str]:
    """Name the spans that have no parent among these (`above` is the client's own), or do not lie within it."""
    by_id = {one.span_id: one for one in spans}
    lost = [one.name for one in spans if one.parent_id not in {"", above} and one.parent_id not in by_id]
    return lost + [one.name for one in spans if one.parent_id in by_id and not by_id[one.parent_id].holds(one)]


def read(attributes: Any) -> dict[str, Any]:
    """Give attributes as plain values."""
    pairs: list[KeyValue] = list(attributes)
    assert len({pair.key for pair in pairs}) == len(pairs)
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


class _Traces(TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:  # noqa: N802
        self._collector.took(request, {str(key): str(value) for key, value in context.invocation_metadata()})
        if self._collector.status != 200:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        answer = ExportTraceServiceResponse()
        if self._collector.refuse:
            answer.partial_success.rejected_spans = self._collector.refuse
        return answer


class _Metrics(MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: ExportMetricsServiceRequest, context: grpc.ServicerContext) -> ExportMetricsServiceResponse:  # noqa: N802
        self._collector.took(request, {str(key): str(value) for key, value in context.invocation_metadata()})
        return ExportMetricsServiceResponse()


class _Handler(BaseHTTPRequestHandler):
    collector: Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        kind = ExportMetricsServiceRequest if self.path.endswith("metrics") else ExportTraceServiceRequest
        self.collector.paths.append(self.path)
        self.collector.took(kind.FromString(body), {key.lower(): value for key, value in self.headers.items()})
        answer = ExportTraceServiceResponse()
        if self.collector.refuse:
            answer.partial_success.rejected_spans = self.collector.refuse
        told = b"<html>\xff" if self.collector.garbage else answer.SerializeToString()
        self.send_response(self.collector.status)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

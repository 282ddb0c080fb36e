"""Envoy's own spans, as a collector gets them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer, add_TraceServiceServicer_to_server
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.envoy import Envoy
from tests.support.plain import Plain
from tests.support.system import until

pytestmark = pytest.mark.envoy


class Collector(TraceServiceServicer):
    """Keeps what is exported to it."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:  # noqa: N802 (its name on the wire)
        self.requests.append(request)
        return ExportTraceServiceResponse()

    def services(self) -> set[str]:
        told = [pair for request in self.requests for one in request.resource_spans for pair in one.resource.attributes]
        return {pair.value.string_value for pair in told if pair.key == "service.name"}

    def trace(self, trace_id: str) -> dict[str, Span]:
        """The spans of one trace, by the first word of their names."""
        scopes = [scope for request in self.requests for one in request.resource_spans for scope in one.scope_spans]
        return {span.name.split()[0]: span for scope in scopes for span in scope.spans if span.trace_id.hex() == trace_id}


@dataclass(frozen=True)
class Story:
    """What a collector and a provider heard of four requests; all of the first three has arrived."""

    collector: Collector
    seen: dict[str, str]
    """The provider's `traceparent` of the requests `llm`, `other`, `fresh` (without a trace of its own) and `secret` (not to be kept)."""

    def spans(self, name: str) -> dict[str, Span]:
        return self.collector.trace(self.seen[name].split("-")[1])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    collector = Collector()
    with ThreadPoolExecutor(1) as threads, Background(Plain()) as provider:
        server = grpc.server(threads)
        add_TraceServiceServicer_to_server(collector, server)
        endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            with Envoy(
                tmp_path_factory.mktemp("traced"), models(provider.url, provider.url), telemetry={"otlp_endpoint": endpoint}
            ) as envoy:
                told = Story(collector, {})
                for name, path, trace in (
                    ("secret", "/v1/messages", {"traceparent": f"00-{'12' * 16}-{'cd' * 8}-00"}),
                    ("llm", "/v1/messages", {"traceparent": f"00-{'34' * 16}-{'cd' * 8}-01"}),
                    ("other", "/v1/files", {"traceparent": f"00-{'56' * 16}-{'cd' * 8}-01"}),
                    ("fresh", "/v1/messages", {}),
                ):
                    url = f"{envoy.url}{path}?key=of-a-client"
                    assert httpx.post(url, json=body_of(path, "Hello!"), headers=trace).status_code == 200
                    told.seen[name] = provider.requests[-1].header("traceparent") or ""
                until(lambda: all({"ingress", "router"} <= set(told.spans(name)) for name in ("llm", "other", "fresh")))
                yield told
        finally:
            server.stop(None).wait()


@pytest.mark.parametrize(("name", "trace_id", "path"), [("llm", "34" * 16, "/v1/messages"), ("other", "56" * 16, "/v1/files")])
def test_a_request_is_a_span_of_the_clients_trace_and_the_call_is_its_child(story: Story, name: str, trace_id: str, path: str):
    assert story.seen[name].split("-")[1] == trace_id
    ingress, router = (story.spans(name)[word] for word in ("ingress", "router"))
    assert ingress.parent_span_id.hex() == "cd" * 8
    assert router.parent_span_id == ingress.span_id
    assert {pair.key: pair.value.string_value for pair in ingress.attributes}["http.url"] == path
    assert story.collector.services() == {"envoy"}


def test_a_request_without_a_trace_begins_one_that_is_kept(story: Story):
    assert story.seen["fresh"].endswith("-01")
    assert story.spans("fresh")["ingress"].parent_span_id == b""


def test_a_client_may_keep_its_trace_out(story: Story):
    assert story.seen["secret"].endswith("-00")
    assert story.spans("secret") == {}


def test_no_query_is_told(story: Story):
    assert not any(b"of-a-client" in request.SerializeToString() for request in story.collector.requests)

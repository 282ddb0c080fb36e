"""Traces where things are less simple: two workers, a collector by HTTP with keys, a share of the traces, clients that leave."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.collector import ENVOY, US, Collector, Span, strays, tree
from tests.support.pair import EASY, HARD, Pair, newest, pair, question, steering
from tests.support.system import free_ports, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

KEY = "the-collectors-key"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, Collector]]:
    """Two workers, everything by HTTP, with what a hosted collector asks for."""
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEY},x-team=red", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
    with Collector() as collector:
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.by_http.removesuffix("/v1/traces")
        environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
        environ["OTEL_METRIC_EXPORT_INTERVAL"] = "300"
        with pair(tmp_path_factory.mktemp("system"), environ=environ, workers=2) as both:
            yield both, collector


def ours(collector: Collector, trace_id: str) -> list[Span]:
    return [one for one in collector.spans(trace_id) if one.service == US]


def test_requests_of_all_workers_have_whole_traces(elsewhere: tuple[Pair, Collector]):
    both, collector = elsewhere
    asked = [both.ask("/v1/messages", question("/v1/messages", EASY if number % 2 else HARD)) for number in range(12)]
    for response in asked:
        spans = collector.whole(response.headers["x-cascade-trace-id"], 4 if response.headers["x-cascade-outcome"] == "SKIPPED" else 9)
        assert strays(spans) == []
        assert [name for name, _ in tree(spans)] == ["ingress"]
        assert {one.service for one in spans} == {US, ENVOY}


def test_both_services_name_themselves_and_bring_the_key(elsewhere: tuple[Pair, Collector]):
    both, collector = elsewhere
    response = both.ask("/v1/messages", question("/v1/messages", EASY))
    collector.whole(response.headers["x-cascade-trace-id"], 4)
    assert {one["service.name"] for one in collector.resources()} == {US, ENVOY}
    assert {one["deployment.environment.name"] for one in collector.resources()} == {"test"}
    assert {(head["x-key"], head["x-team"]) for head in collector.heads} == {(KEY, "red")}
    assert set(collector.paths) <= {"/v1/traces", "/v1/metrics"}


def test_the_key_is_shown_nowhere(elsewhere: tuple[Pair, Collector]):
    both, _ = elsewhere
    for url in (f"{both.system.envoy_admin}/config_dump", f"{both.system.admin}/api/config", f"{both.system.admin}/metrics"):
        assert KEY not in httpx.get(url).text
    assert KEY not in both.system.log.read_text()


def test_the_conventions_metrics_arrive(elsewhere: tuple[Pair, Collector]):
    both, collector = elsewhere
    both.ask("/v1/chat/completions", question("/v1/chat/completions", HARD), verify="verdict=improve")
    wanted = {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"}
    until(lambda: wanted <= set(collector.newest_metrics()))


def test_a_client_that_leaves(elsewhere: tuple[Pair, Collector]):
    both, collector = elsewhere
    trace_id = "ee" * 16
    asked = both.verify.count
    body = json.dumps(question("/v1/messages", HARD, stream=True)).encode()
    told = {**steering("", "hang"), "traceparent": f"00-{trace_id}-{'cd' * 8}-01", "content-length": str(len(body))}
    client = socket.create_connection(("127.0.0.1", both.system.port), 10)
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    client.sendall(f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\n{head}\r\n".encode() + body)
    until(lambda: both.verify.count > asked and both.verify.active)
    client.close()
    spans = until(lambda: found if len(found := ours(collector, trace_id)) >= 4 else None)
    (root,) = [one for one in spans if one.name.startswith("cascade ")]
    assert (root.name, root.failed) == ("cascade FAILED", True)
    assert tree(spans) == ((root.name, (("cascade.classify", ()), ("chat draft-small", ()), ("chat claude-opus-4-8", ()))),)
    by_name = {one.name: one for one in spans}
    assert by_name["chat claude-opus-4-8"].attributes["error.type"] == "cancelled"
    assert root.holds(by_name["chat draft-small"])
    assert root.start_ns <= by_name["chat claude-opus-4-8"].start_ns <= root.end_ns


def test_a_share_of_the_traces_is_kept_by_both_or_by_neither(tmp_path: Path):
    environ = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    with Collector() as collector, pair(tmp_path, telemetry={"otlp_endpoint": collector.by_grpc}, environ=environ) as both:
        asked = [both.ask("/v1/messages", question("/v1/messages", EASY)).headers["x-cascade-trace-id"] for _ in range(40)]
        asked += [both.ask("/v1/messages", question("/v1/messages", HARD)).headers["x-cascade-trace-id"] for _ in range(10)]
        kept = f"{1:032x}"
        both.client.get("/v1/models", headers={"traceparent": f"00-{kept}-{'cd' * 8}-01"})
        for _ in range(8):
            both.client.get("/v1/models")
        collector.whole(kept, 2)
        for trace_id in asked:
            both.system.record(trace_id)
        traced = {one.trace_id for one in collector.spans()}
    assert 8 < len(traced & set(asked)) < 42
    for trace_id in traced:
        spans = collector.spans(trace_id)
        assert {one.service for one in spans} == {US, ENVOY}
        assert strays(spans, above="cd" * 8) == []


def test_a_dead_collector_affects_nobody(tmp_path: Path):
    (dead,) = free_ports(1)
    with pair(tmp_path, telemetry={"otlp_endpoint": f"http://127.0.0.1:{dead}"}) as both:
        for number in range(30):
            assert both.ask("/v1/messages", question("/v1/messages", EASY if number % 3 else HARD)).status_code == 200
        until(lambda: both.metric("cascade_telemetry_dropped_total", signal="traces") > 0)
        assert both.ask("/v1/messages").status_code == 200
        assert both.system.log.read_text().count("traces do not reach the collector") == 1


def test_where_the_environment_says_no_nothing_is_told(tmp_path: Path):
    environ = {"OTEL_SDK_DISABLED": "true"}
    with Collector() as collector, pair(tmp_path, telemetry={"otlp_endpoint": collector.by_grpc}, environ=environ) as both:
        response = both.ask("/v1/messages")
        assert response.status_code == 200
        both.record(response)
        assert "traceparent" not in newest(both.verify).headers
        assert (collector.traces, collector.metrics) == ([], [])

"""Envoy's own spans, as a collector gets them, with no processor there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.collector import Collector, Span
from tests.support.envoy import Envoy
from tests.support.plain import Plain

pytestmark = pytest.mark.envoy


@dataclass(frozen=True)
class Story:
    """What a collector and a provider heard of four requests; all of the first three has arrived."""

    collector: Collector
    seen: dict[str, str]
    """The `traceparent` that came of the requests `llm`, `other`, `fresh` (without a trace of its own) and `secret` (not to be kept)."""
    asked: dict[str, list[str]]
    """Names of the headers that the provider got."""

    def spans(self, name: str) -> list[Span]:
        """Give a request's spans."""
        return self.collector.spans(self.seen[name].split("-")[1])


@pytest.fixture(scope="module", params=["gRPC", "HTTP"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with Collector() as collector, Background(Plain()) as provider:
        endpoint = collector.by_grpc if request.param == "gRPC" else collector.by_http
        folder = tmp_path_factory.mktemp("traced")
        with Envoy(folder, models(provider.url, provider.url), telemetry={"otlp_endpoint": endpoint}) as envoy:
            told = Story(collector, {}, {})
            for name, path, trace in (
                ("secret", "/v1/messages", {"traceparent": f"00-{'12' * 16}-{'cd' * 8}-00"}),
                ("llm", "/v1/messages", {"traceparent": f"00-{'34' * 16}-{'cd' * 8}-01"}),
                ("other", "/v1/files", {"traceparent": f"00-{'56' * 16}-{'cd' * 8}-01"}),
                ("fresh", "/v1/messages", {}),
            ):
                url = f"{envoy.url}{path}?key=of-a-client"
                assert httpx.post(url, json=body_of(path, "Hello!"), headers=trace).status_code == 200
                told.seen[name] = provider.requests[-1].header("traceparent") or ""
                told.asked[name] = [key for key, _ in provider.requests[-1].headers]
            for name in ("llm", "other", "fresh"):
                collector.whole(told.seen[name].split("-")[1], 1)
            yield told


@pytest.mark.parametrize(("name", "trace_id", "path"), [("llm", "34" * 16, "/v1/messages"), ("other", "56" * 16, "/v1/files")])
def test_a_request_is_a_span_of_the_clients_trace_and_the_provider_stands_below_it(story: Story, name: str, trace_id: str, path: str):
    (ingress,) = story.spans(name)
    assert (ingress.name, ingress.kind, ingress.parent_id) == ("ingress", 2, "cd" * 8)
    assert ingress.attributes["http.url"] == path
    assert story.seen[name] == f"00-{trace_id}-{ingress.span_id}-01"
    assert {one.service for one in story.collector.spans()} == {"envoy"}


def test_a_request_without_a_trace_begins_one_that_is_kept(story: Story):
    assert story.seen["fresh"].endswith("-01")
    assert [one.parent_id for one in story.spans("fresh")] == [""]


def test_a_client_may_keep_its_trace_out(story: Story):
    assert story.seen["secret"].endswith("-00")
    assert story.spans("secret") == []


def test_no_query_is_told(story: Story):
    assert not any(b"of-a-client" in message.SerializeToString() for message in story.collector.traces)


def test_a_provider_hears_of_the_trace_and_of_nothing_else_of_ours(story: Story):
    for names in story.asked.values():
        assert not [name for name in names if name.lower().startswith("x-")]

"""One trace per request, as a collector gets it: for every outcome and dialect, streamed or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.collector import ENVOY, US, Collector, Span, strays, tree
from tests.support.pair import DIALECT_OF, EASY, HARD, PATHS, Pair, formed, newest, pair, question
from tests.support.system import until

pytestmark = pytest.mark.envoy

DRAFT, VERIFY = "chat draft-small", "chat claude-opus-4-8"
CLASSIFY, CHECK, STITCH = "cascade.classify", "cascade.check", "cascade.stitch"
DIRECT = "Prove that the square root of 2 is irrational, step by step, and implement the proof in Lean 4."


@dataclass(frozen=True)
class Case:
    """What is asked and how the providers behave; the outcome, and the spans below its own, in the order of their beginnings."""

    outcome: str
    words: str
    below: tuple[str, ...]
    draft: str = ""
    verify: str = ""
    checked: bool = False
    status: int = 200
    errors: dict[str, str] = field(default_factory=dict)
    """Names of the spans that failed, and `error.type` of each."""

    def __str__(self) -> str:
        return f"{self.outcome} {self.draft or self.verify}{' checked' if self.checked else ''}"


CASES = (
    Case("SKIPPED", EASY, (CLASSIFY, DRAFT)),
    Case("SKIPPED", EASY, (CLASSIFY, DRAFT, CHECK, STITCH), checked=True),
    Case("DIRECT", DIRECT, (CLASSIFY, VERIFY)),
    Case("DIRECT", DIRECT, (CLASSIFY, VERIFY), verify="status=400", status=400, errors={VERIFY: "400"}),
    Case("ACCEPTED", HARD, (CLASSIFY, DRAFT, CHECK, VERIFY, STITCH), verify="verdict=accept"),
    Case("ENHANCED", HARD, (CLASSIFY, DRAFT, CHECK, VERIFY, STITCH), verify="verdict=improve"),
    Case("RESCUED", HARD, (CLASSIFY, DRAFT, CHECK, VERIFY, STITCH), draft="empty", errors={CHECK: "not_empty"}),
    Case("RESCUED", HARD, (CLASSIFY, DRAFT, VERIFY, STITCH), draft="status=503", errors={DRAFT: "503"}),
    Case("RESCUED", EASY, (CLASSIFY, DRAFT, VERIFY, STITCH), draft="status=503", errors={DRAFT: "503"}),
    Case("FALLBACK", HARD, (CLASSIFY, DRAFT, CHECK, VERIFY, STITCH), verify="status=500", errors={VERIFY: "500"}),
    Case(
        "FAILED",
        HARD,
        (CLASSIFY, DRAFT, VERIFY),
        draft="status=503",
        verify="status=429",
        status=429,
        errors={"cascade FAILED": "429", DRAFT: "503", VERIFY: "429"},
    ),
)


@dataclass(frozen=True)
class Traced:
    """A running system, and the collector that it tells."""

    both: Pair
    collector: Collector

    def ask(self, path: str, case: Case, *, stream: bool = False, headers: dict[str, str] | None = None) -> httpx.Response:
        body = question(path, case.words, stream=stream, **(formed(path) if case.checked else {}))
        told = {"x-api-key": "client-key", "x-simulate-draft": case.draft, "x-simulate-verify": case.verify, **(headers or {})}
        return self.both.client.post(path, json=body, headers=told)

    def trace(self, response: httpx.Response, case: Case) -> list[Span]:
        """Wait for all spans of a request: ours, and Envoy's, which has one for the request, and one for each call that we made."""
        carried = (case.outcome in {"SKIPPED", "DIRECT"} and not case.checked) or (case.words == EASY and case.outcome == "RESCUED")
        side_calls = sum(name.startswith("chat") for name in case.below) - carried
        count = 1 + len(case.below) + 1 + side_calls
        return self.collector.whole(response.headers["x-cascade-trace-id"], count)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with Collector() as collector, pair(tmp_path_factory.mktemp("system"), telemetry={"otlp_endpoint": collector.by_grpc}) as both:
        yield Traced(both, collector)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_trace(traced: Traced, case: Case, path: str, stream: bool):
    response = traced.ask(path, case, stream=stream)
    assert response.status_code == case.status
    spans = traced.trace(response, case)
    ours = [one for one in spans if one.service == US]
    (root,) = [one for one in ours if one.name.startswith("cascade ")]
    assert tree(ours) == ((f"cascade {case.outcome}", tuple((name, ()) for name in case.below)),)
    assert [name for name, _ in tree(spans)] == ["ingress"]
    assert strays(spans) == []
    assert {one.service for one in spans} == {US, ENVOY}
    assert {one.name: one.attributes["error.type"] for one in ours if one.failed} == case.errors
    _calls_are_told(traced.both, response, root, ours)
    assert not any(name.startswith("gen_ai.") for name in root.attributes)
    assert (root.attributes["cascade.dialect"], root.attributes["cascade.outcome"]) == (DIALECT_OF[path], case.outcome)


def _calls_are_told(both: Pair, response: httpx.Response, root: Span, ours: list[Span]) -> None:
    """The spans say what the record says, to the last digit."""
    record = both.record(response)
    cost, baseline = record["cost_usd"], record["baseline_usd"]
    assert root.attributes["cascade.cost_usd"] == cost
    assert root.attributes.get("cascade.baseline_cost_usd") == baseline
    assert (root.attributes["cascade.plan"], root.attributes["cascade.score"]) == (record["plan"], record["score"])
    assert (root.attributes["cascade.rules"], root.attributes["cascade.requested_model"]) == (record["rules"], record["requested_model"])
    calls = [one for one in ours if one.name.startswith("chat ")]
    assert {one.kind for one in calls} == {3}
    assert sum(one.attributes["cascade.cost_usd"] for one in calls) == pytest.approx(cost, abs=1e-15)
    if record["calls"]:
        assert [(one.attributes["cascade.role"], one.attributes["cascade.cost_usd"]) for one in calls] == [
            (call[0], call[8]) for call in record["calls"]
        ]
        usages = [call[7] for call in record["calls"]]
    else:
        usages = [record["usage"]]
    for one, usage in zip(calls, usages, strict=True):
        assert _usage(one) == usage


def _usage(one: Span) -> dict[str, Any] | None:
    told = {
        "input": "input_tokens",
        "output": "output_tokens",
        "cached_input": "cache_read.input_tokens",
        "cache_write": "cache_creation.input_tokens",
        "reasoning": "reasoning.output_tokens",
    }
    found = {name: one.attributes.get(f"gen_ai.usage.{key}") for name, key in told.items()}
    return None if set(found.values()) == {None} else found


def test_a_call_has_the_conventions_attributes(traced: Traced):
    case = next(one for one in CASES if one.outcome == "ENHANCED")
    spans = traced.trace(traced.ask("/v1/chat/completions", case, stream=True), case)
    (verify,) = [one for one in spans if one.name == VERIFY]
    provider = httpx.URL(traced.both.verify.url)
    assert {
        key: value for key, value in verify.attributes.items() if "usage" not in key and "time" not in key and key != "cascade.cost_usd"
    } == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "claude-opus-4-8",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "claude-opus-4-8",
        "gen_ai.response.finish_reasons": ["stop"],
        "server.address": provider.host,
        "server.port": provider.port,
        "http.response.status_code": 200,
        "cascade.role": "verify",
    }
    assert 0 < verify.attributes["gen_ai.response.time_to_first_chunk"] <= (verify.end_ns - verify.start_ns) / 1e9


def test_side_calls_stand_below_our_own_spans_at_envoy_and_at_the_provider(traced: Traced):
    case = next(one for one in CASES if one.outcome == "ACCEPTED")
    spans = traced.trace(traced.ask("/v1/messages", case), case)
    by_name = {name: one for one in spans for name in (one.name,)}
    for name, role in ((DRAFT, "draft"), (VERIFY, "verify")):
        (listener,) = [one for one in spans if one.parent_id == by_name[name].span_id]
        assert (listener.service, listener.name, listener.kind) == (ENVOY, "egress", 2)
        provider = traced.both.draft if role == "draft" else traced.both.verify
        assert newest(provider).headers["traceparent"] == f"00-{listener.trace_id}-{listener.span_id}-01"


def test_what_the_cascade_never_sees_has_a_root_too(traced: Traced):
    path = "/v1/models/of-a-kind"
    assert traced.both.client.get(f"{path}?key=secret").status_code == 404
    (root,) = until(lambda: [one for one in traced.collector.spans(service=US) if one.attributes.get("url.path") == path])
    spans = traced.collector.whole(root.trace_id, 2)
    assert tree(spans) == (("ingress", (("cascade BYPASSED", ()),)),)
    assert traced.both.system.record(root.trace_id)["path"] == path, "and its record leads to the trace"
    assert strays(spans) == []
    assert not any(b"secret" in message.SerializeToString() for message in traced.collector.traces)


def test_probes_leave_no_trace(traced: Traced):
    case = CASES[0]
    for _ in range(3):
        assert httpx.get(f"{traced.both.system.admin}/readyz").status_code == 200
        assert traced.both.client.get("/.well-known/cascade-probe").status_code == 200
    traced.trace(traced.ask("/v1/messages", case), case)
    assert not [one for one in traced.collector.spans() if "probe" in str(one.attributes)]


def test_the_clients_trace_is_joined(traced: Traced):
    case = next(one for one in CASES if one.outcome == "ENHANCED")
    trace_id, above = "ab" * 16, "cd" * 8
    response = traced.ask("/v1/messages", case, headers={"traceparent": f"00-{trace_id}-{above}-01"})
    assert response.headers["x-cascade-trace-id"] == trace_id
    spans = traced.trace(response, case)
    assert strays(spans, above=above) == []
    assert [one.parent_id for one in spans if one.name == "ingress"] == [above]


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[4], CASES[8]], ids=str)
def test_a_client_may_keep_its_trace_out(traced: Traced, case: Case):
    trace_id = f"{CASES.index(case) + 1:032x}"
    response = traced.ask("/v1/messages", case, headers={"traceparent": f"00-{trace_id}-{'cd' * 8}-00"})
    assert response.headers["x-cascade-trace-id"] == trace_id
    traced.both.record(response)
    traced.trace(traced.ask("/v1/messages", CASES[0]), CASES[0])
    assert traced.collector.spans(trace_id) == []
    for provider in (traced.both.draft, traced.both.verify):
        last = [one.headers["traceparent"] for one in provider.requests if trace_id in one.headers.get("traceparent", "")]
        assert all(header.endswith("-00") for header in last)


def test_no_content_no_keys(traced: Traced):
    case = Case("ENHANCED", f"{HARD} The password is swordfish.", (), verify="verdict=improve; text=The-hidden-answer")
    response = traced.ask("/v1/messages", case, headers={"authorization": "Bearer sk-hidden"})
    traced.collector.whole(response.headers["x-cascade-trace-id"], 9)
    told = b"".join(message.SerializeToString() for message in traced.collector.traces)
    for secret in (b"swordfish", b"hidden", b"client-key"):
        assert secret not in told

"""Mode shadow: the request has its trace, the trial beside it another, and a link leads from the one to the other."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.collector import ENVOY, US, Collector, Span, strays, tree
from tests.support.pair import HARD, Pair, pair, question
from tests.support.system import until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

DRAFT, VERIFY = "chat draft-small", "chat claude-opus-4-8"


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, Collector]]:
    with Collector() as collector:
        telemetry = {"otlp_endpoint": collector.by_grpc}
        with pair(tmp_path_factory.mktemp("system"), telemetry=telemetry, mode="shadow", shadow_sample=1) as both:
            yield both, collector


def trial_of(collector: Collector, root: Span) -> list[Span]:
    """Wait for the trial beside a request, and give all of its trace."""

    def found() -> Span | None:
        return next((one for one in collector.spans(service=US) if (root.trace_id, root.span_id) in one.links), None)

    top = until(found)
    return collector.whole(top.trace_id, 6)


@pytest.mark.parametrize(
    ("draft", "verify", "outcome", "failed"), [("", "verdict=accept", "ACCEPTED", []), ("text=Maybe.", "verdict=improve", "ENHANCED", [])]
)
def test_a_trial(beside: tuple[Pair, Collector], draft: str, verify: str, outcome: str, failed: list[str]):
    both, collector = beside
    response: httpx.Response = both.ask("/v1/messages", question("/v1/messages", HARD), draft=draft, verify=verify)
    spans = collector.whole(response.headers["x-cascade-trace-id"], 4)
    assert tree(spans) == (("ingress", (("cascade DIRECT", (("cascade.classify", ()), (VERIFY, ()))),)),)
    (root,) = [one for one in spans if one.name == "cascade DIRECT"]
    assert root.attributes["cascade.wanted"] == "cascade"
    trial = trial_of(collector, root)
    below = ((DRAFT, (("egress", ()),)), ("cascade.check", ()), (VERIFY, (("egress", ()),)))
    assert tree(trial) == ((f"shadow {outcome}", below),)
    assert strays(trial) == []
    assert {one.service for one in trial} == {US, ENVOY}
    assert [one.name for one in trial if one.failed] == failed
    told = trial[0].attributes
    compared = next(one for one in httpx.get(f"{both.system.admin}/api/shadow").json()["shadow"] if one["trace_id"] == root.trace_id)
    for name in ("outcome", "verdict", "cost_usd", "would_cost_usd", "saved_usd"):
        assert told[f"cascade.shadow.{name}"] == compared[name]
    assert collector.spans(root.trace_id) == spans


def test_a_client_may_keep_the_trial_out_too(beside: tuple[Pair, Collector]):
    both, collector = beside
    trace_id = "5a" * 16
    headers = {"traceparent": f"00-{trace_id}-{'cd' * 8}-00", "x-api-key": "client-key", "x-simulate-verify": "verdict=accept"}
    assert both.client.post("/v1/messages", json=question("/v1/messages", HARD), headers=headers).status_code == 200
    until(lambda: trace_id in httpx.get(f"{both.system.admin}/api/shadow").text)
    response = both.ask("/v1/messages", question("/v1/messages", HARD), verify="verdict=accept")
    (root,) = [one for one in collector.whole(response.headers["x-cascade-trace-id"], 4) if one.name.startswith("cascade ")]
    trial_of(collector, root)
    assert collector.spans(trace_id) == []
    assert {one.name for one in collector.spans() if one.name.startswith("shadow ")} <= {"shadow ACCEPTED", "shadow ENHANCED"}
    links = [one.links for one in collector.spans(service=US) if one.name.startswith("shadow ")]
    assert trace_id not in str(links)

"""Every outcome in every dialect, whole and streamed, on a real Envoy with two workers, as a real Jaeger tells it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest

from extproc.demo.samples import SAMPLES
from tests.support.jaeger import Jaeger, Trace
from tests.support.outcomes import CASES, Case
from tests.support.pair import DIALECT_OF, EASY, HARD, PATHS, Pair, calls_of, pair, question
from tests.support.system import ROOT, until

pytestmark = pytest.mark.jaeger

_MODELS = {"draft": "draft-small", "verify": "claude-opus-4-8"}
_NAMES = {"cascade.classify", "cascade.check", "cascade.stitch", *(f"chat {model}" for model in _MODELS.values())}
SERVICE = "cascade-extproc"


@dataclass(frozen=True)
class Watched:
    """A running system whose traces go to a Jaeger, and the traces of what was sent through it."""

    pair: Pair
    jaeger: Jaeger
    sent: dict[tuple[Case, str, bool], httpx.Response]

    def trace(self, response: httpx.Response, count: int) -> Trace:
        return self.jaeger.whole(response.headers["x-cascade-trace-id"], count)


@pytest.fixture(scope="module")
def watched(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("system")
    before = {service: set(jaeger.traces(service)) for service in ("envoy", SERVICE)}
    with pair(folder, telemetry={"otlp_endpoint": jaeger.otlp}, workers=2) as running:
        sent = {
            (case, path, stream): case.ask(running, path, stream=stream) for case in CASES for path in PATHS for stream in (False, True)
        }
        yield Watched(running, jaeger, sent)
        # Nothing but what was sent above and below; readiness was probed through Envoy all the time.
        assert set(jaeger.traces("envoy")) - before["envoy"] == set(jaeger.traces(SERVICE)) - before[SERVICE]


def _expected(case: Case) -> list[str]:
    """The paths of all spans."""
    root = f"ingress/cascade {case.outcome}"
    paths = ["ingress", root]
    for word in case.spans.split():
        role = word.removeprefix(">")
        if role not in _MODELS:
            paths.append(f"{root}/cascade.{role}")
            continue
        paths.append(f"{root}/chat {_MODELS[role]}")
        if word == role:
            paths.append(f"{root}/chat {_MODELS[role]}/egress")
    return sorted(paths)


@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "SSE"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.outcome} {case.name}")
def test_one_trace_tells_a_request(watched: Watched, case: Case, path: str, stream: bool):
    response = watched.sent[case, path, stream]
    expected = _expected(case)
    trace = watched.trace(response, len(expected))
    assert trace.paths() == expected
    assert {span.service for span in trace} == {"envoy", SERVICE}
    record = watched.pair.record(response)
    root = trace.named(f"cascade {case.outcome}")
    _tells_the_record(root.attributes, record, path)
    assert root.failed == (case.outcome == "FAILED")
    _calls_are_told(trace, record, stream=stream)
    for span in trace:
        for parent, child in pairwise(trace.above(span)):
            assert parent.start <= child.start <= child.end <= parent.end, f"{child.name} is not within {parent.name}"
    with_warnings = watched.jaeger.trace(response.headers["x-cascade-trace-id"], raw=False)
    assert [span.name for span in with_warnings if "@jaeger@warnings" in span.attributes] == []
    told = str(trace)
    assert not [secret for secret in ("client-key", HARD, f"'{EASY}'", "USE_DRAFT") if secret in told]


def _tells_the_record(told: dict[str, Any], record: dict[str, Any], path: str) -> None:
    """The root says what `/api/decisions` says, amounts to the last digit."""
    assert not [name for name in told if name.startswith("gen_ai.")]
    for name in ("outcome", "plan", "policy"):
        assert told[f"cascade.{name}"] == record[name]
    assert told["cascade.dialect"] == DIALECT_OF[path] == record["dialect"]
    assert told.get("cascade.requested_model", "") == record["requested_model"]
    assert told.get("cascade.score") == record["score"]
    assert told["cascade.rules"] == record["rules"]
    assert told["http.response.status_code"] == record["status"]
    for name in ("cost_usd", "baseline_cost_usd"):
        assert told.get(f"cascade.{name}") == record[name.replace("baseline_cost", "baseline")]
    if record["baseline_usd"] is not None:
        saved = Decimal(str(record["baseline_usd"])) - Decimal(str(record["cost_usd"]))
        assert Decimal(str(told["cascade.saved_usd"])) == saved


def _calls_are_told(trace: Trace, record: dict[str, Any], *, stream: bool) -> None:
    """Each model call is a CLIENT span in the GenAI conventions; their costs add up to the root's."""
    chats = [span for span in trace.of(SERVICE) if span.name.startswith("chat ")]
    held = calls_of(record)
    roles = [call.role for call in held] or ([record["role"]] if record["role"] else [])
    assert [span.attributes["cascade.role"] for span in chats] == roles
    usages = [call.usage for call in held] or [record["usage"]]
    for span, usage in zip(chats, usages if chats else (), strict=True):
        told = span.attributes
        assert (span.kind, span.name) == ("CLIENT", f"chat {told['gen_ai.request.model']}")
        assert (told["gen_ai.operation.name"], told["gen_ai.request.stream"]) == ("chat", stream)
        assert {"gen_ai.provider.name", "server.address", "server.port"} <= set(told)
        assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (usage["input"], usage["output"])
        assert span.failed == (told["http.response.status_code"] >= 400) == ("error.type" in told)
    if record["cost_usd"] is not None:
        costs = [Decimal(str(span.attributes["cascade.cost_usd"])) for span in chats]
        assert sum(costs) == Decimal(str(record["cost_usd"]))


def test_the_search_form_offers_the_outcomes(watched: Watched):
    until(lambda: {f"cascade {case.outcome}" for case in CASES} <= watched.jaeger.operations(SERVICE))
    assert watched.jaeger.operations(SERVICE) == {f"cascade {case.outcome}" for case in CASES} | _NAMES


def test_a_clients_trace_is_joined(watched: Watched):
    above, trace_id = secrets.token_hex(8), secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{above}-01"}
    response = watched.pair.client.post(PATHS[0], json=question(PATHS[0]), headers=headers)
    assert response.headers["x-cascade-trace-id"] == trace_id
    trace = watched.jaeger.whole(trace_id, 9)
    assert [(span.name, span.parent) for span in trace.below(None)] == [("ingress", above)]
    assert len(trace) == 9


def test_a_client_may_keep_its_trace_out(watched: Watched):
    out, kept = secrets.token_hex(16), secrets.token_hex(16)
    for trace_id, sampled in ((out, "00"), (kept, "01")):
        headers = {"traceparent": f"00-{trace_id}-{'cd' * 8}-{sampled}"}
        assert watched.pair.client.post(PATHS[0], json=question(PATHS[0], EASY), headers=headers).status_code == 200
    watched.jaeger.whole(kept, 4)
    assert watched.jaeger.trace(out) == ()


def test_what_is_no_llm_call_is_a_trace_too(watched: Watched):
    trace_id = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{'cd' * 8}-01"}
    assert watched.pair.client.get("/v1/models", headers=headers).status_code == 200
    assert watched.jaeger.whole(trace_id, 2).paths() == ["ingress", "ingress/cascade BYPASSED"]


def test_health_checks_make_no_traces(watched: Watched):
    before = watched.jaeger.traces("envoy")
    for _ in range(5):
        assert httpx.get(f"{watched.pair.system.admin}/readyz").status_code == 200
        assert httpx.get(f"{watched.pair.system.url}/.well-known/cascade-probe").status_code == 200
    response = watched.pair.ask(PATHS[0])  # what is sent after them is here, so they would be
    watched.trace(response, 9)
    assert set(watched.jaeger.traces("envoy")) - set(before) <= {response.headers["x-cascade-trace-id"]} | set(
        watched.jaeger.traces(SERVICE)
    )
    assert len(set(watched.jaeger.traces("envoy")) - set(before)) == 1


def test_the_demonstration_links_each_row_to_its_trace(jaeger: Jaeger):
    """Also the last: Envoy and the sidecar hand over what they have when they end."""
    argv = [sys.executable, "-m", "extproc", "demo", "--jaeger", jaeger.url, "--exit"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp}
    done = subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = done.stdout.splitlines()[2:-1]
    links = {row: link for row, link in pairwise(rows) if "/trace/" in link}
    assert len(links) == len(SAMPLES), "also of the one that goes by without us"
    for row, link in links.items():
        (outcome,) = {case.outcome for case in CASES if f" {case.outcome} " in row}
        address, _, trace_id = link.strip().rpartition("/")
        assert address == f"{jaeger.url}/trace"
        assert until(lambda name=trace_id: jaeger.trace(name).of(SERVICE))[0].name == f"cascade {outcome}"
        assert until(lambda name=trace_id: [span.name for span in jaeger.trace(name).below(None)]) == ["ingress"]

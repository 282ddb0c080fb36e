"""Policies on a real Envoy: what each condition looks at, what each setting does, and what clients can and cannot steer."""

from __future__ import annotations

import json
import os
import signal
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from extproc.core.steps.policies import fingerprint
from tests.support.collector import US, Collector
from tests.support.pair import EASY, HARD, PATHS, Pair, newest, pair, question, told
from tests.support.system import until

pytestmark = pytest.mark.envoy
SALT = "a salt of our own"
PRIVATE = ("x-cascade-plan", "x-extproc-plan", "x-forwarded-client-cert", "x-jwt")


def when_app(name: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "match": {"headers": {"X-App": name}}, "set": settings}


POLICIES: list[dict[str, Any]] = [
    when_app("left_alone", mode="off"),
    {"name": "by_key", "match": {"key": [fingerprint("key-red", SALT.encode())]}, "set": {"plan": "direct"}},
    {"name": "by_model", "match": {"model": "special-*", "dialect": ["anthropic", "openai_chat"]}, "set": {"plan": "draft"}},
    {"name": "by_claim", "match": {"jwt": {"group": "eng*"}, "path": "/v1/messages"}, "set": {"plan": "cascade"}},
    {"name": "by_workload", "match": {"namespace": "team-a", "service_account": "agent"}, "set": {"plan": "direct"}},
    {"name": "by_certificate", "match": {"certificate": "spiffe://mesh/ns/gw/*"}, "set": {"plan": "cascade"}},
    {"name": "by_share", "match": {"headers": {"x-share": "*?"}, "percent": {"share": 50, "by": "session"}}, "set": {"plan": "direct"}},
    {"name": "by_time", "match": {"headers": {"x-time": "*?"}, "time": {"from": "00:00", "to": "24:00"}}, "set": {"plan": "direct"}},
    when_app("renamed", models={"draft": "draft-other", "verify": "verify-other"}),
    when_app("open", client_override=True),
    when_app("untouched", plan="bypass"),
    when_app("frugal", budget={"max_calls": 1}),
    when_app("strict", skip_below=0.0, direct_above=0.0),
    when_app("watched", mode="shadow"),
]  # fmt: skip


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Pair]:
    identity = {"key_salt": SALT, "jwt_payload_header": "X-Jwt", "forwarded_certificate": True}
    folder = tmp_path_factory.mktemp("system")
    with pair(folder, policies=POLICIES, identity=identity, telemetry={"otlp_endpoint": collector.by_grpc}) as running:
        yield running


def ask(both: Pair, words: str = EASY, path: str = "/v1/messages", /, model: str = "claude-opus-4-8", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return both.client.post(path, json={**question(path, words), "model": model}, headers={"x-api-key": "client-key", **named})


def token(claims: Any) -> str:
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def policy_of(both: Pair, response: httpx.Response) -> str:
    policy: str = both.record(response)["policy"]
    return policy


CERTIFICATE = 'By=spiffe://mesh/ns/x/sa/x;Hash=ab;Subject="";URI='
CASES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "default", "SKIPPED"),
    ({"x_app": "strict"}, "strict", "DIRECT"),
    ({"x_app": "Strict"}, "default", "SKIPPED"),
    ({"x_api_key": "key-red"}, "by_key", "DIRECT"),
    ({"x_api_key": "", "authorization": "Bearer key-red"}, "by_key", "DIRECT"),
    ({"x_api_key": "key-blue"}, "default", "SKIPPED"),
    ({"model": "special-7"}, "by_model", "SKIPPED"),
    ({"x_jwt": token({"group": ["ops", "engineers"]})}, "by_claim", "ACCEPTED"),
    ({"x_jwt": token({"group": "ops"})}, "default", "SKIPPED"),
    ({"authorization": f"Bearer x.{token({'group': 'eng'})}.y"}, "default", "SKIPPED"),
    ({"x_forwarded_client_cert": f"{CERTIFICATE}spiffe://mesh/ns/team-a/sa/agent"}, "by_workload", "DIRECT"),
    ({"x_forwarded_client_cert": f"{CERTIFICATE}spiffe://mesh/ns/team-a/sa/other"}, "default", "SKIPPED"),
    ({"x_forwarded_client_cert": f"{CERTIFICATE}spiffe://mesh/ns/gw/sa/any"}, "by_certificate", "ACCEPTED"),
    ({"x_time": "now"}, "by_time", "DIRECT"),
    ({"x_app": "left_alone", "x_api_key": "key-red"}, "left_alone", "BYPASSED"),
    ({"x_app": "untouched"}, "untouched", "BYPASSED"),
    ({"x_app": "watched"}, "watched", "DIRECT"),
]


@pytest.mark.parametrize(("given", "policy", "outcome"), CASES)
def test_a_condition_and_what_comes_of_it(both: Pair, given: dict[str, Any], policy: str, outcome: str):
    given = {"x_simulate_verify": "verdict=accept", **given}
    response = ask(both, **given)
    assert (response.status_code, told(response)[0]) == (200, outcome)
    assert policy_of(both, response) == policy
    for provider in (both.draft, both.verify):
        for seen in list(provider.requests)[-2:]:
            assert not [name for name in seen.headers if name.lower() in PRIVATE]


def test_the_share_of_a_session_is_always_the_same(both: Pair):
    def direct(name: str) -> bool:
        outcome = ask(both, x_share="1", x_claude_code_session_id=name).headers["x-cascade-outcome"]
        assert outcome in {"DIRECT", "SKIPPED"}
        return bool(outcome == "DIRECT")

    names = [f"session-{number}" for number in range(24)]
    first = {name: direct(name) for name in names}
    assert 4 < sum(first.values()) < 20
    assert {name: direct(name) for name in names} == first


@pytest.mark.parametrize("path", PATHS)
def test_mode_off_leaves_every_byte_alone(both: Pair, path: str):
    body = json.dumps(question(path, HARD), indent=3, separators=(" ,", " : ")).encode() + b"\n"
    response = both.client.post(path, content=body, headers={"x-api-key": "client-key", "x-app": "left_alone"})
    seen = newest(both.verify)
    assert (response.status_code, seen.body, response.content) == (200, body, bytes(seen.sent))
    assert seen.headers["x-api-key"] == "client-key"
    record = both.record(response)
    assert (record["outcome"], record["rules"], record["policy"]) == ("BYPASSED", ["mode_off"], "left_alone")


@pytest.mark.parametrize("words", [EASY, HARD])
def test_other_models_at_the_same_providers(both: Pair, words: str):
    response = ask(both, words, x_app="renamed", x_simulate_verify="verdict=improve")
    assert told(response)[1] == ("draft-other" if words == EASY else "verify-other")
    assert json.loads(newest(both.draft).body)["model"] == "draft-other"
    if words == HARD:
        assert json.loads(newest(both.verify).body)["model"] == "verify-other"


def test_another_budget_for_one_request(both: Pair):
    assert told(ask(both, HARD, x_app="frugal"))[0] == "FALLBACK"
    assert told(ask(both, HARD, x_simulate_verify="verdict=accept"))[0] == "ACCEPTED"


def test_a_limit_for_calls_holds_in_the_record(both: Pair):
    record = both.record(ask(both, HARD, x_app="frugal"))
    assert [call[0] for call in record["calls"]] == ["draft"]


@pytest.mark.parametrize(
    ("plan", "outcome"),
    [("draft", "SKIPPED"), ("cascade", "ACCEPTED"), ("direct", "DIRECT"), ("bypass", "BYPASSED"), ("DiRect", "DIRECT")],
)
def test_clients_choose_a_plan_where_a_policy_lets_them(both: Pair, plan: str, outcome: str):
    response = ask(both, HARD, x_app="open", x_cascade_plan=plan, x_simulate_verify="verdict=accept")
    assert told(response)[0] == outcome
    record = both.record(response)
    assert ("client_plan" in record["rules"], record["policy"]) == (True, "open")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_app": "open", "x_cascade_plan": "best"},
        {"x_app": "open", "x_extproc_plan": "direct"},
        {"x_app": "open"},
        {"x_cascade_plan": "direct"},
        {"x_extproc_plan": "direct"},
        {"x_app": "renamed", "x_cascade_plan": "direct", "x_extproc_plan": "direct"},
    ],
)
def test_and_nowhere_else_nor_by_the_name_that_only_envoy_uses(both: Pair, headers: dict[str, str]):
    response = ask(both, EASY, **headers)
    assert told(response)[0] == "SKIPPED"
    assert "client_plan" not in both.record(response)["rules"]
    assert not [name for name in newest(both.draft).headers if name.lower() in PRIVATE]


def test_a_choice_does_not_go_further_than_the_request_allows(both: Pair):
    """The answer of a forced tool cannot be judged."""
    tool = {"name": "read", "input_schema": {"type": "object"}}
    body = question("/v1/messages", HARD, tools=[tool], tool_choice={"type": "any"})
    response = both.client.post("/v1/messages", json=body, headers={"x-app": "open", "x-cascade-plan": "cascade"})
    assert told(response)[0] == "DIRECT"
    assert {"client_plan", "cannot_be_judged"} <= set(both.record(response)["rules"])


def test_the_policy_stands_in_metrics_and_in_the_trace(both: Pair, collector: Collector):
    before = both.metric("cascade_requests_total", policy="strict")
    response = ask(both, x_app="strict")
    until(lambda: both.metric("cascade_requests_total", policy="strict") == before + 1)
    trace = response.headers["x-cascade-trace-id"]
    root = until(lambda: [span for span in collector.spans(trace, US) if span.name == "cascade DIRECT"])[0]
    assert root.attributes["cascade.policy"] == "strict"
    text = httpx.get(f"{both.system.admin}/metrics").text
    assert 'policy="Strict"' not in text  # only names of the configuration


def test_the_policies_are_shown(both: Pair):
    shown = httpx.get(f"{both.system.admin}/api/config").json()["policies"]
    assert [one["name"] for one in shown] == [one["name"] for one in POLICIES]


def test_without_the_processor_nobody_steers_and_nothing_private_gets_out(both: Pair):
    process = both.system.process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        os.kill(both.system.children()["worker 0"], signal.SIGKILL)
        until(lambda: "x-cascade-outcome" not in ask(both).headers)
        asked = len(both.draft.requests)
        body = json.dumps(question("/v1/messages", EASY)).encode()
        named = {
            "x-app": "open",
            "x-cascade-plan": "draft",
            "x-extproc-plan": "draft",
            "x-jwt": token({"group": "eng"}),
            "x-cascade-target": "draft",
        }
        response = both.client.post("/v1/messages", content=body, headers={**named, "x-forwarded-client-cert": CERTIFICATE})
        seen = newest(both.verify)
        assert (response.status_code, seen.body, len(both.draft.requests)) == (200, body, asked)
        assert not [name for name in seen.headers if name.lower() in (*PRIVATE, "x-cascade-target")]
    finally:
        os.kill(process.pid, signal.SIGCONT)
    until(lambda: ask(both).headers.get("x-cascade-outcome") == "SKIPPED")

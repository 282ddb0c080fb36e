"""Which policy applies: each condition, their order, teams and what they may spend."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from extproc.core.events import Headers
from extproc.core.policy import Allowance, Policy
from extproc.core.steps import policies as when
from extproc.core.steps.accept import accept
from extproc.core.vocabulary import Plan

SALT = b"salt"
REQUEST = accept("/v1/messages", "", b'{"model":"claude-opus-4-8","max_tokens":1,"messages":[{"role":"user","content":"x"}]}')
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC).timestamp()  # a Thursday
SPIFFE = 'By=spiffe://mesh/ns/gw/sa/gw;Hash=ab;Subject="CN=x,O=y";URI=spiffe://mesh/ns/team-a/sa/agent'


def facts(at: float = NOON, trace: str = "t", **headers: str) -> when.Facts:
    pairs = [(name.replace("_", "-"), value.encode()) for name, value in headers.items()]
    return when.Facts(Headers(pairs), "/v1/messages", REQUEST, trace, at, SALT)


def whole(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:{pattern})\\Z")


def token(claims: Any) -> str:
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def test_the_first_whose_conditions_all_hold_wins():
    first, second, default = Policy(name="first"), Policy(name="second"), Policy()
    red, opus = when.header("x-team", whole("red.*")), when.model(whole("claude-opus.*"))
    rules = [when.Rule(first, (red, opus)), when.Rule(second, (opus,))]
    assert when.chosen(rules, default, facts(x_team="red-2")) is first
    assert when.chosen(rules, default, facts(x_team="blue")) is second
    assert when.chosen([when.Rule(first, (red,))], default, facts()) is default
    assert when.chosen([when.Rule(first, ())], default, facts()) is first


def test_a_dialect_and_a_path():
    assert when.dialect(frozenset({"anthropic"}))(facts())
    assert not when.dialect(frozenset({"openai_chat"}))(facts())
    assert when.path(whole("/v1/mess.*"))(facts())
    assert not when.path(whole("/v1"))(facts())


@pytest.mark.parametrize("headers", [{"x_api_key": "sk-1"}, {"authorization": "Bearer sk-1"}, {"api_key": "sk-1"}])
def test_a_key_is_known_by_its_fingerprint(headers: dict[str, str]):
    mark = when.fingerprint("sk-1", SALT)
    assert re.fullmatch("[0-9a-f]{16}", mark)
    assert mark != when.fingerprint("sk-1", b"other")
    assert when.key(frozenset({mark}))(facts(**headers))
    assert not when.key(frozenset({mark}))(facts(x_api_key="sk-2"))
    assert not when.key(frozenset({when.fingerprint("", SALT)}) - {""})(facts())


@pytest.mark.parametrize(
    ("claims", "holds"),
    [
        ({"group": "eng"}, True),
        ({"group": ["ops", "eng"]}, True),
        ({"group": "ops"}, False),
        ({"group": 7}, False),
        ({"group": None}, False),
        ({}, False),
        (["group", "eng"], False),
    ],
)
def test_a_claim_of_a_token_that_envoy_has_verified(claims: Any, holds: bool):
    assert when.claim("x-jwt", "group", whole("eng"))(facts(x_jwt=token(claims))) == holds


@pytest.mark.parametrize("payload", ["", "%%%", "a", "e30", token("x"), "[" * 9000])
def test_what_is_no_payload_has_no_claims(payload: str):
    assert not when.claim("x-jwt", "group", whole(".*"))(facts(x_jwt=payload))


def test_a_workload_by_the_last_certificate():
    told = facts(x_forwarded_client_cert=SPIFFE)
    assert when.certificate(whole("spiffe://mesh/.*"))(told)
    assert when.workload(whole("team-.*"), None)(told)
    assert when.workload(whole("team-a"), whole("agent"))(told)
    assert not when.workload(whole("team-b"), None)(told)
    assert not when.workload(None, whole("gw"))(told)
    before = facts(x_forwarded_client_cert=f"URI=spiffe://mesh/ns/team-b/sa/x,{SPIFFE}")
    assert when.workload(whole("team-a"), None)(before)
    assert not when.workload(None, None)(facts())


@pytest.mark.parametrize(
    "told",
    [
        'By=x;Subject="CN=a,URI=spiffe://mesh/ns/team-a/sa/agent"',
        'By=x;Subject="CN=a\\",URI=spiffe://mesh/ns/team-a/sa/agent"',
        "URI=spiffe://mesh/ns/team-a/sa/agent,By=x;Hash=ab",
        'URI=spiffe://mesh/ns/team-a/sa/agent,By=x;URI=""',
        "XURI=spiffe://mesh/ns/team-a/sa/agent",
        "URI=spiffe://mesh/ns/team-a/sa/agent;URI=https://mesh",
        "URI=spiffe://mesh/ns/team-a/sa/agent/x",
        "URI=https://mesh/ns/team-a/sa/agent",
    ],
)
def test_what_only_looks_like_the_certificate_of_a_workload(told: str):
    assert not when.workload(whole("team-a"), None)(facts(x_forwarded_client_cert=told))


def test_any_uri_of_a_certificate_counts_and_quotation_marks_do_not():
    told = facts(x_forwarded_client_cert='by=x;uri="spiffe://a";URI=https://b')
    assert when.certificate(whole("spiffe://a"))(told)
    assert when.certificate(whole("https://b"))(told)
    assert not when.certificate(whole(".*x.*"))(told)


@pytest.mark.parametrize(
    ("at", "holds"),
    [("2026-11-26 21:59", False), ("2026-11-26 22:00", True), ("2026-11-27 05:59", True), ("2026-11-27 06:00", False)],
)
def test_a_night_belongs_to_the_day_on_which_it_began(at: str, holds: bool):
    zone = ZoneInfo("Europe/Berlin")
    thursdays = when.hours(frozenset({3}), 22 * 60, 6 * 60, zone)
    assert thursdays(facts(datetime.fromisoformat(at).replace(tzinfo=zone).timestamp())) == holds


def test_working_hours():
    office = when.hours(frozenset(range(5)), 8 * 60, 18 * 60, UTC)
    assert office(facts())
    assert not office(facts(NOON + 6 * 3600))
    assert not office(facts(NOON + 2 * 86_400))
    assert when.hours(frozenset(range(7)), 0, 24 * 60, UTC)(facts(NOON + 43_199))


def test_a_share_is_stable_and_a_higher_one_keeps_it():
    names = [f"session-{number}" for number in range(2000)]
    ten, forty = when.share(10, "session"), when.share(40, "session")
    of_ten = {name for name in names if ten(facts(session_id=name))}
    of_forty = {name for name in names if forty(facts(session_id=name, trace="another"))}
    assert of_ten < of_forty
    assert 140 < len(of_ten) < 260
    assert 700 < len(of_forty) < 900
    assert not when.share(0, "trace")(facts())
    assert when.share(100, "trace")(facts())
    assert when.share(50, "session")(facts(trace="a")) == when.share(50, "trace")(facts(trace="a"))


def test_teams():
    assert when.team_of(Allowance("red"), facts()) == "red"
    assert when.team_of(Allowance("header:x-team"), facts(x_team="a b\n<c>")) == "a_b__c_"
    assert when.team_of(Allowance("header:x-team"), facts()) == when.NOBODY
    assert len(when.team_of(Allowance("header:x-team"), facts(x_team="x" * 500))) == 64
    assert when.team_of(Allowance("key"), facts(x_api_key="sk-1")) == when.fingerprint("sk-1", SALT)
    assert when.team_of(Allowance("key"), facts()) == when.NOBODY


def test_which_condition_keeps_a_rule_from_a_request():
    rule = when.Rule(Policy(), (when.header("x-team", whole("red")), when.model(whole("gpt.*"))), ("header x-team: red", "model gpt*"))
    assert when.obstacle(rule, facts(x_team="red")) == "model gpt*"
    assert when.obstacle(rule, facts()) == "header x-team: red"
    assert when.obstacle(when.Rule(Policy(), ()), facts()) is None


def test_a_fingerprint_stands_for_a_key_that_is_not_known():
    known = msgspec.structs.replace(facts(), key=when.fingerprint("sk-1", SALT))
    assert when.key(frozenset({when.fingerprint("sk-1", SALT)}))(known)
    assert when.share(50, "key")(known) == when.share(50, "key")(facts(x_api_key="sk-1"))


@pytest.mark.parametrize(
    ("spent", "over"), [(when.Spent(), False), (when.Spent(9, 99), False), (when.Spent(10, 0), True), (when.Spent(0, 100), True)]
)
def test_an_allowance(spent: when.Spent, over: bool):
    assert spent.exceeds(Allowance("red", 10, 100)) == over


@pytest.mark.parametrize(("said", "plan"), [("direct", Plan.DIRECT), (" Draft ", Plan.DRAFT), ("", None), ("best", None)])
def test_a_plan_that_a_client_asks_for(said: str, plan: Plan | None):
    assert when.asked_plan(Headers([(when.PLAN_HEADER, said.encode())])) is plan

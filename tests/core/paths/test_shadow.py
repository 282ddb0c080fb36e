"""The cascade beside a request, as a script: events of calls in, calls and at last a comparison out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Block, Part, Stop
from extproc.core.commands import Call, CancelCall, Command, Compared
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Headers
from extproc.core.paths.asking import CallEvent
from extproc.core.paths.sent import Sent
from extproc.core.paths.shadow import ShadowPath, ruled
from extproc.core.policy import Policy, Price
from extproc.core.records import Comparison, Note
from extproc.core.steps.accept import accept
from extproc.core.steps.judge import Ruling
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import Dialect, Outcome, Plan, Role
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

PRICES = {Role.DRAFT: Price(1, 2, 1, 1), Role.VERIFY: Price(10, 20, 10, 10)}
POLICY = Policy(
    draft_models=dict.fromkeys(Dialect, "small"), verify_models=dict.fromkeys(Dialect), prices=PRICES, max_cost_usd=100, max_wall_s=100
)
ASKED: dict[str, Any] = {"model": "asked", "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me of the sea"}]}
TOOL = {"name": "read", "input_schema": {"type": "object"}}
TEXT = "The sea is wide and blue."

Story = list[CallEvent]


def path(plan: Plan, policy: Policy = POLICY, target: str = "/v1/messages", **fields: Any) -> ShadowPath:
    asked = {**({"model": "asked", "input": "Tell me of the sea"} if target == "/v1/responses" else ASKED), **fields}
    request = accept(target, "", json.dumps(asked).encode())
    note = Note(Outcome.DIRECT, Plan.DIRECT, str(request.dialect), "asked", ("a_rule", "shadow_mode"), "t" * 32, "asked", wanted=plan)
    client = Headers([(":path", target.encode()), ("x-api-key", b"k")])
    return ShadowPath(Sent(request, target, client, note, 10.0, "f" * 24, 1_700_000_000), policy, Fingerprints(b""))


def answer(role: Role, text: str = TEXT, *, usage: tuple[int, int] = (100, 10), stop: str = "end_turn", **block: Any) -> Story:
    content = [{"type": "text", "text": text}] if not block else [block]
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop}
    told["usage"] = {"input_tokens": usage[0], "output_tokens": usage[1]}
    return story(role, "application/json", json.dumps(told).encode())


def story(role: Role, kind: str, *body: bytes) -> Story:
    started = CallStarted(11.0, 200, Headers([("content-type", kind.encode())]), role)
    return [started, *[CallData(11.5, piece, role) for piece in body], CallEnded(12.0, role)]


def refused(role: Role, status: int = 500) -> Story:
    return [CallStarted(11.0, status, Headers([]), role), CallData(11.5, b"no", role), CallEnded(12.0, role)]


def broken(role: Role, kind: str = "reset") -> Story:
    return [*answer(role)[:1], CallFailed(12.0, kind, role)]


def played(made: ShadowPath, *stories: Story) -> tuple[list[Command], Comparison]:
    """Give what was asked for on the way, and the comparison."""
    commands: list[Command] = [made.begin(10.5)]
    for event in [event for one in stories for event in one]:
        commands += made.handle(event)
    *asked, last = commands
    assert isinstance(last, Compared)
    return asked, last.comparison


DRAFTED = answer(Role.DRAFT)
ACCEPTS = answer(Role.VERIFY, "USE_DRAFT", usage=(150, 3))
IMPROVES = answer(Role.VERIFY, "The sea is deep and blue.", usage=(150, 20))


@pytest.mark.parametrize(
    ("plan", "judgement", "outcome", "verdict", "rules", "alike"),
    [
        (Plan.CASCADE, ACCEPTS, Outcome.ACCEPTED, "accepted", (), 1.0),
        (Plan.CASCADE, IMPROVES, Outcome.ENHANCED, "improved", (), pytest.approx(5 / 6)),
        (Plan.CASCADE, refused(Role.VERIFY, 429), Outcome.FALLBACK, "failed", ("verify_status_429",), None),
        (Plan.CASCADE, broken(Role.VERIFY, "timeout"), Outcome.FALLBACK, "failed", ("verify_timeout",), None),
        (Plan.CASCADE, answer(Role.VERIFY, " "), Outcome.FALLBACK, "failed", ("verify_unfinished",), None),
        (Plan.CASCADE, answer(Role.VERIFY, type="tool_use", id="c", name="read", input={}), Outcome.ENHANCED, "improved", (), 0.0),
        (Plan.DRAFT, ACCEPTS, Outcome.SKIPPED, "accepted", (), 1.0),
        (Plan.DRAFT, IMPROVES, Outcome.SKIPPED, "improved", (), pytest.approx(5 / 6)),
        (Plan.DRAFT, broken(Role.VERIFY), Outcome.SKIPPED, "failed", ("verify_reset",), None),
    ],
)
def test_a_good_draft_is_judged_whatever_the_plan(
    plan: Plan, judgement: Story, outcome: Outcome, verdict: str, rules: tuple[str, ...], alike: float | None
):
    asked, told = played(path(plan), DRAFTED, judgement)
    assert [command.role for command in asked if isinstance(command, Call)] == [Role.DRAFT, Role.VERIFY]
    assert (told.plan, told.outcome, told.verdict, told.similarity) == (plan, outcome, verdict, alike)
    assert told.rules == ("a_rule", "shadow_mode", *rules)


@pytest.mark.parametrize(
    ("plan", "fields", "draft", "outcome", "rules"),
    [
        (Plan.DRAFT, {}, refused(Role.DRAFT), Outcome.RESCUED, ("draft_status_500",)),
        (Plan.CASCADE, {}, refused(Role.DRAFT), Outcome.RESCUED, ("draft_status_500",)),
        (Plan.DRAFT, {}, broken(Role.DRAFT), Outcome.FAILED, ("draft_reset",)),
        (Plan.DRAFT, {"tools": [TOOL]}, broken(Role.DRAFT), Outcome.RESCUED, ("draft_reset",)),
        (Plan.CASCADE, {}, broken(Role.DRAFT), Outcome.RESCUED, ("draft_reset",)),
        (Plan.CASCADE, {}, [CallFailed(11.0, "connect", Role.DRAFT)], Outcome.RESCUED, ("draft_connect",)),
        (Plan.CASCADE, {}, answer(Role.DRAFT, stop="max_tokens"), Outcome.RESCUED, ("check_finished",)),
        (Plan.DRAFT, {"tools": [TOOL]}, answer(Role.DRAFT, " "), Outcome.RESCUED, ("check_not_empty",)),
    ],
)
def test_where_verify_would_have_answered_no_verify_call_is_made(
    plan: Plan, fields: dict[str, Any], draft: Story, outcome: Outcome, rules: tuple[str, ...]
):
    asked, told = played(path(plan, **fields), draft)
    assert [command.role for command in asked if isinstance(command, Call)] == [Role.DRAFT]
    assert (told.outcome, told.verdict, told.similarity, told.rules[2:]) == (outcome, "", None, rules)
    assert told.calls[0].error in rules[0]


def test_what_would_have_gone_out_unchecked_is_judged_and_its_failed_checks_are_told():
    _, told = played(path(Plan.DRAFT), answer(Role.DRAFT, stop="max_tokens"), IMPROVES)
    assert (told.outcome, told.verdict, told.checks) == (Outcome.SKIPPED, "improved", ("finished",))


@pytest.mark.parametrize(
    ("plan", "policy", "fields", "outcome", "rule"),
    [
        (Plan.CASCADE, replace(POLICY, max_calls=1), {}, Outcome.FALLBACK, "over_budget"),
        (Plan.DRAFT, replace(POLICY, max_cost_usd=0.0001), {}, Outcome.SKIPPED, "over_budget"),
        (Plan.DRAFT, POLICY, {"tools": [TOOL], "tool_choice": {"type": "any"}}, Outcome.SKIPPED, "cannot_be_judged"),
    ],
)
def test_where_no_judgement_can_be_had_there_is_no_verdict(plan: Plan, policy: Policy, fields: dict[str, Any], outcome: Outcome, rule: str):
    draft = answer(Role.DRAFT, stop="tool_use", type="tool_use", id="c", name="read", input={}) if fields else DRAFTED
    _, told = played(path(plan, policy, **fields), draft)
    assert (told.outcome, told.verdict, told.rules[-1]) == (outcome, "", rule)


@pytest.mark.parametrize(
    ("plan", "stories", "spent", "would", "baseline"),
    [
        # The draft: 100 + 2·10 = 120 millionths; its words by the verify model: 10·100 + 20·10 = 1200.
        (Plan.DRAFT, (DRAFTED, ACCEPTS), 120 + 1560, 120, 1200),
        (Plan.CASCADE, (DRAFTED, ACCEPTS), 120 + 1560, 120 + 1560, 1200),
        (Plan.CASCADE, (DRAFTED, IMPROVES), 120 + 1900, 120 + 1900, 1400),
        (Plan.CASCADE, (answer(Role.DRAFT, " "),), 120, 120, None),
        (Plan.CASCADE, (refused(Role.DRAFT),), 0, 0, None),
    ],
)
def test_money(plan: Plan, stories: tuple[Story, ...], spent: float, would: float, baseline: float | None):
    _, told = played(path(plan), *stories)
    assert told.cost_usd == pytest.approx(spent / 1e6)
    assert told.would_cost_usd == pytest.approx(would / 1e6)
    assert told.baseline_usd == (None if baseline is None else pytest.approx(baseline / 1e6))
    assert told.saved_usd == pytest.approx(((baseline or 0) - would) / 1e6)


def test_without_prices_money_is_unknown():
    _, told = played(path(Plan.CASCADE, replace(POLICY, prices={})), DRAFTED, ACCEPTS)
    assert (told.cost_usd, told.would_cost_usd, told.baseline_usd, told.saved_usd) == (None, None, None, None)


def test_an_error_status_drops_the_call_and_ends_it():
    made = path(Plan.CASCADE)
    made.begin(10.5)
    first, second = made.handle(CallStarted(11.0, 503, Headers([]), Role.DRAFT))
    assert first == CancelCall(Role.DRAFT)
    assert isinstance(second, Compared)
    assert made.handle(CallData(11.5, b"late", Role.DRAFT)) == []


def test_events_of_the_call_before_are_of_no_interest():
    made = path(Plan.CASCADE)
    assert len([made.begin(10.5), *[command for event in DRAFTED for command in made.handle(event)]]) == 2
    assert made.handle(CallFailed(12.5, "reset", Role.DRAFT)) == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("target", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
@given(st.data())
def test_all_dialects_whole_or_streamed_however_the_bytes_are_cut(target: str, stream: bool, data: st.DataObject):
    made = path(Plan.CASCADE, target=target, stream=stream)
    call: Command = made.begin(10.5)
    for role in (Role.DRAFT, Role.VERIFY):
        assert isinstance(call, Call)
        body = answered(target, call.body, stream=stream)
        cut = data.draw(st.integers(0, len(body)))
        kind = "text/event-stream" if stream else "application/json"
        commands = [command for event in story(role, kind, body[:cut], body[cut:]) for command in made.handle(event)]
        call = commands[-1]
    assert isinstance(call, Compared)
    assert (call.comparison.outcome, call.comparison.verdict) == (Outcome.ACCEPTED, "accepted")


def answered(target: str, body: bytes, *, stream: bool) -> bytes:
    """What the simulated provider says, as draft or as judge."""
    speaker = SPEAKERS[accept(target, "", body).dialect]
    ask = speaker.read(body)
    made = compose(ask, Profile(words=30, verdict="accept"), 0)
    return b"".join([frame.data for frame in speaker.events(ask, made)]) if stream else speaker.document(ask, made)


@pytest.mark.parametrize(
    ("blocks", "stop", "ruling"),
    [
        ([Block(Part.THINKING, "Nonsense"), Block(Part.TEXT, "USE_"), Block(Part.TEXT, "DRAFT")], Stop.END, Ruling.ACCEPT),
        ([Block(Part.TEXT, "USE_DRAFT")], None, Ruling.UNDECIDED),
        ([Block(Part.TEXT, "USE_DRAFT.")], None, Ruling.ACCEPT),
        ([Block(Part.TEXT, "Better")], None, Ruling.IMPROVED),
        ([Block(Part.CALL, "{}", name="read")], Stop.CALLS, Ruling.IMPROVED),
        ([], Stop.END, Ruling.UNDECIDED),
    ],
)
def test_an_answer_is_ruled_as_its_stream_would_be(blocks: list[Block], stop: Stop | None, ruling: Ruling):
    assert ruled(Answer(blocks=tuple(blocks), stop=stop, ended=stop is not None)) is ruling


def test_no_content_is_in_a_comparison():
    _, told = played(path(Plan.CASCADE), DRAFTED, IMPROVES)
    shown = repr(told)
    assert not [word for word in ("sea", "blue", "deep") if word in shown]

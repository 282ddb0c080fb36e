"""Held responses: the draft, its checks, and its failures."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pytest

from extproc.core.commands import Call, CancelCall, Hold, SendBody, StartResponse, Watch
from extproc.core.dialects import DIALECTS
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Headers
from extproc.core.vocabulary import Dialect, Outcome, Plan, Role, Usage
from tests.core.paths.playbook import ALL, HELD, POLICY, TOOLS, Play, ends

both = pytest.mark.parametrize("stream", [True, False])
each = pytest.mark.parametrize("dialect", ALL)


def checked(dialect: Dialect = Dialect.ANTHROPIC, **more: Any) -> Play:
    return Play(dialect, plan=Plan.DRAFT, **more)


@each
@both
def test_the_draft_model_is_asked_the_clients_own_question(dialect: Dialect, stream: bool):
    play = Play(dialect, stream=stream)
    call, watch, hold = play.commands
    assert isinstance(call, Call)
    assert (call.role, call.headers) == (Role.DRAFT, [("x-api-key", b"k")])
    assert (call.silence_s, call.wall_s) == (30.0, 100)
    told = call.body.replace(b',"stream_options":{"include_usage":true}', b"")
    assert told == play.body.replace(b'"big"', b'"small"')
    assert watch == Watch(1.25)
    assert isinstance(hold, Hold)
    assert hold.seconds > 99


@each
@both
def test_a_draft_that_passes_its_checks_is_the_answer_as_it_came(dialect: Dialect, stream: bool):
    play = checked(dialect, stream=stream)
    said = play.answers()
    assert play.outcome is Outcome.SKIPPED
    assert play.read.text.startswith("small on")
    assert play.relayed == said or (dialect is Dialect.OPENAI_CHAT and stream)
    assert play.note.model == "small"
    assert [(call.role, call.status, call.error) for call in play.note.calls] == [("draft", 200, "")]
    assert play.open == set()


def test_a_streams_headers_go_out_with_the_drafts_and_its_body_when_it_has_passed():
    play = checked()
    start, held = play.started(200, ("content-encoding", b"identity"), ("connection", b"x-hop"), ("x-hop", b"1"), ("x-own", b"2"))
    assert isinstance(start, StartResponse)
    assert held == SendBody(HELD)
    assert (start.status, start.pending, start.note.outcome) == (200, True, Outcome.FAILED)
    assert start.headers == [("content-type", b"text/event-stream"), ("request-id", b"draft"), ("x-own", b"2")]
    assert start.remove == ("content-type", "x-placeholder")
    assert play.data(*play.says()) == []
    *bodies, _ = play.ended()
    assert all(isinstance(body, SendBody) for body in bodies)
    assert play.comment == b": cascade outcome=SKIPPED model=small cost_usd=0.000136\n\n"


def test_a_json_answer_goes_out_whole_with_its_cost():
    play = checked(stream=False)
    assert play.started() == []
    assert play.data(*play.says()) == []
    play.ended()
    assert (play.start.pending, play.start.note.outcome) == (False, Outcome.SKIPPED)
    assert ("x-cascade-cost-usd", b"0.000136") in play.start.headers
    assert play.comment == b""


@pytest.mark.parametrize("asked", [True, False])
def test_only_who_asked_for_usage_is_told_it(asked: bool):
    options = {"stream_options": {"include_usage": True}} if asked else {}
    play = checked(Dialect.OPENAI_CHAT, **options)
    said = play.answers()
    assert play.note.calls[0].usage == Usage(6, 65)
    assert (b'"prompt_tokens"' in play.client) is asked
    assert b'"prompt_tokens"' in said
    assert play.relayed.endswith(b"data: [DONE]\n\n")


@both
def test_a_compressed_draft_is_passed_on_plain(stream: bool):
    play = checked(stream=stream)
    said = b"".join(play.says())
    play.started(200, ("content-encoding", b"gzip"))
    play.data(gzip.compress(said))
    play.ended()
    assert play.relayed == said
    assert "content-encoding" not in dict(play.start.headers)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an error event": ({"error": 4}, "draft_error"),
    "cut in its middle": ({"cut": 6}, "draft_reset"),
    "ended too soon": ({"end": 6}, "draft_unfinished"),
    "malformed": ({"malformed": True}, "draft_"),
    "empty": ({"empty": True}, "check_not_empty"),
    "in a loop": ({"repeat": True}, "check_no_repetition"),
    "a refusal": ({"text": "I'm sorry, but I can't help with that request."}, "check_no_refusal"),
}


@each
@both
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_is_wrong_with_a_draft_the_verify_model_answers(dialect: Dialect, stream: bool, fault: str):
    profile, reason = FAULTS[fault]
    if fault in {"an error event", "ended too soon"} and not stream:
        profile, reason = {"cut": 1}, "draft_reset"
    play = checked(dialect, stream=stream)
    play.answers(**profile)
    assert (play.role, play.open) == (Role.VERIFY, {Role.VERIFY})
    said = play.answers()
    assert play.outcome is Outcome.RESCUED
    assert play.reasons[0].startswith(reason)
    assert play.told_of(Role.DRAFT).error in play.reasons[0]
    assert play.read.text.startswith("big on")
    assert play.relayed == said or (dialect is Dialect.OPENAI_CHAT and stream)
    assert not stream or ends(play.client) == 1


@both
@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 529])
def test_a_drafts_error_status_is_never_seen(stream: bool, status: int):
    play = Play(stream=stream)
    cancelled, call = play.started(status)
    assert (cancelled, isinstance(call, Call)) == (CancelCall(Role.DRAFT), True)
    play.answers()
    assert (play.outcome, play.reasons) == (Outcome.RESCUED, (f"draft_status_{status}",))
    assert (play.start.status, play.start.pending) == (200, False)
    assert ("request-id", b"verify") in play.start.headers
    told = play.told_of(Role.DRAFT)
    assert (told.status, told.error, told.usage) == (status, f"status_{status}", Usage())


@pytest.mark.parametrize("kind", ["connect", "timeout", "reset", "budget"])
def test_a_drafts_call_that_fails_is_rescued(kind: str):
    play = Play()
    (call,) = play.failed(kind)
    assert isinstance(call, Call)
    assert play.answers() == play.relayed
    assert (play.outcome, play.reasons, play.told_of(Role.DRAFT).error) == (Outcome.RESCUED, (f"draft_{kind}",), kind)


def test_a_stream_that_is_none_is_a_failure():
    play = Play()
    play.started(200, kind=b"application/json")
    assert (play.role, play.begun) == (Role.VERIFY, False)
    play.answers()
    assert play.reasons == ("draft_no_event_stream",)


def test_an_encoding_that_nobody_knows_is_a_failure():
    play = Play(stream=False)
    play.started(200, ("content-encoding", b"br"))
    play.answers()
    assert play.reasons == ("draft_unknown_encoding",)


@each
@both
def test_a_call_is_held_against_the_clients_schema(dialect: Dialect, stream: bool):
    good, bad = (checked(dialect, stream=stream, **TOOLS[dialect]) for _ in range(2))
    good.answers(tool_calls=1)
    assert [call.name for call in good.read.calls] == ["weather"]
    assert good.outcome is Outcome.SKIPPED
    bad.answers(tool_calls=1, invalid_arguments=True)
    bad.answers(tool_calls=1)
    assert (bad.outcome, bad.reasons) == (Outcome.RESCUED, ("check_valid_arguments",))
    assert not stream or ends(bad.client) == 1


@both
def test_half_an_answer_is_none_although_its_check_is_off(stream: bool):
    play = checked(stream=stream, policy=replace(POLICY, checks_off=frozenset({"finished"})))
    play.answers(end=6)
    assert play.role is Role.VERIFY
    play.answers()
    assert play.outcome is Outcome.RESCUED


def test_checks_that_are_off_are_not_made():
    play = checked(policy=replace(POLICY, checks_off=frozenset({"no_repetition"})))
    play.answers(repeat=True)
    assert play.outcome is Outcome.SKIPPED


def test_what_a_cancelled_draft_still_says_is_of_no_interest():
    play = Play()
    play.started(500)
    late = [
        CallStarted(play.now, 200, Headers([]), Role.DRAFT),
        CallData(play.now, b"data: late", Role.DRAFT),
        CallFailed(play.now, "reset", Role.DRAFT),
        CallEnded(play.now, Role.DRAFT),
    ]
    for event in late:
        assert play.handle(event) == []
    play.open.add(Role.VERIFY)
    assert play.answers() == play.relayed
    assert play.told_of(Role.DRAFT).ended_s == play.told_of(Role.VERIFY).began_s


def test_what_a_draft_says_at_its_very_end_does_not_touch_the_call_after_it():
    play = Play()
    play.started()
    play.data(*play.says(error=3)[:-1], play.says(error=3)[-1].rstrip(b"\n"))
    play.ended()
    assert (play.role, play.open) == (Role.VERIFY, {Role.VERIFY})
    play.answers()
    draft, verify = play.note.calls
    assert (play.outcome, draft.error, verify.error) == (Outcome.RESCUED, "error", "")
    assert verify.ended_s > verify.began_s
    assert verify.usage is not None
    assert verify.usage.output > 10


def test_a_refusing_draft_model_is_remembered_and_one_that_answers_forgotten():
    play = checked()
    for _ in range(2):
        play.memory.failed(play.request, 400, 0.0)
    assert play.memory.blocks(play.request, 1.0)
    play.answers()
    assert not play.memory.blocks(play.request, 1.0)
    refused = checked()
    refused.memory.failed(refused.request, 400, 0.0)
    refused.started(400)
    assert refused.memory.blocks(refused.request, refused.now)


def test_a_drafted_thought_is_known_to_be_the_draft_models():
    play = checked(thinking={"type": "adaptive"})
    play.answers(thinking=True)
    assert play.outcome is Outcome.SKIPPED
    assert play.drafted.knows(DIALECTS[Dialect.ANTHROPIC].question(play.body))

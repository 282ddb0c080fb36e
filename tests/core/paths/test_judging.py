"""Held responses: the verify model's judgement of a draft, accepting, improving and failing."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.core.commands import CancelCall, SendBody
from extproc.core.steps.judge import ACCEPT_WORD
from extproc.core.vocabulary import Dialect, Outcome, Role
from tests.core.paths.playbook import ALL, QUESTION, THINKING, TOOLS, Play, drafted, ends

both = pytest.mark.parametrize("stream", [True, False])
each = pytest.mark.parametrize("dialect", ALL)


@each
@both
def test_the_judge_is_asked_behind_the_clients_own_conversation(dialect: Dialect, stream: bool):
    play = drafted(dialect, stream=stream)
    call = play.call
    start = play.body.index(QUESTION.encode()) + len(QUESTION)
    if dialect is not Dialect.OPENAI_RESPONSES:  # there a text becomes a list
        assert call.body.startswith(play.body[:start])
    assert b"<<<DRAFT f3nce" in call.body
    assert b"small on" in call.body
    assert (call.role, call.silence_s, call.wall_s < 100) == (Role.VERIFY, 20, True)


@each
@both
@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("how", [{}, {"chatter": True}, {"thinking": True}])
def test_an_accepted_draft_is_the_answer_as_it_came(dialect: Dialect, stream: bool, size: int, how: dict[str, Any]):
    play = Play(dialect, stream=stream)
    said = play.answers()
    play.answers(verdict="accept", size=size, **how)
    assert play.outcome is Outcome.ACCEPTED
    assert (play.note.model, play.reasons, play.open) == ("small", (), set())
    assert play.relayed == said or (dialect is Dialect.OPENAI_CHAT and stream)
    assert ACCEPT_WORD.encode() not in play.client
    assert ("request-id", b"draft") in play.start.headers
    assert all(call.cost_usd for call in play.note.calls)
    assert not stream or ends(play.client) == 1


def test_an_accepted_draft_goes_out_as_soon_as_the_word_has_ended():
    play = drafted()
    play.started()
    events = play.says(verdict="accept", chatter=True)
    at = next(number for number, event in enumerate(events) if b"The" in event)
    assert play.data(*events[:at]) == []
    sent = play.data(events[at])
    assert sent
    assert all(isinstance(command, SendBody) for command in sent)
    play.data(*events[at + 1 :])
    play.ended()
    assert play.outcome is Outcome.ACCEPTED


def test_a_judge_that_chatters_on_is_cut_off():
    play = drafted()
    play.started()
    event = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" more"}}\n\n'
    play.data(*play.says(verdict="accept", chatter=True)[:7])
    play.data(*[event] * 50)
    assert play.over
    assert CancelCall(Role.VERIFY) in play.commands
    assert (play.outcome, play.open) == (Outcome.ACCEPTED, set())


@pytest.mark.parametrize("kind", ["reset", "timeout"])
def test_an_acceptance_that_breaks_off_is_one(kind: str):
    play = drafted()
    play.started()
    play.data(*play.says(verdict="accept", chatter=True)[:8])
    play.failed(kind)
    assert (play.outcome, play.told_of(Role.VERIFY).error) == (Outcome.ACCEPTED, kind)
    assert ends(play.client) == 1


@each
@both
@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("how", [{}, {"thinking": True}])
def test_an_improved_answer_is_the_verify_models_own_as_it_came(dialect: Dialect, stream: bool, size: int, how: dict[str, Any]):
    told = {"stream_options": {"include_usage": True}} if dialect is Dialect.OPENAI_CHAT and stream else {}
    play = drafted(dialect, stream=stream, **told)
    said = play.answers(verdict="improve", size=size, **how)
    assert (play.outcome, play.note.model, play.reasons) == (Outcome.ENHANCED, "big", ())
    assert play.relayed == said
    assert b"small on" not in play.client
    assert ("request-id", b"draft" if stream else b"verify") in play.start.headers


def test_an_improved_stream_loses_only_a_usage_that_nobody_asked_for():
    play = drafted(Dialect.OPENAI_CHAT)
    events = play.says(verdict="improve")
    play.answers(verdict="improve")
    assert play.relayed == b"".join([event for event in events if b'"prompt_tokens"' not in event])


@each
def test_an_improved_answer_begins_at_the_first_event_that_cannot_be_the_word(dialect: Dialect):
    play = drafted(dialect)
    play.started()
    events = play.says(verdict="improve", text="Unlike the draft: no.")
    at = next(number for number, event in enumerate(events) if b"Unlike" in event)
    assert play.data(*events[:at]) == []
    (sent,) = play.data(events[at])
    assert isinstance(sent, SendBody)
    assert sent.data == b"".join(events[: at + 1])
    assert play.data(events[at + 1])


@each
@both
def test_a_judge_that_calls_a_tool_has_answered(dialect: Dialect, stream: bool):
    play = drafted(dialect, stream=stream, **TOOLS[dialect])
    play.answers(verdict="improve", tool_calls=1, text="")
    assert play.outcome is Outcome.ENHANCED
    assert [call.name for call in play.read.calls] == ["weather"]


@pytest.mark.parametrize("text", ["USE_DRAFTING is what I would call it.", "Use_Draft", "USE", "USE_DRAFT_MODE"])
@both
def test_what_only_looks_like_the_word_is_an_answer(stream: bool, text: str):
    play = drafted(stream=stream)
    play.answers(verdict="improve", text=text, size=3)
    assert (play.outcome, play.read.text) == (Outcome.ENHANCED, text)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an error event": ({"verdict": "accept", "error": 3}, "verify_error"),
    "cut before it said anything": ({"verdict": "accept", "cut": 2}, "verify_reset"),
    "ended too soon": ({"verdict": "accept", "end": 2}, "verify_unfinished"),
    "malformed": ({"verdict": "accept", "malformed": True}, "verify_"),
    "empty": ({"empty": True}, "verify_unfinished"),
    "half of the word": ({"verdict": "improve", "text": "USE_DR"}, "verify_unfinished"),
}


@each
@both
@pytest.mark.parametrize("fault", FAULTS)
def test_a_judge_that_says_nothing_leaves_the_draft(dialect: Dialect, stream: bool, fault: str):
    profile, reason = FAULTS[fault]
    if fault in {"an error event", "ended too soon"} and not stream:
        profile, reason = {"cut": 1}, "verify_reset"
    play = Play(dialect, stream=stream)
    said = play.answers()
    play.answers(**profile)
    assert (play.outcome, play.note.model) == (Outcome.FALLBACK, "small")
    assert play.reasons[0].startswith(reason)
    assert play.told_of(Role.VERIFY).error in play.reasons[0]
    assert play.relayed == said or (dialect is Dialect.OPENAI_CHAT and stream)
    assert not stream or ends(play.client) == 1
    assert play.open == set()


@both
@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 529])
def test_a_judges_error_status_leaves_the_draft(stream: bool, status: int):
    play = drafted(stream=stream)
    cancelled, *_ = play.started(status)
    assert cancelled == CancelCall(Role.VERIFY)
    assert (play.outcome, play.reasons) == (Outcome.FALLBACK, (f"verify_status_{status}",))
    assert (play.start.status, play.read.text[:8]) == (200, "small on")


@both
@pytest.mark.parametrize("kind", ["connect", "timeout", "reset", "budget"])
def test_a_judges_call_that_fails_leaves_the_draft(stream: bool, kind: str):
    play = drafted(stream=stream)
    play.failed(kind)
    assert (play.outcome, play.reasons, play.told_of(Role.VERIFY).error) == (Outcome.FALLBACK, (f"verify_{kind}",), kind)


def test_a_judge_whose_stream_is_none_leaves_the_draft():
    play = drafted()
    play.started(200, kind=b"text/html")
    assert (play.outcome, play.reasons) == (Outcome.FALLBACK, ("verify_no_event_stream",))


BREAKS = {"reset": ({"cut": 9}, "verify_reset"), "truncated": ({"end": 9}, "verify_unfinished")}


@each
@pytest.mark.parametrize("fault", BREAKS)
def test_an_improved_stream_that_breaks_off_ends_as_an_error(dialect: Dialect, fault: str):
    profile, reason = BREAKS[fault]
    play = drafted(dialect)
    play.answers(verdict="improve", **profile)
    assert (play.outcome, play.reasons) == (Outcome.FAILED, (reason,))
    assert play.read.error is not None
    assert ends(play.client) == 1


@each
def test_an_error_event_in_an_improved_stream_is_its_end(dialect: Dialect):
    play = drafted(dialect)
    said = play.answers(verdict="improve", error=9)
    assert play.outcome is Outcome.FAILED
    assert (play.relayed, ends(play.client)) == (said, 1)


def test_a_json_improvement_without_an_end_leaves_the_draft():
    play = Play(Dialect.OPENAI_CHAT, stream=False)
    said = play.answers()
    play.started()
    play.data(b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Better"}}]}')
    play.ended()
    assert (play.outcome, play.client, play.reasons) == (Outcome.FALLBACK, said, ("verify_unfinished",))
    assert (play.note.model, play.start.headers[1]) == ("small", ("request-id", b"draft"))


@each
def test_thinking_before_an_improved_answer_is_shown(dialect: Dialect):
    play = drafted(dialect, **THINKING[dialect])
    said = play.answers(verdict="improve", thinking=True)
    assert play.read.text.startswith("big")
    assert len(play.read.blocks) > 1
    assert play.relayed == said or dialect is Dialect.OPENAI_CHAT

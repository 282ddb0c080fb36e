"""Held responses: the verify model in the draft's place, and both of them failing."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.core.dialects import DIALECTS
from extproc.core.vocabulary import Dialect, Outcome, Plan, Role
from extproc.core.wire.sse import SseParser
from tests.core.paths.playbook import ALL, POLICY, TOOLS, Play, ends

both = pytest.mark.parametrize("stream", [True, False])
each = pytest.mark.parametrize("dialect", ALL)


def rescued(dialect: Dialect = Dialect.ANTHROPIC, *, begun: bool = False, **more: Any) -> Play:
    """A play whose draft has failed, with the client's stream begun or not."""
    play = Play(dialect, plan=Plan.DRAFT, **more)
    if begun:
        play.answers(empty=True)
    else:
        play.failed("connect")
    assert play.role is Role.VERIFY
    return play


@each
@both
def test_the_verify_model_is_asked_the_clients_own_question(dialect: Dialect, stream: bool):
    play = rescued(dialect, stream=stream, policy=replace(POLICY, prices={}))
    assert play.call.body.replace(b',"stream_options":{"include_usage":true}', b"") == play.body
    assert (play.call.silence_s, play.call.wall_s < 100) == (20, True)


@each
@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_rescue_flows_as_it_comes(dialect: Dialect, size: int):
    play = rescued(dialect)
    (start,) = play.started()
    assert (start, start.pending, start.note.outcome, start.note.model) == (play.start, False, Outcome.RESCUED, "big")
    events = [event for event in play.says() if dialect is not Dialect.OPENAI_CHAT or b'"prompt_tokens"' not in event]
    for number, event in enumerate(events, 1):
        play.data(*[event[at : at + size] for at in range(0, len(event), size)] if size else [event])
        # The last event goes out with the end of the call, together with what is known then.
        assert play.relayed == b"".join(events[: min(number, len(events) - 1)])
    play.ended()
    assert (play.outcome, play.relayed) == (Outcome.RESCUED, b"".join(events))
    assert ends(play.client) == 1


def test_a_stream_that_has_begun_goes_on_as_the_rescue():
    play = rescued(begun=True)
    assert (play.start.pending, play.relayed) == (True, b"")
    said = play.answers()
    assert (play.outcome, play.relayed) == (Outcome.RESCUED, said)
    assert b"outcome=RESCUED model=big" in play.comment


@each
@both
@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 529])
def test_verifys_own_error_is_the_clients_as_it_is(dialect: Dialect, stream: bool, status: int):
    play = rescued(dialect, stream=stream)
    page = DIALECTS[dialect].error(status, "no")
    play.started(status, ("retry-after", b"3"))
    play.data(page[:9], page[9:])
    play.ended()
    assert (play.outcome, play.reasons[1:], play.note.model) == (Outcome.FAILED, (f"verify_status_{status}",), "big")
    assert (play.start.status, play.client) == (status, page)
    assert {("content-type", b"application/json"), ("retry-after", b"3")} <= set(play.start.headers)
    assert play.told_of(Role.VERIFY).error == f"status_{status}"


def test_a_compressed_error_can_still_be_read():
    play = rescued()
    page = DIALECTS[Dialect.ANTHROPIC].error(400, "too many words")
    play.started(400, ("content-encoding", b"gzip"))
    play.data(gzip.compress(page))
    play.ended()
    encoded = ("content-encoding", b"gzip") in play.start.headers
    assert (gzip.decompress(play.client) if encoded else play.client) == page


@each
def test_in_a_stream_that_has_begun_verifys_error_is_an_event_with_its_message(dialect: Dialect):
    play = rescued(dialect, begun=True)
    play.started(429)
    play.data(DIALECTS[dialect].error(429, "slow down"))
    play.ended()
    assert (play.outcome, play.start.status, ends(play.client)) == (Outcome.FAILED, 200, 1)
    assert play.read.error is not None
    assert (play.read.error.status, play.read.error.message) == (429, "slow down")


def test_an_error_page_that_breaks_off_is_replaced():
    play = rescued()
    play.started(500)
    play.data(b"<html>")
    play.failed("reset")
    assert (play.outcome, play.start.status) == (Outcome.FAILED, 500)
    assert json.loads(play.client)["error"]["type"] == "api_error"


def test_an_error_page_without_end_is_not_kept():
    play = rescued()
    play.started(500)
    for _ in range(64):
        play.data(b"x" * (1 << 20))
    assert play.over
    assert (play.outcome, play.start.status, len(play.client) < 1 << 20, play.open) == (Outcome.FAILED, 500, True, set())


@each
@both
@pytest.mark.parametrize(("kind", "status"), [("connect", 502), ("reset", 502), ("timeout", 504), ("budget", 504)])
def test_where_both_models_fail_the_client_is_told_in_its_dialect(dialect: Dialect, stream: bool, kind: str, status: int):
    play = rescued(dialect, stream=stream)
    play.failed(kind)
    assert (play.outcome, play.note.model, play.reasons) == (Outcome.FAILED, "", ("draft_connect", f"verify_{kind}"))
    assert (play.start.status, ("content-type", b"application/json") in play.start.headers) == (status, True)
    assert kind in json.loads(play.client)["error"]["message"]
    assert [call.error for call in play.note.calls] == ["connect", kind]


@each
def test_where_both_models_fail_a_stream_that_has_begun_ends_as_an_error(dialect: Dialect):
    play = rescued(dialect, begun=True)
    play.failed("connect")
    assert (play.outcome, play.start.status, ends(play.client)) == (Outcome.FAILED, 200, 1)
    assert play.read.error is not None


@each
@pytest.mark.parametrize("fault", [{"cut": 8}, {"end": 8}, {"malformed": True}])
def test_a_rescue_that_breaks_off_ends_as_an_error(dialect: Dialect, fault: dict[str, Any]):
    play = rescued(dialect)
    play.answers(**fault)
    assert (play.outcome, ends(play.client), play.open) == (Outcome.FAILED, 1, set())
    assert play.read.error is not None
    assert b"outcome=FAILED" in play.comment


@each
@pytest.mark.parametrize("fault", [{"cut": 1}, {"malformed": True}])
def test_a_json_rescue_that_breaks_off_is_an_error(dialect: Dialect, fault: dict[str, Any]):
    play = rescued(dialect, stream=False)
    play.answers(**fault)
    assert (play.outcome, play.start.status) == (Outcome.FAILED, 502)
    assert "error" in json.loads(play.client)


@each
def test_an_error_event_of_verify_is_the_streams_end(dialect: Dialect):
    play = rescued(dialect)
    said = play.answers(error=8)
    assert (play.outcome, play.relayed, ends(play.client)) == (Outcome.FAILED, said, 1)


@both
def test_an_empty_rescue_is_what_the_client_would_have_got_without_us(stream: bool):
    play = rescued(stream=stream)
    said = play.answers(empty=True)
    assert (play.outcome, play.relayed) == (Outcome.RESCUED, said)


@each
@both
def test_a_rescue_may_be_a_call(dialect: Dialect, stream: bool):
    play = rescued(dialect, stream=stream, **TOOLS[dialect])
    play.answers(tool_calls=1)
    assert [call.name for call in play.read.calls] == ["weather"]
    assert play.outcome is Outcome.RESCUED


@pytest.mark.parametrize("begins", ["nothing", "a sign of ours", "verify's answer", "the draft's text"])
def test_an_error_in_a_responses_stream_has_the_id_of_its_beginning(begins: str):
    """OpenAI's SDKs raise at a first event that begins nothing, and at a second id."""
    policy = replace(POLICY, stream_text=begins == "the draft's text")
    play = Play(Dialect.OPENAI_RESPONSES, plan=Plan.DRAFT, policy=policy, store=begins != "a sign of ours")
    play.started()
    if begins == "a sign of ours":
        play.waited(5)
    play.data(*play.says(cut=12))
    play.failed("reset")
    if begins == "verify's answer":
        play.answers(cut=9)
    else:
        play.failed("connect")
    told = [json.loads(event.data) for event in SseParser().feed(play.client) if event.data and b'"response":' in event.data]
    assert [one["type"] for one in told if one["type"] != "response.in_progress"] == ["response.created", "response.failed"]
    assert len({one["response"]["id"] for one in told}) == 1
    assert told[0]["response"]["id"].startswith("resp_")
    assert [call.error for call in play.note.calls][-1] in {"connect", "reset"}

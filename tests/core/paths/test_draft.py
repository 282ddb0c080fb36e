"""The response side of plan draft, as a script: events in, commands out. What a rescue does is that of a held response."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from extproc.core.commands import Call, Command, EndWithTrailers, Hold, Leave, PassResponse, Reply, SendBody, StartResponse, Watch
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Headers, ResponseBody, ResponseHeaders, ResponseTrailers
from extproc.core.paths.draft import DraftPath
from extproc.core.paths.sent import Sent
from extproc.core.policy import Policy
from extproc.core.records import Note
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import Dialect, Outcome, Plan, Request, Role, View

BODY = b'{"model":"asked","messages":[]}'
NOTE = Note(Outcome.SKIPPED, Plan.DRAFT, "anthropic", "small", ("greeting",), "t" * 32, "asked")
POLICY = Policy(draft_models={Dialect.ANTHROPIC: "small"}, verify_models={Dialect.ANTHROPIC: None}, max_wall_s=100, verify_timeout_s=20)
CLIENT = Headers([(":path", b"/v1/messages?beta=true"), ("x-api-key", b"k"), ("content-length", b"31"), ("x-cascade-plan", b"draft")])
ANSWER = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "asked",
        "content": [{"type": "text", "text": "x" * 150_000}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
).encode()


def request(*, stream: bool = False) -> Request:
    return Request(Dialect.ANTHROPIC, BODY, "asked", 9, 16, stream, View())


def path(policy: Policy = POLICY, memory: RefusalMemory | None = None, *, stream: bool = False) -> DraftPath:
    sent = Sent(request(stream=stream), "/v1/messages?beta=true", CLIENT, NOTE, at_s=10.0)
    return DraftPath(sent, policy, memory or RefusalMemory(300), Fingerprints(b""))


def answered(status: int, *, end: bool = False, at_s: float = 11.0) -> ResponseHeaders:
    return ResponseHeaders(at_s, Headers([(":status", b"%d" % status), ("content-type", b"text/html"), ("x-up", b"1")]), end)


def started(status: int = 200) -> CallStarted:
    headers = Headers([("content-type", b"application/json"), ("content-length", b"5"), ("request-id", b"r")])
    return CallStarted(12.0, status, headers)


def rescue(status: int = 503, *, end: bool = False, policy: Policy = POLICY, stream: bool = False) -> tuple[DraftPath, list[Command]]:
    draft = path(policy, stream=stream)
    return draft, draft.handle(answered(status, end=end))


def test_a_good_answer_flows_without_us():
    assert path().handle(answered(200)) == [PassResponse(), Leave()]


@pytest.mark.parametrize("status", [0, 302, 400, 401, 404, 429, 500, 503, 504])
def test_any_other_status_asks_verify_the_clients_own_question(status: int):
    _, (hold, watch, call) = rescue(status)
    assert hold == Hold(101.0)
    assert isinstance(call, Call)
    assert (call.role, call.path, call.body) == (Role.VERIFY, "/v1/messages?beta=true", BODY)
    assert call.headers == [("x-api-key", b"k")]
    assert (call.silence_s, call.wall_s) == (20, 99.0)
    assert isinstance(watch, Watch)


def test_a_named_verify_model_is_spliced_into_the_clients_bytes():
    _, (_, _, call) = rescue(policy=replace(POLICY, verify_models={Dialect.ANTHROPIC: "big"}))
    assert isinstance(call, Call)
    assert call.body == BODY.replace(b"asked", b"big")


def test_the_verify_answer_takes_the_place_of_the_failure():
    draft, _ = rescue(503)
    assert draft.handle(started()) == []
    assert draft.handle(ResponseBody(12.1, b"<html>", end=True)) == []
    assert draft.handle(CallData(12.2, ANSWER)) == []
    start, *body, leave = draft.handle(CallEnded(12.3))
    assert isinstance(start, StartResponse)
    assert start.status == 200
    assert start.headers == [("content-type", b"application/json"), ("request-id", b"r")]
    assert set(start.remove) == {"content-type", "x-up"}
    assert (start.note.outcome, start.note.model, start.note.rules) == (Outcome.RESCUED, "asked", ("greeting", "draft_status_503"))
    pieces = [command for command in body if isinstance(command, SendBody)]
    assert b"".join(piece.data for piece in pieces) == ANSWER
    assert max(len(piece.data) for piece in pieces) == 62_000
    assert [piece.end for piece in pieces] == [False, False, True]
    assert leave == Leave()


def test_the_books_know_of_both_calls():
    draft, _ = rescue(429)
    draft.handle(started())
    draft.handle(CallData(12.2, ANSWER))
    start, *_ = draft.handle(CallEnded(12.3))
    assert isinstance(start, StartResponse)
    refused, served = start.note.calls
    assert (refused.role, refused.status, refused.error, refused.model) == ("draft", 429, "status_429", "small")
    assert (served.role, served.status, served.error) == ("verify", 200, "")
    assert served.usage is not None
    assert served.usage.output == 2


def test_trailers_of_the_draft_are_answered_at_the_end():
    draft, _ = rescue()
    draft.handle(started())
    assert draft.handle(ResponseTrailers(12.1)) == []
    draft.handle(CallData(12.2, ANSWER))
    assert draft.handle(CallEnded(12.3))[-2:] == [EndWithTrailers(), Leave()]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_breaks_off_is_never_ended_as_if_it_were_whole(stream: bool):
    draft, _ = rescue(stream=stream)
    draft.handle(CallStarted(12.0, 200, Headers([("content-type", b"text/event-stream" if stream else b"application/json")])))
    draft.handle(CallData(12.2, b'event: ping\ndata: {"type": "ping"}\n\n' if stream else ANSWER[:20]))
    *_, body, leave = draft.handle(CallFailed(12.3, "reset"))
    assert isinstance(body, SendBody)
    assert body.note is not None
    assert body.note.outcome is Outcome.FAILED
    assert b'"type":"error"' in body.data
    assert leave == Leave()


def test_verifys_own_error_reaches_the_client_as_it_is():
    draft, _ = rescue()
    draft.handle(started(429))
    draft.handle(CallData(12.1, b'{"own":1}'))
    start, body, _ = draft.handle(CallEnded(12.2))
    assert isinstance(start, StartResponse)
    assert (start.status, start.note.outcome) == (429, Outcome.FAILED)
    assert isinstance(body, SendBody)
    assert body.data == b'{"own":1}'


@pytest.mark.parametrize(("kind", "status"), [("connect", 502), ("reset", 502), ("timeout", 504), ("budget", 504)])
def test_both_models_failed_is_an_error_in_the_clients_dialect(kind: str, status: int):
    draft, _ = rescue()
    start, body, leave = draft.handle(CallFailed(12.0, kind))
    assert isinstance(start, StartResponse)
    assert (start.status, start.note.outcome, start.note.rules[-1]) == (status, Outcome.FAILED, f"verify_{kind}")
    assert isinstance(body, SendBody)
    assert body.end
    assert json.loads(body.data)["type"] == "error"
    assert leave == Leave()


def test_where_the_draft_sent_no_body_the_answer_goes_out_in_one_message():
    draft, commands = rescue(400, end=True)
    assert isinstance(commands[0], Hold)
    assert draft.handle(started()) == []
    assert draft.handle(CallData(12.1, ANSWER)) == []
    reply, leave = draft.handle(CallEnded(12.3))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, leave) == (200, ANSWER, Leave())
    assert reply.note is not None
    assert reply.note.outcome is Outcome.RESCUED


def test_where_the_draft_sent_no_body_and_verify_fails_the_error_goes_out_in_one_message():
    draft, _ = rescue(400, end=True)
    draft.handle(started())
    reply, _ = draft.handle(CallFailed(12.3, "reset"))
    assert isinstance(reply, Reply)
    assert reply.status == 502


@pytest.mark.parametrize(("policy", "at_s"), [(replace(POLICY, max_calls=1), 11.0), (POLICY, 111.0)])
def test_without_budget_for_a_second_call_the_client_is_told_so(policy: Policy, at_s: float):
    commands = path(policy).handle(answered(504, at_s=at_s))
    assert not [command for command in commands if isinstance(command, Call)]
    (start,) = (command for command in commands if isinstance(command, StartResponse))
    assert (start.status, start.note.outcome, start.note.rules[-1]) == (504, Outcome.FAILED, "over_budget")


def test_the_memory_learns_from_both_ends():
    memory = RefusalMemory(300)
    for _ in range(2):
        path(memory=memory).handle(answered(400))
    assert memory.blocks(request(), 12.0)
    path(memory=memory).handle(answered(200))
    assert not memory.blocks(request(), 12.0)

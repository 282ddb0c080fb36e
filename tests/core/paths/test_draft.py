"""The response side of plan draft, as a script: events in, commands out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from extproc.core.commands import Abort, Call, Command, EndWithTrailers, Hold, Leave, PassResponse, Reply, SendBody, StartResponse
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Headers, ResponseBody, ResponseHeaders, ResponseTrailers
from extproc.core.paths.draft import DraftPath
from extproc.core.paths.sent import Sent
from extproc.core.records import Note
from extproc.core.steps.memory import RefusalMemory
from extproc.core.steps.provenance import Fingerprints
from extproc.core.vocabulary import Dialect, Outcome, Plan, Policy, Request, Role, View

BODY = b'{"model":"asked","messages":[]}'
REQUEST = Request(Dialect.ANTHROPIC, BODY, "asked", 9, 16, True, View())
NOTE = Note(Outcome.SKIPPED, Plan.DRAFT, "anthropic", "small", ("greeting",), "t" * 32, "asked")
POLICY = Policy(draft_models={Dialect.ANTHROPIC: "small"}, verify_models={Dialect.ANTHROPIC: None}, max_wall_s=100, verify_timeout_s=20)
CLIENT = Headers([(":path", b"/v1/messages?beta=true"), ("x-api-key", b"k"), ("content-length", b"31"), ("x-cascade-plan", b"draft")])


def path(policy: Policy = POLICY, memory: RefusalMemory | None = None) -> DraftPath:
    return DraftPath(
        Sent(REQUEST, "/v1/messages?beta=true", CLIENT, NOTE, at_s=10.0), policy, memory or RefusalMemory(300), Fingerprints(b"")
    )


def answered(status: int, *, end: bool = False, at_s: float = 11.0) -> ResponseHeaders:
    return ResponseHeaders(at_s, Headers([(":status", b"%d" % status), ("content-type", b"text/html"), ("x-up", b"1")]), end)


def started(status: int = 200) -> CallStarted:
    headers = Headers([("content-type", b"text/event-stream"), ("content-length", b"5"), ("request-id", b"r")])
    return CallStarted(12.0, status, headers)


def rescue(status: int = 503, *, end: bool = False, policy: Policy = POLICY) -> tuple[DraftPath, list[Command]]:
    draft = path(policy)
    return draft, draft.handle(answered(status, end=end))


def test_a_good_answer_flows_without_us():
    assert path().handle(answered(200)) == [PassResponse(), Leave()]


@pytest.mark.parametrize("status", [0, 302, 400, 401, 404, 429, 500, 503, 504])
def test_any_other_status_asks_verify_the_clients_own_question(status: int):
    _, commands = rescue(status)
    hold, call = commands
    assert hold == Hold(101.0)
    assert isinstance(call, Call)
    assert (call.role, call.path, call.body) == (Role.VERIFY, "/v1/messages?beta=true", BODY)
    assert call.headers == [("x-api-key", b"k")]
    assert (call.silence_s, call.wall_s) == (20, 99.0)


def test_a_named_verify_model_is_spliced_into_the_clients_bytes():
    _, commands = rescue(policy=replace(POLICY, verify_models={Dialect.ANTHROPIC: "big"}))
    assert isinstance(commands[1], Call)
    assert commands[1].body == BODY.replace(b"asked", b"big")


def test_the_verify_answer_takes_the_place_of_the_failure():
    draft, _ = rescue(503)
    (start,) = draft.handle(started())
    assert isinstance(start, StartResponse)
    assert start.status == 200
    assert start.headers == [("content-type", b"text/event-stream"), ("request-id", b"r")]
    assert set(start.remove) == {"content-type", "x-up"}
    assert (start.note.outcome, start.note.model, start.note.rules) == (Outcome.RESCUED, "asked", ("greeting", "draft_status_503"))
    assert draft.handle(ResponseBody(12.1, b"<html>", end=True)) == []
    assert draft.handle(CallData(12.2, b"data")) == [SendBody(b"data")]
    assert draft.handle(CallEnded(12.3)) == [SendBody(b"", end=True), Leave()]


def test_long_pieces_are_cut_to_what_envoy_takes():
    draft, _ = rescue()
    draft.handle(started())
    commands = draft.handle(CallData(12.2, b"x" * 150_000))
    assert [len(command.data) for command in commands if isinstance(command, SendBody)] == [62_000, 62_000, 26_000]


def test_trailers_of_the_draft_are_answered_at_the_end():
    draft, _ = rescue()
    draft.handle(started())
    assert draft.handle(ResponseTrailers(12.1)) == []
    assert draft.handle(CallEnded(12.3)) == [EndWithTrailers(), Leave()]


def test_a_verify_answer_that_breaks_off_is_never_ended_cleanly():
    draft, _ = rescue()
    draft.handle(started())
    draft.handle(CallData(12.2, b"half an "))
    assert draft.handle(CallFailed(12.3, "reset")) == [Abort()]


def test_verifys_own_error_reaches_the_client_as_it_is():
    draft, _ = rescue()
    (start,) = draft.handle(started(429))
    assert isinstance(start, StartResponse)
    assert (start.status, start.note.outcome) == (429, Outcome.FAILED)


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


def test_where_the_draft_sent_no_body_the_answer_goes_out_whole():
    draft, _ = rescue(400, end=True)
    assert draft.handle(started()) == []
    assert draft.handle(CallData(12.1, b"one ")) == []
    assert draft.handle(CallData(12.2, b"two")) == []
    reply, leave = draft.handle(CallEnded(12.3))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, leave) == (200, b"one two", Leave())


def test_where_the_draft_sent_no_body_and_verify_fails_the_error_goes_out_whole():
    draft, _ = rescue(400, end=True)
    draft.handle(started())
    reply, _ = draft.handle(CallFailed(12.3, "reset"))
    assert isinstance(reply, Reply)
    assert reply.status == 502


def test_without_budget_for_a_second_call_the_failure_is_the_clients():
    _, (response, leave) = rescue(policy=replace(POLICY, max_calls=1))
    assert isinstance(response, PassResponse)
    assert response.note is not None
    assert (response.note.outcome, response.note.rules[-1], leave) == (Outcome.FAILED, "over_budget", Leave())


def test_the_wall_time_counts_from_the_clients_request():
    draft = path()
    response, _ = draft.handle(answered(504, at_s=111.0))
    assert isinstance(response, PassResponse)


def test_the_memory_learns_from_both_ends():
    memory = RefusalMemory(300)
    for _ in range(2):
        path(memory=memory).handle(answered(400))
    assert memory.blocks(REQUEST, 12.0)
    path(memory=memory).handle(answered(200))
    assert not memory.blocks(REQUEST, 12.0)

"""Held responses: what holds for any bytes, cut in any way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.commands import Call, Report
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Event, Headers, RequestBody, RequestHeaders
from extproc.core.policy import Policy
from extproc.core.session import Session, Surroundings
from extproc.core.steps.memory import RefusalMemory
from extproc.core.vocabulary import PATHS, Dialect, Outcome, Plan, Role
from tests.core.paths.playbook import ALL, ASKED, POLICY, TOOLS, Play, ends

CUTS = st.lists(st.integers(0, 6000), max_size=12)
DRAFTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"tool_calls": 1},
        {"thinking": True},
        {"empty": True},
        {"repeat": True},
        {"malformed": True},
        {"error": 5},
        {"end": 5},
        {"cut": 5},
    ]
)
VERDICTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"verdict": "accept"},
        {"verdict": "accept", "chatter": True},
        {"verdict": "accept", "thinking": True},
        {"verdict": "improve"},
        {"verdict": "improve", "tool_calls": 1},
        {"verdict": "improve", "thinking": True},
        {"verdict": "improve", "error": 9},
        {"verdict": "improve", "end": 9},
        {"malformed": True},
        {"empty": True},
        {"cut": 3},
    ]
)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """Cut bytes in pieces; empty ones too."""
    places = sorted({min(place, len(data)) for place in at})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def told(play: Play, profile: dict[str, Any], at: list[int] | None) -> None:
    """Let the present call answer, event by event or cut in this way."""
    frames, ending = play.script(**profile)
    data = b"".join([frame.data for frame in frames])
    role = play.role
    play.started()
    for piece in [data] if at is None else cut(data, at):
        play.handle(CallData(play.tick(), piece, role))
    play.handle(CallEnded(play.tick(), role) if ending.value == "done" else CallFailed(play.tick(), "reset", role))


def record(play: Play) -> tuple[Any, ...]:
    """What is written down, without its times."""
    calls = [(call.role, call.model, call.status, call.error, call.usage, call.cost_usd) for call in play.note.calls]
    return (play.outcome, play.note.model, play.note.rules, calls)


@given(
    st.sampled_from(ALL),
    st.booleans(),
    st.sampled_from([Plan.DRAFT, Plan.CASCADE]),
    st.booleans(),
    DRAFTS,
    VERDICTS,
    CUTS,
    CUTS,
    st.booleans(),
)
def test_however_the_answers_are_cut_the_client_gets_the_same_and_one_end(
    dialect: Dialect,
    stream: bool,
    plan: Plan,
    flows: bool,
    draft: dict[str, Any],
    verdict: dict[str, Any],
    first: list[int],
    second: list[int],
    announced: bool,
):
    policy = Policy(
        draft_models=POLICY.draft_models, verify_models=POLICY.verify_models, prices=POLICY.prices, stream_text=flows, keepalive_s=1e6
    )
    plays = []
    for cuts in (None, None), (first, second):
        play = Play(dialect, stream=stream, plan=plan, policy=policy, announced=announced or cuts[0] is None, **TOOLS[dialect])
        told(play, draft, cuts[0])
        if not play.over and play.open:
            told(play, verdict, cuts[1])
        if not play.over:
            play.announced()
        plays.append(play)
    whole, pieces = plays
    assert pieces.client == whole.client
    assert record(pieces) == record(whole)
    assert pieces.open == whole.open == set()
    assert pieces.over
    assert not stream or not pieces.start.pending or ends(pieces.client) == 1


GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"data: {}\n\n",
                b"data: null\n\n",
                b"data: [DONE]\n\n",
                b"event: message_start\ndata: {}\n\n",
                b'data: {"type":"message_start","message":{"id":"m"}}\n\n',
                b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"USE_DRAFT"}}\n\n',
                b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}\n\n',
                b'data: {"type":"message_stop"}\n\n',
                b'data: {"choices":[{"delta":{"content":"USE_"}}]}\n\n',
                b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
                b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{}}\n\n',
                b'data: {"type":"response.created","response":{"id":"resp_1"}}\n\n',
                b'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"DRAFT"}\n\n',
                b'data: {"type":"response.completed","response":{"status":"completed","output":[]}}\n\n',
                b'data: {"error":{"message":"no"}}\n\n',
                b"event: error\ndata: x\n\n",
                b": hi\n\n",
                b"\r\n\r\n",
                b"\xff\xfe",
                b"[" * 5000,
            ]
        ),
        max_size=12,
    ).map(b"".join),
)
ENDINGS = st.sampled_from(["done", "reset", "timeout", "budget"])
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 500, 0])
KINDS = st.sampled_from([b"text/event-stream", b"application/json", b"", b"Text/Event-Stream; charset=utf-8"])


@given(
    st.sampled_from(ALL),
    st.booleans(),
    st.sampled_from([Plan.DRAFT, Plan.CASCADE]),
    st.booleans(),
    st.lists(st.tuples(st.booleans(), STATUSES, KINDS, GARBAGE, ENDINGS), min_size=2, max_size=2),
)
def test_garbage_never_raises_and_ends_in_some_outcome(
    dialect: Dialect, stream: bool, plan: Plan, flows: bool, answers: list[tuple[bool, int, bytes, bytes, str]]
):
    policy = Policy(draft_models=POLICY.draft_models, verify_models=POLICY.verify_models, prices=POLICY.prices, stream_text=flows)
    play = Play(dialect, stream=stream, plan=plan, policy=policy)
    for good, status, kind, data, ending in answers:
        if play.over:
            break
        role = play.role
        if good:
            told(play, {}, [])
            continue
        play.handle(CallStarted(play.tick(), status, Headers([("content-type", kind)]), role))
        play.handle(CallData(play.tick(), data, role))
        play.handle(CallEnded(play.tick(), role) if ending == "done" else CallFailed(play.tick(), ending, role))
    assert play.over
    assert play.open == set()
    assert play.outcome in set(Outcome) - {Outcome.DIRECT, Outcome.BYPASSED}
    assert {call.role for call in play.note.calls} == {call.role for call in play.calls}


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("verdict", [{"verdict": "accept"}, {"verdict": "improve"}, {"verdict": "improve", "tool_calls": 1}])
def test_a_streamed_answer_says_what_the_json_answer_says(dialect: Dialect, verdict: dict[str, Any]):
    plays = []
    for stream in (True, False):
        play = Play(dialect, stream=stream, **TOOLS[dialect])
        play.answers()
        play.answers(**verdict)
        plays.append(play)
    streamed, whole = plays
    assert [(block.part, block.text, block.name) for block in streamed.read.blocks] == [
        (block.part, block.text, block.name) for block in whole.read.blocks
    ]
    assert (streamed.read.stop, streamed.outcome, streamed.note.model) == (whole.read.stop, whole.outcome, whole.note.model)
    assert [call.status for call in streamed.note.calls] == [call.status for call in whole.note.calls]


ODD: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 9), st.text(max_size=4), st.just("\ud83d")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["type", "role", "content", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = (
    "max_tokens",
    "stream_options",
    "tools",
    "tool_choice",
    "thinking",
    "stream",
    "messages",
    "input",
    "store",
    "text",
    "response_format",
)
DOUBLED = b'"stream_options":{"include_usage":false,"include_usage":false}'


@given(st.sampled_from(list(PATHS.items())), st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=3), st.booleans(), st.booleans())
def test_no_request_makes_a_session_raise_at_any_of_its_calls(
    spoken: tuple[str, Dialect], fields: dict[str, Any], doubled: bool, drafts: bool
):
    path, dialect = spoken
    body = json.dumps({"model": "big", "stream": True, **ASKED[dialect], **fields}).encode()
    if doubled and "stream_options" not in fields:
        body = body[:-1] + b"," + DOUBLED + b"}"
    policy = Policy(draft_models=POLICY.draft_models, verify_models=POLICY.verify_models, skip_below=0.0, prices=POLICY.prices)
    session = Session(Surroundings(policy, RefusalMemory(300)), "ab" * 16)
    session.handle(RequestHeaders(1.0, Headers([(":path", path.encode())]), False))
    first = session.handle(RequestBody(1.0, body))
    assert first
    if any(isinstance(command, Call) for command in first):
        stream = fields.get("stream", True) is True
        kind = ("content-type", b"text/event-stream" if stream else b"application/json")
        second = session.handle(CallStarted(2.0, 200 if drafts else 500, Headers([kind]), Role.DRAFT))
        second += session.handle(CallData(2.0, b"".join(Play(dialect, stream=stream).says()), Role.DRAFT))
        second += session.handle(CallEnded(2.0, Role.DRAFT))
        assert [command.role for command in second if isinstance(command, Call)] == [Role.VERIFY]


@given(st.sampled_from(ALL), st.booleans(), st.booleans(), DRAFTS, VERDICTS, st.integers(0, 200))
def test_a_client_may_leave_at_any_moment(
    dialect: Dialect, stream: bool, announced: bool, draft: dict[str, Any], verdict: dict[str, Any], moment: int
):
    play = Play(dialect, stream=stream, announced=announced, **TOOLS[dialect])
    events = 0
    for profile in (draft, verdict):
        if play.over or not play.open:
            break
        frames, _ = play.script(**profile)
        role = play.role
        script: list[Event] = [CallStarted(play.now, 200, Headers([("content-type", b"text/event-stream")]), role)]
        script += [CallData(play.now, frame.data, role) for frame in frames]
        for event in [*script, CallEnded(play.now, role)]:
            if events == moment:
                break
            events += 1
            play.handle(event)
    if play.over:
        return
    (report,) = play.left()
    assert isinstance(report, Report)
    assert {call.role for call in report.note.calls} == {call.role for call in play.calls}
    assert all(call.ended_s >= call.began_s for call in report.note.calls)
    for role in Role:
        assert play.path.handle(CallData(99.0, b"data: {}\n\n", role)) == play.path.handle(CallEnded(99.0, role)) == []

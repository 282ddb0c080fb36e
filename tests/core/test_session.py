"""One exchange from the first event to the last, as scripts; and what must hold for any script."""

from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.commands import AwaitBody, Call, Command, Forward, Hold, Leave, PassResponse, Reply, Watch
from extproc.core.events import (
    CallData,
    CallEnded,
    CallFailed,
    CallStarted,
    Event,
    Headers,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.core.policy import Policy
from extproc.core.session import Phase, Session, Surroundings
from extproc.core.steps.memory import RefusalMemory
from extproc.core.vocabulary import PROBE_PATH, Dialect, Mode, Outcome, Plan, Role

DIALECTS = (Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
POLICY = Policy(draft_models=dict.fromkeys(DIALECTS, "small"), verify_models=dict.fromkeys(DIALECTS))
NEW_ID = "0" * 31 + "1"

SIMPLE = {
    "/v1/messages": {"model": "asked", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello there!"}]},
    "/v1/chat/completions": {"model": "asked", "messages": [{"role": "user", "content": "Hello there!"}]},
    "/v1/responses": {"model": "asked", "input": "Hello there!"},
}
TOOL = {"name": "read", "description": "reads a file", "input_schema": {"type": "object"}}
AGENT = {**SIMPLE["/v1/messages"], "tools": [TOOL]}


def session(policy: Policy = POLICY, memory: RefusalMemory | None = None) -> Session:
    return Session(Surroundings(policy, memory or RefusalMemory(300)), NEW_ID)


def headers(path: str, *more: tuple[str, bytes], end: bool = False) -> RequestHeaders:
    return RequestHeaders(1.0, Headers([(":method", b"POST"), (":path", path.encode()), *more]), end)


def status(code: int) -> ResponseHeaders:
    return ResponseHeaders(2.0, Headers([(":status", b"%d" % code)]), False)


def run(made: Session, *events: Event) -> list[Command]:
    return [command for event in events for command in made.handle(event)]


def forwarded(body: object, path: str = "/v1/messages", policy: Policy = POLICY) -> tuple[Forward, list[Command]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    first, second, *rest = run(session(policy), headers(path), RequestBody(1.0, raw))
    assert first == AwaitBody()
    assert isinstance(second, Forward)
    return second, rest


@pytest.mark.parametrize("path", SIMPLE)
def test_a_simple_request_is_carried_to_the_draft_in_three_messages(path: str):
    raw = json.dumps(SIMPLE[path]).encode()
    made = session()
    commands = run(made, headers(path + "?beta=true"), RequestBody(1.0, raw), status(200))
    assert [type(command) for command in commands] == [AwaitBody, Forward, PassResponse, Leave]
    forward = commands[1]
    assert isinstance(forward, Forward)
    assert (forward.role, forward.body) == (Role.DRAFT, raw.replace(b"asked", b"small"))
    assert (forward.note.outcome, forward.note.model, forward.note.requested_model) == (Outcome.SKIPPED, "small", "asked")
    assert made.phase is Phase.DONE


def test_an_agents_new_instruction_goes_straight_to_verify_in_two_messages():
    forward, rest = forwarded(AGENT)
    assert rest == [Leave()]
    assert (forward.role, forward.body) == (None, None)
    assert (forward.note.outcome, forward.note.plan, forward.note.model) == (Outcome.DIRECT, Plan.DIRECT, "asked")


def test_a_named_verify_model_changes_the_model_value_and_nothing_else():
    policy = Policy(verify_models={Dialect.ANTHROPIC: "big"})
    forward, _ = forwarded(AGENT, policy=policy)
    assert forward.body == json.dumps(AGENT).encode().replace(b"asked", b"big")
    assert forward.role is None


def test_a_models_name_is_shown_without_what_could_break_a_header_or_a_log():
    forward, _ = forwarded({**AGENT, "model": "evil\r\nx-injected: 1 é" + "y" * 500})
    assert forward.note.model == forward.note.requested_model == "evil??x-injected:?1??" + "y" * 99
    assert forward.body is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"model":1,"messages":[]}', b'{"messages":[]}', b'{"model":"m","model":"n","messages":[]}', b"\xff\xfe"],
)
def test_what_cannot_be_read_is_left_alone_and_says_so(body: bytes):
    forward, rest = forwarded(body)
    assert rest == [Leave()]
    assert (forward.role, forward.body, forward.note.outcome) == (None, None, Outcome.BYPASSED)
    assert len(forward.note.rules) == 1


def test_an_encoded_body_is_left_alone():
    commands = run(session(), headers("/v1/messages", ("content-encoding", b"zstd")), RequestBody(1.0, b"(\xb5/\xfd"))
    assert isinstance(commands[1], Forward)
    assert commands[1].note.rules == ("encoded_body",)


def test_a_request_without_a_body_ends_with_its_headers():
    forward, leave = run(session(), headers("/v1/messages", end=True))
    assert isinstance(forward, Forward)
    assert (forward.note.rules, leave) == (("empty_body",), Leave())


def test_other_paths_are_left_alone():
    (forward, _) = run(session(), headers("/v1/embeddings"))
    assert isinstance(forward, Forward)
    assert (forward.note.outcome, forward.note.rules) == (Outcome.BYPASSED, ("not_an_llm_call",))


def test_mode_off_leaves_everything_alone():
    (forward, _) = run(session(Policy(mode=Mode.OFF)), headers("/v1/messages"))
    assert isinstance(forward, Forward)
    assert forward.note.rules == ("mode_off",)


def test_the_probe_is_answered_here():
    reply, leave = run(session(), headers(PROBE_PATH, end=True))
    assert isinstance(reply, Reply)
    assert (reply.status, leave) == (200, Leave())


def test_the_clients_own_trace_is_kept():
    client = ("traceparent", b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01")
    commands = run(session(), headers("/v1/messages", client), RequestBody(1.0, b"{}"))
    assert isinstance(commands[1], Forward)
    assert commands[1].note.trace_id == "ab" * 16
    commands = run(session(), headers("/v1/messages", ("traceparent", b"nonsense")), RequestBody(1.0, b"{}"))
    assert isinstance(commands[1], Forward)
    assert commands[1].note.trace_id == NEW_ID


def test_a_draft_that_keeps_refusing_is_not_asked_again():
    memory = RefusalMemory(300)
    raw = json.dumps(SIMPLE["/v1/messages"]).encode()
    for _ in range(2):
        commands = run(session(memory=memory), headers("/v1/messages"), RequestBody(1.0, raw), status(400))
        assert [type(command) for command in commands] == [AwaitBody, Forward, Hold, Watch, Call]
    _, forward, leave = run(session(memory=memory), headers("/v1/messages"), RequestBody(3.0, raw))
    assert isinstance(forward, Forward)
    assert (forward.role, forward.note.rules[-1], leave) == (None, "draft_refused_before", Leave())


def test_what_comes_out_of_turn_ends_our_part():
    assert run(session(), status(200)) == [Leave()]
    assert run(session(), headers("/v1/messages"), status(200)) == [AwaitBody(), Leave()]


def test_a_session_does_not_keep_itself_alive():
    made = session()
    run(made, headers("/v1/messages"), RequestBody(1.0, json.dumps(SIMPLE["/v1/messages"]).encode()), status(500))
    gone = weakref.ref(made)
    gc.disable()
    try:
        del made
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("mode", "share", "body", "shadowed"),
    [
        (Mode.SHADOW, 1.0, SIMPLE["/v1/messages"], True),
        (Mode.SHADOW, 0.0, SIMPLE["/v1/messages"], False),
        (Mode.SHADOW, 1.0, AGENT, False),  # would be direct anyway
        (Mode.ENFORCE, 1.0, SIMPLE["/v1/messages"], False),
    ],
)
def test_a_sampled_request_is_kept_for_its_shadow(mode: Mode, share: float, body: object, shadowed: bool):
    made = session(replace(POLICY, mode=mode, shadow_sample=share))
    run(made, headers("/v1/messages"), RequestBody(1.0, json.dumps(body).encode()))
    assert (made.shadowed is not None) is shadowed
    if made.shadowed is not None:
        assert (made.shadowed.note.plan, made.shadowed.note.wanted, made.phase) == (Plan.DIRECT, Plan.DRAFT, Phase.DONE)
        assert made.shadowed.fence


BODIES = st.one_of(st.binary(max_size=60), st.sampled_from([json.dumps(body).encode() for body in (*SIMPLE.values(), AGENT)]))
PATHS_SEEN = st.sampled_from([*SIMPLE, "/v1/models", PROBE_PATH, ""])
STATUSES = st.sampled_from([0, 200, 302, 400, 503])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(lambda path, end: headers(path, end=end), PATHS_SEEN, st.booleans()),
    st.builds(RequestBody, st.just(1.0), BODIES),
    st.builds(status, STATUSES),
    st.builds(ResponseBody, st.just(2.0), st.binary(max_size=9), st.booleans()),
    st.builds(ResponseTrailers, st.just(2.0)),
    st.builds(CallStarted, st.just(2.0), STATUSES, st.just(Headers([]))),
    st.builds(CallData, st.just(2.0), st.binary(max_size=9)),
    st.builds(CallEnded, st.just(2.0)),
    st.builds(CallFailed, st.just(2.0), st.sampled_from(["connect", "reset", "new kind"])),
)


@given(st.lists(EVENTS, max_size=12))
def test_no_script_raises_and_nothing_follows_the_end(events: list[Event]):
    made = session()
    for event in events:
        was_done = made.phase is Phase.DONE
        commands = made.handle(event)
        if was_done:
            assert commands == []
        assert not any(isinstance(command, Leave) for command in commands[:-1])

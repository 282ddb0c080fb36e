"""Held responses: the time in between. Signs of life, Envoy's placeholder whenever it comes, clients that leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.core.commands import Hold, Leave, Report, SendBody
from extproc.core.dialects import DIALECTS
from extproc.core.events import CallData, CallEnded
from extproc.core.vocabulary import Dialect, Outcome, Plan, Role
from extproc.core.wire.sse import SseParser
from tests.core.paths.playbook import ALL, Play, drafted, ends

each = pytest.mark.parametrize("dialect", ALL)
PING = DIALECTS[Dialect.ANTHROPIC].keepalive()


def test_a_waiting_client_hears_something_every_few_seconds():
    play = Play()
    play.started()
    for _ in range(2):
        assert play.waited(2.5) == []
        assert play.waited(1.25) == [SendBody(PING)]


def test_it_is_heard_also_while_the_model_writes():
    play = Play()
    play.started()
    play.now += 5
    assert play.data(*play.says()[:1]) == [SendBody(PING)]


@pytest.mark.parametrize("begun", [True, False])
def test_it_is_heard_while_the_verify_model_thinks_and_never_in_its_answer(begun: bool):
    play = drafted() if begun else Play()
    if not begun:
        play.started(500)
        assert play.waited(60) == []  # nothing has begun yet, so an error may still have a status
        play.started()
    else:
        assert play.waited(5) == [SendBody(PING)]
        play.started()
        assert play.waited(5) == [SendBody(PING)]
    play.data(*play.says(verdict="improve")[:6])
    assert play.waited(60) == []
    play.data(*play.says(verdict="improve")[6:])
    play.ended()
    assert play.relayed.startswith(PING * 2 if begun else b"event: message_start")
    assert ends(play.client) == 1


def test_it_is_not_heard_behind_an_accepted_draft():
    play = drafted()
    play.started()
    play.data(*play.says(verdict="accept", chatter=True)[:8])
    assert ends(play.client) == 0
    play.waited(60)  # a judge that has said its word and then nothing: its usage is not worth more patience
    assert (ends(play.client), play.outcome, play.open) == (1, Outcome.ACCEPTED, set())
    assert play.waited(60) == []


@each
def test_an_answer_whose_last_event_is_here_does_not_wait_for_its_connection(dialect: Dialect):
    play = drafted(dialect=dialect)
    play.started()
    play.data(*play.says(verdict="improve"))
    assert ends(play.client) == 0
    play.waited(60)
    assert (ends(play.client), play.outcome, play.open) == (1, Outcome.ENHANCED, set())


def test_a_json_answer_begins_with_its_end():
    play = drafted(stream=False)
    assert play.waited(60) == []
    assert not play.begun


@each
@pytest.mark.parametrize("verdict", ["accept", "improve"])
def test_keepalives_do_not_hurt_the_answer(dialect: Dialect, verdict: str):
    play = Play(dialect)
    play.started()
    play.waited(6)
    play.data(*play.says())
    play.ended()
    play.waited(6)
    play.answers(verdict=verdict)
    assert play.read.whole
    assert play.read.text.startswith("small on" if verdict == "accept" else "big")
    assert ends(play.client) == 1


@pytest.mark.parametrize("verdict", ["accept", "improve"])
def test_where_no_state_is_kept_a_held_response_has_one_id_of_ours(verdict: str):
    play = Play(Dialect.OPENAI_RESPONSES, store=False)
    play.started()
    (began,) = play.waited(5)
    assert began.data.startswith(b"event: response.created")
    (ping,) = play.waited(5)
    assert ping.data.startswith(b"event: keepalive")
    play.data(*play.says())
    play.ended()
    play.answers(verdict=verdict)
    events = [event for event in SseParser().feed(play.client) if b'"response":' in event.data]
    assert len(events) > 3
    assert all(b'"id":"resp_' + b"ab" * 16 + b'"' in event.data for event in events)
    assert play.read.id == "resp_" + "ab" * 16


def test_where_state_is_kept_the_id_is_the_providers_and_the_sign_a_comment():
    play = Play(Dialect.OPENAI_RESPONSES)
    play.started()
    (sign,) = play.waited(5)
    assert sign.data == b": keepalive\n\n"
    play.data(*play.says())
    play.ended()
    said = play.answers(verdict="improve")
    assert play.relayed == sign.data + said


def test_without_a_wait_the_id_is_the_providers_anyway():
    play = drafted(Dialect.OPENAI_RESPONSES, store=False)
    assert play.answers(verdict="improve") == play.relayed


def test_an_answer_without_an_id_does_not_lend_ours_to_empty_texts():
    play = Play(Dialect.OPENAI_RESPONSES, store=False, plan=Plan.DRAFT)
    play.started()
    play.waited(5)
    events = [event.replace(play_id(event), b'"id":""') if b'"response":' in event else event for event in play.says()]
    play.data(*events)
    play.ended()
    assert play.outcome is Outcome.SKIPPED
    assert b'"text":"resp_' not in play.client
    assert b'"delta":"resp_' not in play.client


def play_id(event: bytes) -> bytes:
    start = event.index(b'"id":"resp_')
    return event[start : event.index(b'"', start + 6) + 1]


def _accepted(play: Play) -> None:
    play.answers()
    play.answers(verdict="accept")


def _improved(play: Play) -> None:
    play.answers()
    play.answers(verdict="improve")


def _refused(play: Play) -> None:
    play.started(500)
    play.started(429)
    play.data(b'{"error":{"message":"no"}}')
    play.ended()


def _failed(play: Play) -> None:
    play.started()
    play.failed("reset")
    play.failed("connect")


SCRIPTS: dict[str, Callable[[Play], None]] = {"accepted": _accepted, "improved": _improved, "refused": _refused, "failed": _failed}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_client_gets_the_same_whenever_envoy_announces_its_placeholder(stream: bool, script: str):
    usual = Play(stream=stream)
    SCRIPTS[script](usual)
    late = Play(stream=stream, announced=False)
    SCRIPTS[script](late)
    assert not late.begun
    late.announced()
    assert isinstance(late.commands[-1], Leave)
    assert (late.client, late.start.status, late.start.headers, late.start.remove) == (
        usual.client,
        usual.start.status,
        usual.start.headers,
        usual.start.remove,
    )
    assert (late.outcome, late.reasons) == (usual.outcome, usual.reasons)
    assert not any(isinstance(command, Hold) for command in late.commands)


def test_a_placeholder_in_between_lets_out_what_has_gathered():
    usual, play = Play(), Play(announced=False)
    for one in (usual, play):
        one.started()
        one.data(*one.says())
        one.ended()
    assert play.announced()[0] == play.start
    for one in (usual, play):
        one.answers(verdict="improve")
    assert play.client == usual.client


def to(state: str, *, stream: bool) -> Play:
    """A play in this state."""
    play = Play(stream=stream)
    if state == "rescuing":
        play.started(500)
    elif state in {"judging", "settling", "answering"}:
        play.answers()
        play.started()
    elif state == "refused":
        play.started(500)
        play.started(429)
        play.data(b'{"error"')
    if state == "settling":
        play.data(*play.says(verdict="accept", chatter=True)[:8])
    elif state == "answering":
        play.data(*play.says(verdict="improve")[:8])
    assert play.path._state.value == state
    return play


@pytest.mark.parametrize("state", ["drafting", "judging", "settling", "rescuing", "answering", "refused"])
def test_a_client_that_leaves_is_reported_with_what_its_calls_cost(state: str):
    play = to(state, stream=True)
    role = play.role
    (report,) = play.left()
    assert isinstance(report, Report)
    assert {call.role for call in report.note.calls} == {call.role for call in play.calls}
    (running,) = [call for call in report.note.calls if call.role is role]
    assert running.ended_s > running.began_s
    assert running.error == "cancelled"
    assert running.usage is not None
    for event in (CallData(play.now, b"event: late\n\n", role), CallEnded(play.now, role)):
        assert play.path.handle(event) == []


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_placeholder_is_reported_too(stream: bool):
    play = Play(stream=stream, announced=False)
    play.answers()
    play.answers(verdict="accept")
    (report,) = play.left()
    assert isinstance(report, Report)
    assert [call.error for call in report.note.calls] == ["", ""]


def test_what_was_read_of_a_broken_answer_is_guessed_at():
    play = Play()
    play.started()
    play.data(*play.says()[:20])
    play.left()
    told = play.told_of(Role.DRAFT)
    assert told.usage is not None
    assert told.usage.output >= 1
    assert told.cost_usd

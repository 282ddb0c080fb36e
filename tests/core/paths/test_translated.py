"""Held responses whose models speak other dialects than the client: every pair, every outcome, streamed and whole."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.core.answers import Part
from extproc.core.commands import SendBody
from extproc.core.policy import Tongue
from extproc.core.vocabulary import PATH_OF, Dialect, Outcome, Plan, Role
from tests.core.paths.playbook import ALL, POLICY, THINKING, TOOLS, Play, ends

both = pytest.mark.parametrize("stream", [True, False])
foreign = pytest.mark.parametrize(("client", "model"), [pair for pair in itertools.product(ALL, ALL) if pair[0] is not pair[1]])
threesome = pytest.mark.parametrize(
    ("client", "draft", "verify"), [three for three in itertools.product(ALL, ALL, ALL) if len(set(three)) > 1]
)


def speaking(draft: Dialect, verify: Dialect, **more: Any) -> Any:
    """A policy whose models speak one dialect each."""
    tongues = {Role.DRAFT: Tongue(draft, "small"), Role.VERIFY: Tongue(verify, None, forward=True)}
    return replace(POLICY, draft_models={draft: "small"}, verify_models={verify: None}, tongues=tongues, **more)


def play(client: Dialect, draft: Dialect, verify: Dialect, **more: Any) -> Play:
    return Play(client, policy=speaking(draft, verify), **more)


@foreign
@both
def test_a_draft_flows_translated_as_it_comes(client: Dialect, model: Dialect, stream: bool):
    on = play(client, model, client, plan=Plan.DRAFT, checked=False, stream=stream)
    assert on.call.path == PATH_OF[model]
    on.answers()
    assert (on.outcome, on.note.model) == (Outcome.SKIPPED, "small")
    assert on.read.text.startswith("small on")
    assert on.read.whole
    (call,) = on.note.calls
    assert call.usage is not None
    if stream and client is Dialect.OPENAI_CHAT:
        assert on.read.usage is None  # it did not ask
    else:
        assert on.read.usage == call.usage
        assert call.usage.output > 0
    if stream:
        assert ends(on.client) == 1


@foreign
def test_the_first_words_go_out_before_the_last_have_come(client: Dialect, model: Dialect):
    on = play(client, model, client, plan=Plan.DRAFT, checked=False)
    events = on.says()
    on.started()
    on.data(*events[: len(events) // 2])
    assert b"small" in on.client
    assert ends(on.client) == 0


@threesome
@both
def test_a_draft_is_judged_across_dialects(client: Dialect, draft: Dialect, verify: Dialect, stream: bool):
    on = play(client, draft, verify, stream=stream)
    assert on.call.path == PATH_OF[draft]
    on.answers()
    assert (on.role, on.call.path) == (Role.VERIFY, PATH_OF[verify])
    assert "small on" in on.call.body.decode()
    on.answers(verdict="accept")
    assert on.outcome is Outcome.ACCEPTED
    assert on.read.text.startswith("small on")
    assert "USE_DRAFT" not in on.client.decode()


@threesome
@both
def test_an_improved_answer_is_told_in_the_clients_dialect(client: Dialect, draft: Dialect, verify: Dialect, stream: bool):
    on = play(client, draft, verify, stream=stream)
    on.answers()
    on.answers(verdict="improve")
    assert on.outcome is Outcome.ENHANCED
    assert on.read.text.startswith("big puts it this way:")
    assert on.read.whole
    assert not stream or ends(on.client) == 1


@threesome
@both
def test_a_failed_draft_is_rescued_across_dialects(client: Dialect, draft: Dialect, verify: Dialect, stream: bool):
    on = play(client, draft, verify, stream=stream, plan=Plan.DRAFT)
    on.started(500)
    on.data(b"{}")
    on.ended()
    on.answers()
    assert on.outcome is Outcome.RESCUED
    assert on.read.text.startswith("big on")


@foreign
@both
def test_verify_answers_alone(client: Dialect, model: Dialect, stream: bool):
    on = play(client, client, model, plan=Plan.DIRECT, stream=stream)
    assert (on.role, on.call.path) == (Role.VERIFY, PATH_OF[model])
    on.answers()
    assert (on.outcome, on.note.model) == (Outcome.DIRECT, "big")
    assert on.read.text.startswith("big on")


@foreign
@both
def test_verifys_own_error_is_told_in_the_clients_dialect(client: Dialect, model: Dialect, stream: bool):
    on = play(client, client, model, plan=Plan.DIRECT, stream=stream)
    on.started(429, ("retry-after", b"7"), kind=b"application/json")
    on.data(json.dumps({"error": {"type": "rate_limit_error", "message": "slow down"}}).encode())
    on.ended()
    assert on.outcome is Outcome.DIRECT
    assert on.start.status == 429
    assert (("retry-after", b"7") in on.start.headers, ("content-type", b"application/json") in on.start.headers) == (True, True)
    told = json.loads(on.client)
    assert told["error"]["message"] == "slow down"
    assert told["error"]["type"] == "rate_limit_error"
    assert (told.get("type") == "error") == (client is Dialect.ANTHROPIC)


@foreign
def test_an_answer_that_breaks_off_ends_with_the_clients_error_event(client: Dialect, model: Dialect):
    on = play(client, client, model, plan=Plan.DIRECT)
    on.started()
    on.data(*on.says()[:-3])
    on.failed("reset")
    assert on.outcome is Outcome.FAILED
    assert ends(on.client) == 1
    assert not on.read.whole


@foreign
@both
def test_calls_come_back_under_their_own_names(client: Dialect, model: Dialect, stream: bool):
    on = play(client, model, client, plan=Plan.DRAFT, stream=stream, **TOOLS[client])
    on.answers(tool_calls=1)
    (call,) = on.read.calls
    assert (call.name, set(json.loads(call.text))) == ("weather", {"city"})
    assert on.outcome is Outcome.SKIPPED


@foreign
@both
def test_thinking_is_shown_without_a_signature(client: Dialect, model: Dialect, stream: bool):
    on = play(client, client, model, plan=Plan.DIRECT, stream=stream, **THINKING[client])
    on.answers(thinking=True)
    thoughts = [block for block in on.read.blocks if block.part is Part.THINKING]
    assert [block.signature for block in thoughts] == [""] * len(thoughts)
    # Chat Completions has no way to ask for it to be shown, and Responses shows it only where asked.
    assert thoughts or (client, model) == (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)


@foreign
def test_every_cut_of_a_stream_gives_the_same_answer(client: Dialect, model: Dialect):
    told = set()
    for size in (0, 1, 7):
        on = play(client, client, model, plan=Plan.DIRECT)
        on.answers(size=size)
        told.add(b"".join([command.data for command in on.commands if isinstance(command, SendBody)]))
    assert len(told) == 1

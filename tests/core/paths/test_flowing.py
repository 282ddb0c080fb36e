"""Held responses with `check.stream_text`: the text of a checked draft flows at once, its calls are held."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from extproc.core.vocabulary import Dialect, Outcome, Plan, Role
from tests.core.paths.playbook import ALL, POLICY, THINKING, TOOLS, Play, ends

FLOWING = replace(POLICY, stream_text=True)
each = pytest.mark.parametrize("dialect", ALL)


def flowing(dialect: Dialect = Dialect.ANTHROPIC, *, plan: Plan = Plan.DRAFT, **more: Any) -> Play:
    return Play(dialect, plan=plan, policy=FLOWING, **more)


@each
@pytest.mark.parametrize("size", [0, 1, 7])
def test_text_flows_at_once_and_the_end_after_the_checks(dialect: Dialect, size: int):
    play = flowing(dialect)
    play.started()
    events = play.says()
    at = next(number for number, event in enumerate(events) if re.search(rb'"(?:text|delta|content)":"small', event))
    play.data(*events[: at + 1])
    assert b"small" in play.client
    rest = b"".join(events[at + 1 :])
    play.data(*[rest[start : start + (size or 99)] for start in range(0, len(rest), size or 99)])
    assert ends(play.client) == 0
    play.ended()
    assert (play.outcome, ends(play.client)) == (Outcome.SKIPPED, 1)
    assert play.read.whole


@each
def test_what_flowed_reads_as_the_draft(dialect: Dialect):
    plain, play = Play(dialect, plan=Plan.DRAFT, **THINKING[dialect]), flowing(dialect, **THINKING[dialect])
    for one in (plain, play):
        one.answers(thinking=True)
    told = [(block.part, block.text, block.signature) for block in plain.read.blocks]
    assert [(block.part, block.text, block.signature) for block in play.read.blocks] == told
    assert (play.read.id, play.read.model, play.read.stop) == (plain.read.id, plain.read.model, plain.read.stop)


@each
def test_calls_are_held_until_they_are_checked(dialect: Dialect):
    play = flowing(dialect, **TOOLS[dialect])
    play.started()
    play.data(*play.says(tool_calls=1))
    assert b"small" in play.client
    assert b"city" not in play.client
    play.ended()
    assert b"city" in play.client
    assert [call.name for call in play.read.calls] == ["weather"]
    assert (play.outcome, play.read.whole) == (Outcome.SKIPPED, True)


@each
def test_after_a_failed_check_the_rescue_goes_on_in_the_same_message(dialect: Dialect):
    play = flowing(dialect, **TOOLS[dialect])
    play.answers(tool_calls=1, invalid_arguments=True)
    assert play.role is Role.VERIFY
    began = play.client
    assert play.call.body.count(b"small") == 0
    play.answers(tool_calls=1)
    assert play.client.startswith(began)
    assert (play.outcome, play.note.model) == (Outcome.RESCUED, "big")
    answer = play.read
    assert answer.whole
    assert answer.text == "small calls weather.big calls weather."
    assert [call.name for call in answer.calls] == ["weather"]
    assert ends(play.client) == 1


@each
@pytest.mark.parametrize("fault", [{"cut": 12}, {"error": 12}, {"end": 12}])
def test_a_draft_that_breaks_off_in_its_text_is_finished_by_the_verify_model(dialect: Dialect, fault: dict[str, Any]):
    play = flowing(dialect)
    play.answers(**fault)
    assert play.role is Role.VERIFY
    assert b"small" in play.client
    play.answers()
    answer = play.read
    assert (play.outcome, answer.whole, ends(play.client)) == (Outcome.RESCUED, True, 1)
    assert "big on" in answer.text


@each
@pytest.mark.parametrize("fault", [{"cut": 9}, {"error": 9}, {"end": 9}])
def test_both_breaking_off_is_one_error(dialect: Dialect, fault: dict[str, Any]):
    play = flowing(dialect)
    play.answers(cut=12)
    play.answers(**fault)
    assert (play.outcome, ends(play.client)) == (Outcome.FAILED, 1)
    assert play.read.error is not None


@each
def test_a_draft_that_fails_before_any_text_leaves_no_trace(dialect: Dialect):
    play = flowing(dialect)
    play.answers(end=1)
    assert play.relayed == b""
    said = play.answers()
    assert play.relayed == said or dialect is Dialect.OPENAI_CHAT
    assert b"small" not in play.relayed


def test_a_draft_that_is_to_be_judged_does_not_flow():
    play = flowing(plan=Plan.CASCADE)
    play.answers()
    assert play.relayed == b""


def test_a_json_answer_does_not_flow():
    play = flowing(stream=False)
    said = play.answers()
    assert (play.outcome, play.client) == (Outcome.SKIPPED, said)


@each
def test_a_sign_of_life_in_a_text_that_pauses_is_harmless(dialect: Dialect):
    play = flowing(dialect)
    play.started()
    events = play.says()
    play.waited(6)
    play.data(*events[:10])
    assert play.waited(6)
    play.data(*events[10:])
    play.ended()
    assert play.read.whole
    assert play.read.text.startswith("small on")

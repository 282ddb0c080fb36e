"""Held responses: budgets end in the best answer in hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extproc.core.policy import Policy
from extproc.core.vocabulary import Outcome, Role
from tests.core.paths.playbook import POLICY, Play, drafted

both = pytest.mark.parametrize("stream", [True, False])
SPENT: dict[str, dict[str, Any]] = {"calls": {"max_calls": 1}, "dollars": {"max_cost_usd": 0.001}}


def limited(budget: str) -> Policy:
    return replace(POLICY, **SPENT[budget])


@both
@pytest.mark.parametrize("budget", SPENT)
def test_without_budget_for_a_judge_the_checked_draft_is_the_answer(stream: bool, budget: str):
    play = Play(stream=stream, policy=limited(budget))
    said = play.answers()
    assert (play.outcome, play.reasons, len(play.calls)) == (Outcome.FALLBACK, ("over_budget",), 1)
    assert play.relayed == said


@both
@pytest.mark.parametrize("budget", SPENT)
def test_without_budget_for_a_rescue_the_client_is_told(stream: bool, budget: str):
    play = Play(stream=stream, policy=limited(budget))
    play.started(500)
    assert (play.outcome, play.reasons, len(play.calls)) == (Outcome.FAILED, ("draft_status_500", "over_budget"), 1)
    assert (play.start.status, b"no budget is left" in play.client, play.open) == (504, True, set())


def test_time_that_is_up_asks_nobody():
    play = Play()
    play.started()
    play.data(*play.says())
    play.now += 100
    play.ended()
    assert (play.outcome, play.reasons) == (Outcome.FALLBACK, ("over_budget",))


def test_each_call_has_the_time_that_is_left():
    play = Play(policy=replace(POLICY, draft_wall_s=40))
    assert play.call.wall_s == 40
    play.now += 30
    play.answers()
    assert play.call.wall_s == pytest.approx(70, abs=0.1)


def test_a_call_that_outlives_its_time_leaves_the_draft():
    play = drafted()
    play.failed("budget")
    assert (play.outcome, play.reasons) == (Outcome.FALLBACK, ("verify_budget",))


def test_money_that_is_short_shortens_the_answer():
    play = drafted(policy=replace(POLICY, max_cost_usd=0.02))
    assert b'"max_tokens": 2000' not in play.call.body
    assert b'"max_tokens": 8' in play.call.body  # 0.02 $, less what is read, at 20 $ per million


def test_a_judges_answer_has_the_policys_limit_at_most():
    play = drafted(policy=replace(POLICY, verify_max_tokens=500))
    assert b'"max_tokens": 500' in play.call.body
    assert b'"max_tokens": 2000' in play.body


def test_without_prices_money_is_no_limit_and_no_cost():
    play = drafted(policy=replace(POLICY, prices={}, max_cost_usd=0.0))
    play.answers(verdict="improve")
    assert [call.cost_usd for call in play.note.calls] == [None, None]
    assert play.told_of(Role.VERIFY).usage is not None
    assert b"cost_usd" not in play.comment

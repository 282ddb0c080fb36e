"""What one more call may cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Answer, Block, Demands, Part
from extproc.core.policy import Policy, Price
from extproc.core.steps.budget import Room, estimate, for_judging, room, tokens_in
from extproc.core.vocabulary import Role, Usage

PRICE = Price(10.0, 20.0, 1.0, 12.5)
POLICY = Policy(prices={Role.VERIFY: PRICE}, max_wall_s=100, max_calls=2, max_cost_usd=1.0, verify_max_tokens=8192)


def given_room(
    policy: Policy = POLICY,
    demands: Demands = Demands(max_tokens=1000),  # noqa: B008 - frozen
    size: int = 3000,
    known: Usage | None = None,
    calls: int = 1,
    elapsed_s: float = 10.0,
    spent_usd: float = 0.0,
) -> Room | None:
    return room(policy, demands, tokens_in(size, known), calls=calls, elapsed_s=elapsed_s, spent_usd=spent_usd)


def test_within_the_budget_the_clients_own_limit_stands():
    assert given_room() == Room(90.0, None)


def test_time_and_calls_are_hard():
    assert given_room(elapsed_s=100.0) is None
    assert given_room(elapsed_s=200.0) is None
    assert given_room(calls=2) is None


def test_without_a_price_money_is_no_limit():
    assert given_room(replace(POLICY, prices={}, max_cost_usd=0.0)) == Room(90.0, None)


def test_what_is_left_is_what_can_be_written():
    # 1000 tokens are read for 0.01 $, so 0.01 $ is left for 500 tokens.
    assert given_room(replace(POLICY, max_cost_usd=0.02), size=3000) == Room(90.0, 500)
    assert given_room(replace(POLICY, max_cost_usd=0.75), size=3000, spent_usd=0.73) == Room(90.0, 500)


def test_what_the_draft_model_counted_is_better_than_a_guess():
    assert given_room(replace(POLICY, max_cost_usd=0.02), size=999_999, known=Usage(1000, 100)) == Room(90.0, 500)


def test_hardly_any_room_is_none():
    assert given_room(replace(POLICY, max_cost_usd=0.0152)) == Room(90.0, 260)
    assert given_room(replace(POLICY, max_cost_usd=0.015)) is None
    assert given_room(replace(POLICY, max_cost_usd=0.001)) is None


def test_thinking_that_leaves_no_room_for_the_answer_is_none():
    tight = replace(POLICY, max_cost_usd=0.02)
    assert given_room(tight, Demands(max_tokens=1000, thinking_tokens=500)) is None
    assert given_room(tight, Demands(max_tokens=1000, thinking_tokens=499)) == Room(90.0, 500)
    assert given_room(tight, Demands(max_tokens=400, thinking_tokens=399)) == Room(90.0, None)


def test_a_model_that_writes_for_nothing_has_no_limit_but_its_own():
    free = replace(POLICY, prices={Role.VERIFY: Price(10.0, 0.0, 1.0, 1.0)})
    assert given_room(free) == Room(90.0, None)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.floats(0, 2), st.floats(0, 2))
def test_no_call_can_cost_more_than_is_left(size: int, wanted: int, most_usd: float, spent_usd: float):
    found = given_room(replace(POLICY, max_cost_usd=most_usd), Demands(max_tokens=wanted), size, spent_usd=spent_usd)
    if found is not None:
        written = wanted if found.max_tokens is None else found.max_tokens
        assert spent_usd + PRICE.cost_usd(Usage(size // 3, written)) <= most_usd + 1e-6


@pytest.mark.parametrize(
    ("given_tokens", "client", "thinking", "expected"),
    [
        (None, 1000, None, None),
        (500, 1000, None, 500),
        (None, 20_000, None, 8192),
        (None, None, None, 8192),
        (10_000, 20_000, None, 8192),
        (None, 20_000, 10_000, None),
        (12_000, 20_000, 10_000, 12_000),
        (None, 20_000, 4000, 8192),
    ],
)
def test_a_judge_writes_no_more_than_the_policy_lets_it(
    given_tokens: int | None, client: int | None, thinking: int | None, expected: int | None
):
    assert for_judging(Room(9.0, given_tokens), POLICY, Demands(max_tokens=client, thinking_tokens=thinking)) == expected


def test_a_call_that_told_nothing_is_guessed_by_its_bytes():
    answer = Answer(blocks=(Block(Part.THINKING, "x" * 30), Block(Part.TEXT, "y" * 33)))
    assert estimate(3000, answer) == Usage(1000, 21)
    assert estimate(0, Answer()) == Usage(0, 0)

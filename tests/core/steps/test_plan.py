"""From labels to plans: turn kinds first, the score second, what cannot be had last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extproc.core.policy import Policy
from extproc.core.steps.plan import plan
from extproc.core.vocabulary import Dialect, Fired, Label, Mode, Plan, Request, Role, Turn, View

POLICY = Policy(draft_models={Dialect.ANTHROPIC: "small"}, verify_models={Dialect.ANTHROPIC: None, Dialect.OPENAI_CHAT: "big"})


def request(dialect: Dialect = Dialect.ANTHROPIC, view: View | None = None) -> Request:
    return Request(dialect, b'{"model":"asked"}', "asked", 9, 16, False, view or View())


def label(turn: Turn, score: float) -> Label:
    return Label(turn, score, (Fired("a_rule", score),))


@pytest.mark.parametrize(
    ("turn", "score", "chosen", "wanted"),
    [
        (Turn.INTERNAL, 0.9, Plan.DRAFT, None),
        (Turn.FRESH_USER, 0.0, Plan.DIRECT, None),
        (Turn.CHAT, 0.349, Plan.DRAFT, None),
        (Turn.CHAT, 0.35, Plan.CASCADE, None),
        (Turn.CHAT, 0.849, Plan.CASCADE, None),
        (Turn.CHAT, 0.85, Plan.DIRECT, None),
        (Turn.TOOL_CONTINUATION, 0.0, Plan.DRAFT, None),
        (Turn.TOOL_CONTINUATION, 0.5, Plan.CASCADE, None),
        (Turn.TOOL_CONTINUATION, 1.0, Plan.DIRECT, None),
    ],
)
def test_turn_and_score_choose_the_plan(turn: Turn, score: float, chosen: Plan, wanted: Plan | None):
    decision = plan(request(), label(turn, score), POLICY)
    assert (decision.plan, decision.wanted) == (chosen, wanted)
    assert decision.role is (Role.VERIFY if chosen is Plan.DIRECT else Role.DRAFT)
    assert decision.model == ("asked" if chosen is Plan.DIRECT else "small")
    assert decision.rules[0] == "a_rule"


@pytest.mark.parametrize(
    ("view", "score", "rule"),
    [
        (View(forced_tool=True, tools=1), 0.5, "cannot_be_judged"),
        (View(json_schema=True), 0.5, "cannot_be_judged"),
        (View(prefill=True), 0.5, "cannot_be_judged"),
        (View(several_answers=True), 0.0, "several_answers"),
    ],
)
def test_what_cannot_be_judged_goes_to_verify(view: View, score: float, rule: str):
    decision = plan(request(view=view), label(Turn.CHAT, score), POLICY)
    assert (decision.plan, decision.rules[-1]) == (Plan.DIRECT, rule)


def test_forced_forms_can_be_drafted_because_they_can_be_checked():
    for view in (View(forced_tool=True, tools=1), View(json_schema=True)):
        decision = plan(request(view=view), label(Turn.CHAT, 0.0), POLICY)
        assert (decision.plan, decision.checked) == (Plan.DRAFT, True)
    assert not plan(request(), label(Turn.CHAT, 0.0), POLICY).checked


def test_tools_can_be_kept_from_the_draft_model():
    policy = replace(POLICY, tools_checked=False)
    decision = plan(request(view=View(tools=1)), label(Turn.TOOL_CONTINUATION, 0.0), policy)
    assert (decision.plan, decision.rules[-1]) == (Plan.DIRECT, "tools_direct")


def test_verify_stand_in_is_named():
    decision = plan(request(Dialect.OPENAI_CHAT), label(Turn.FRESH_USER, 0.5), POLICY)
    assert decision.model == "big"


def test_a_draft_that_does_not_speak_the_dialect_is_passed_over():
    decision = plan(request(Dialect.OPENAI_CHAT), label(Turn.CHAT, 0.0), POLICY)
    assert (decision.plan, decision.wanted, decision.rules[-1]) == (Plan.DIRECT, Plan.DRAFT, "draft_lacks_dialect")


def test_a_dialect_that_verify_does_not_speak_is_left_alone():
    decision = plan(request(Dialect.OPENAI_RESPONSES), label(Turn.CHAT, 0.0), POLICY)
    assert (decision.plan, decision.role, decision.model) == (Plan.BYPASS, None, "asked")
    assert decision.rules[-1] == "dialect_not_served"


def test_a_draft_that_refused_before_is_not_asked():
    decision = plan(request(), label(Turn.CHAT, 0.0), POLICY, draft_blocked=True)
    assert (decision.plan, decision.wanted, decision.rules[-1]) == (Plan.DIRECT, Plan.DRAFT, "draft_refused_before")


def test_shadow_mode_only_says_what_it_would_have_done():
    policy = Policy(mode=Mode.SHADOW, draft_models=POLICY.draft_models, verify_models=POLICY.verify_models)
    decision = plan(request(), label(Turn.CHAT, 0.0), policy)
    assert (decision.plan, decision.wanted, decision.rules[-1]) == (Plan.DIRECT, Plan.DRAFT, "shadow_mode")

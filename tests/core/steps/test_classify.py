"""Each rule fires for what it is there for; the score is bounded; the policy may change all weights."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.turns import turn_of
from extproc.core.vocabulary import Dialect, Effort, Label, Policy, Request, Turn, View


def said(text: str, **more: object) -> View:
    return View(last_user_text=text, conversation_bytes=len(text), messages=1, **more)  # type: ignore[arg-type]


def judged(view: View, policy: Policy | None = None) -> Label:
    return classify(Request(Dialect.ANTHROPIC, b"{}", "m", 0, 0, False, view), policy or Policy())


FIRES: dict[str, View] = {
    "server_held": said("go on", server_state=True),
    "summary_of_history": msgspec.structs.replace(said("Summarize our conversation so far."), messages=30),
    "calls_without_tools": said("go on", calls_in_history=True),
    "text_protocol": said(
        "done",
        system_text="You work in a terminal. Answer with one command at a time; its output comes back as an observation. To edit a file of "
        "the repository, write the action in ``` fences. The tool executes what you write, so write nothing else around it. " * 2,
    ),
    "short_request": said("Read it."),
    "long_request": said("and then " * 500),
    "long_conversation": msgspec.structs.replace(said("When?"), conversation_bytes=100_000),
    "many_messages": msgspec.structs.replace(said("When?"), messages=30),
    "keyword_design": said("Design an event bus."),
    "keyword_debug": said("What is the root cause?"),
    "keyword_prove": said("Prove it by induction."),
    "keyword_optimise": said("Reduce the time complexity."),
    "keyword_security": said("Is this vulnerable to injection?"),
    "keyword_concurrency": said("Is there a data race?"),
    "keyword_refactor": said("Refactoring this would help."),
    "keyword_implement": said("Implement a ring buffer."),
    "keyword_analyse": said("Analyse the results."),
    "keyword_plan": said("Draw up a roadmap."),
    "keyword_stakes": said("Which dosage is right?"),
    "explanation": said("Explain the tides."),
    "long_output": said("Write an essay about bees."),
    "many_constraints": said("It must rhyme, should be short, never boring, only nouns, exactly four lines."),
    "many_questions": said("Who? What? Where?"),
    "greeting": said("Good evening!"),
    "lookup": said("What is the boiling point of water?"),
    "simple_edit": said("Fix the spelling: recieve"),
    "simple_list": said("Name two rivers."),
    "short_answer": said("Yes or no: is it far?"),
    "code": said("```\nx = 1\n```"),
    "stack_trace": said("Traceback (most recent call last):\n  ..."),
    "diff": said("Look:\n@@ -1 +1 @@"),
    "maths": said("Evaluate \\sum_k k"),
    "word_problem": said("Ann has 3 bags of 4 pears and eats 2. How many are left?"),
    "images": said("What is it?", images=1),
    "documents": said("What is it?", documents=1),
    "thinking": said("Choose.", effort=Effort.HIGH),
    "json_schema": said("Choose.", json_schema=True),
    "prefill": said("Choose.", prefill=True),
    "stop_sequences": said("Choose.", stop_sequences=True),
    "tool_errors": said("Choose.", tool_errors=1),
    "dissatisfied": msgspec.structs.replace(said("That is still not it."), messages=3),
    "repeated": said("Shorten this line for me.", earlier_user_texts=("Shorten this line for me.",)),
    "not_english": said("Bitte ordne diese Liste nach dem Datum."),
    "nothing_to_judge": said(""),
}


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_each_rule_fires_for_its_example_and_says_why(rule: str):
    assert rule in {fired.name for fired in judged(FIRES[rule]).rules}
    assert next(one for one in RULES if one.name == rule).reason


def test_the_heaviest_rule_comes_first_and_the_score_is_bounded():
    label = judged(
        said("Prove it. " + "Debug, refactor, design, secure and optimise the scheduler. " * 9, effort=Effort.HIGH, server_state=True)
    )
    weights = [abs(fired.weight) for fired in label.rules]
    assert weights == sorted(weights, reverse=True)
    assert label.score == 1.0
    assert judged(said("Hi!")).score == 0.0


def test_the_policy_changes_weights_switches_rules_off_and_adds_its_own():
    view = said("Prove it, please: the general ledger balances with invoice 7.")
    policy = Policy(
        weights={"keyword_prove": 0.0, "short_request": -0.2, "ledger": 0.5, "invoices": 0.1},
        keywords={"ledger": ("General Ledger",), "invoices": ("invoice", "bill")},
    )
    fired = {one.name: one.weight for one in judged(view, policy).rules}
    assert "keyword_prove" not in fired
    assert (fired["short_request"], fired["ledger"], fired["invoices"]) == (-0.2, 0.5, 0.1)
    assert "ledger" not in {one.name for one in judged(said("Hello"), replace(policy)).rules}


@pytest.mark.parametrize(
    ("view", "turn"),
    [
        (said("Hello"), Turn.CHAT),
        (said("Hello", tools=1), Turn.FRESH_USER),
        (said("Hello", tools=1, ends_with_tool_result=True), Turn.TOOL_CONTINUATION),
        (said("quota", max_output_tokens=1), Turn.INTERNAL),
        (said("x", system_text="Write a short title for this conversation."), Turn.INTERNAL),
        (said("What is the title of this book?"), Turn.CHAT),
        (said("x", system_text="You may suggest a title for the session.", tools=1), Turn.FRESH_USER),
        (said("The user stepped away. Where do things stand?", tools=1), Turn.INTERNAL),
        (said("Write a title for this chat.", server_state=True), Turn.CHAT),
        (msgspec.structs.replace(said("Write a title for this chat."), conversation_bytes=90_000), Turn.CHAT),
    ],
)
def test_turn_kinds(view: View, turn: Turn):
    assert turn_of(view) is turn


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, peux-tu m'aider ?",
        "これは何ですか？説明してください。",
        "Опиши различия между этими вариантами",
        "Kun je deze tekst samenvatten alsjeblieft",
    ],
)
def test_other_languages_are_not_simple_for_want_of_keywords(text: str):
    assert judged(said(text)).score >= 0.35


@pytest.mark.parametrize(
    "text", ["Hi!", "Tell me a joke.", "What time is it in Lima?", "Translate 'cat' to Welsh.", "Thanks a lot!", "Read config.toml."]
)
def test_plain_small_talk_and_look_ups_are_simple(text: str):
    assert judged(said(text)).score < 0.35

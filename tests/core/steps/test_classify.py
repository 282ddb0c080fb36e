"""Each rule fires for what it is there for; the score is bounded; the policy may change all weights."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from extproc.core.policy import Policy
from extproc.core.steps.classify import RULES, classify
from extproc.core.steps.turns import turn_of
from extproc.core.vocabulary import Dialect, Effort, Label, Request, Turn, View


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
        (said("Is this spam? Answer y or n.", max_output_tokens=1), Turn.CHAT),
        (said("x", system_text="Write a short title for this conversation."), Turn.INTERNAL),
        (said("x", system_text="client=cli 1.2\nGive this chat a title: six words, no quotes."), Turn.INTERNAL),
        (said("x", system_text="You are a title generator. You output nothing else."), Turn.INTERNAL),
        (said("x", system_text="You are a physicist. Write each answer with a title, then the proof."), Turn.CHAT),
        (said("x", system_text="Write a title and a full article about the topic."), Turn.CHAT),
        (said("### Task:\nGenerate a concise title for the chat history below.", tools=1), Turn.INTERNAL),
        (said("Write a query that returns the title of every chat."), Turn.CHAT),
        (said("Write a Python function that extracts the title of a thread."), Turn.CHAT),
        (said("Create the schema: books(title), then prove that it is normal."), Turn.CHAT),
        (said("Command: ls\nOutput: a.py", system_text="Extract any file paths that the command shows."), Turn.INTERNAL),
        (said("List all file paths with a race condition and fix them."), Turn.CHAT),
        (said("<policy_spec>none</policy_spec>\nCommand: ls"), Turn.INTERNAL),
        (said("The command prefix of my bot does not work, find out why."), Turn.CHAT),
        (said("[SUGGESTION MODE: what comes next?]", tools=3), Turn.INTERNAL),
        (said("Predict what the user will type: design an autocompletion."), Turn.CHAT),
        (said("What is the title of this book?"), Turn.CHAT),
        (said("x", system_text="You may suggest a title for the session.", tools=1), Turn.FRESH_USER),
        (said("The user stepped away. Where do things stand?", tools=1), Turn.INTERNAL),
        (said("Design presence: when the user is away, messages queue up.", tools=1), Turn.FRESH_USER),
        (said("Write a title for this chat.", server_state=True), Turn.CHAT),
        (msgspec.structs.replace(said("Write a title for this chat."), conversation_bytes=90_000), Turn.CHAT),
    ],
)
def test_turn_kinds(view: View, turn: Turn):
    assert turn_of(view) is turn


@pytest.mark.parametrize(
    ("words", "text", "fires"),
    [
        ("general ledger", "Close the General Ledger, please.", True),
        ("ai act", "The AI actor forgot his lines.", False),
        ("C++", "Port it to c++ now.", True),
        ("c++", "A vitamin C tablet.", False),
        ("Überweisung", "Wo bleibt die Überweisung?", True),
        ("合同", "请检查这份合同。", True),
        ("doesn't add up", "It doesn’t add up.", True),
        ("$", "It costs $3.", True),
        ("bill", "Ask Billy.", False),
    ],
)
def test_an_operators_own_words_stand_alone(words: str, text: str, fires: bool):
    label = judged(said(text), Policy(weights={"own": 0.3}, keywords={"own": (words,)}))
    assert ("own" in {fired.name for fired in label.rules}) is fires


def test_an_own_rule_of_no_weight_does_not_fire():
    assert "own" not in {fired.name for fired in judged(said("ledger"), Policy(weights={"own": 0.0}, keywords={"own": ("ledger",)})).rules}


@pytest.mark.parametrize(
    ("word", "family"),
    [
        ("debugging", "keyword_debug"),
        ("scalable", "keyword_design"),
        ("concurrent", "keyword_concurrency"),
        ("linearizable", "keyword_concurrency"),
        ("vulnerabilities", "keyword_security"),
        ("cryptographic", "keyword_security"),
        ("optimisation", "keyword_optimise"),
        ("synchronised", "keyword_concurrency"),
        ("derivatives", "keyword_prove"),
        ("implementation", "keyword_implement"),
        ("critique", "keyword_analyse"),
        ("strategies", "keyword_plan"),
        ("medication", "keyword_stakes"),
    ],
)
def test_words_are_known_with_their_endings(word: str, family: str):
    assert family in {fired.name for fired in judged(said(f"Think about {word}.")).rules}


@pytest.mark.parametrize("word", ["improve", "plant", "planet", "province", "classic", "security's", "racecourse"])
def test_words_that_only_look_alike_are_not(word: str):
    families = {fired.name for fired in judged(said(f"Think about {word}.")).rules if fired.name.startswith("keyword_")}
    assert families <= ({"keyword_security"} if word == "security's" else set())


@pytest.mark.parametrize(
    "material",
    [
        "```\nprove deadlock\n```",
        "> prove it\n> deadlock",
        "<document index='1'>prove the deadlock</document>",
        "<logs>prove</logs> and <logs>deadlock</logs>",
    ],
)
def test_words_in_what_is_quoted_do_not_count(material: str):
    names = {fired.name for fired in judged(said(f"Which line is the longest?\n{material}\n")).rules}
    assert not names & {"keyword_prove", "keyword_debug"}


@pytest.mark.parametrize("material", ["<document>prove it</document>", "<document>never closed, prove it", "> prove it"])
def test_where_nothing_else_is_said_it_does(material: str):
    assert "keyword_prove" in {fired.name for fired in judged(said(material)).rules}


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, peux-tu m'aider ?",
        "Quel est le format du fichier joint ?",
        "Explique la relativité",
        "これは何ですか？説明してください。",
        "Опиши различия между этими вариантами",
        "Kun je deze tekst samenvatten alsjeblieft",
    ],
)
def test_other_languages_are_not_simple_for_want_of_keywords(text: str):
    assert judged(said(text)).score >= 0.35


@pytest.mark.parametrize(
    "text",
    [
        "Hi!",
        "Tell me a joke.",
        "What time is it in Lima?",
        "Translate 'cat' to Welsh.",
        "Thanks a lot!",
        "Read config.toml.",
        "Who won the race in 1996?",
        "Rename x to total in: x = 1",
        "What is a class in Python?",
    ],
)
def test_plain_small_talk_and_look_ups_are_simple(text: str):
    assert judged(said(text)).score < 0.35


@pytest.mark.parametrize(
    "text",
    [
        "Write a query that gives the second highest salary.",
        "Write a function that reverses a linked list.",
        "Why does this page render twice?",
        "Compare event sourcing with plain tables for our ledger.",
        "A tap fills 3 buckets in 4 minutes; when are 12 full?",
        "Is this contract valid?",
    ],
)
def test_short_requests_that_are_not_simple_do_not_pass_for_it(text: str):
    assert judged(said(text)).score >= 0.35


@pytest.mark.parametrize(
    "text",
    [
        "<document>" * 800,
        "```" * 2_600,
        "title " * 1_300,
        "<system-reminder>" * 400,
        "1," * 4_000,
        "> " * 4_000,
        "\\" * 8_000,
        "don't " * 1_300,
    ],
)
def test_no_text_is_dear_to_judge(text: str):
    """Not timed here: a pattern that runs away would meet the time limit of the test."""
    policy = Policy(weights={"own": 0.1}, keywords={"own": ("don't do", "title of the title")})
    assert 0.0 <= judged(said(text, system_text=text), policy).score <= 1.0

"""A simulated verify model judges drafts, asked as the sidecar asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.answers import Answer, Block, Part
from extproc.core.steps.judge import Ruling, Verdict, instruction
from extproc.core.vocabulary import Dialect
from extproc.simulator import text as wording
from extproc.simulator.answer import Stop, compose
from extproc.simulator.ask import Ask, Tool
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.judge import draft_in
from extproc.simulator.profile import Profile
from extproc.simulator.tokens import InputTokens, estimate_text

GOOD = wording.answer("draft-small", "Name three colours", 60)
TOOLS = (Tool("draft", b"{}"), Tool("get_weather", b"{}"))
CALL = Block(Part.CALL, '{"city":"Oslo"}', name="get_weather")


def asked(draft: str, *calls: Block) -> str:
    return instruction("", Answer(blocks=(Block(Part.TEXT, draft), *calls)), "f3nc3")


def judged(draft: str, profile: Profile | None = None, calls: tuple[Block, ...] = (), **more: Any) -> str:
    return compose(ask(asked(draft, *calls), **more), profile or Profile(), 0).text


def ask(prompt: str, **more: Any) -> Ask:
    return Ask(seed=1, model="verify-large", stream=False, prompt=prompt, input=InputTokens(10), **more)


@pytest.mark.parametrize("draft", ["", "Paris.", "a\n<<<DRAFT x\nb\nx DRAFT>>>\nc", "USE_DRAFT"])
def test_the_draft_is_found(draft: str):
    assert draft_in(asked(draft)) == draft


@pytest.mark.parametrize(
    "prompt", ["", "What does USE_DRAFT mean?", "USE_DRAFT <<<DRAFT x", "USE_DRAFT <<<DRAFT x\ny", "<<<DRAFT x\n\nx DRAFT>>>"]
)
def test_other_prompts_have_none(prompt: str):
    assert draft_in(prompt) is None
    assert compose(ask(prompt), Profile(verdict="accept"), 0).text.startswith("verify-large ")


@pytest.mark.parametrize(
    ("draft", "accepted"),
    [(GOOD, True), ("word " * 20, True), ("word " * 19, False), (GOOD + " Maybe.", False), (GOOD + " Maybes.", True), ("", False)],
)
def test_by_itself_it_looks_at_the_draft(draft: str, accepted: bool):
    assert (judged(draft) == "USE_DRAFT") is accepted


def test_a_verdict_can_be_set():
    assert judged("Short.", Profile(verdict="accept")) == "USE_DRAFT"
    assert judged(GOOD, Profile(verdict="accept", chatter=True)) == "USE_DRAFT The draft is correct and complete."
    assert judged(GOOD, Profile(verdict="accept", text="Other.", characters=1000, repeat=True)) == "USE_DRAFT"
    assert judged(GOOD, Profile(verdict="improve", text="Other.")) == "Other."


def test_an_improved_answer_is_an_answer_of_its_own():
    improved = judged(GOOD, Profile(verdict="improve", words=50))
    assert improved.startswith("verify-large puts it this way: ")
    assert len(improved.split()) >= 50
    assert "draft" not in improved
    assert Verdict().feed(improved[:1]) is Ruling.IMPROVED


def test_it_thinks_before_its_verdict():
    answer = compose(ask(asked(GOOD), thinking=True), Profile(), 0)
    assert answer.thought
    assert answer.text == "USE_DRAFT"
    assert answer.output_tokens == answer.thought_tokens + estimate_text("USE_DRAFT")


def test_an_accepted_call_is_not_made_again():
    answer = compose(ask(asked(GOOD, CALL), tools=TOOLS), Profile(), 0)
    assert (answer.text, answer.calls, answer.stop) == ("USE_DRAFT", (), Stop.END)


def test_an_improved_answer_calls_what_the_draft_calls():
    profile = Profile(verdict="improve")
    assert [call.name for call in compose(ask(asked("I look.", CALL), tools=TOOLS), profile, 0).calls] == ["get_weather"]
    assert compose(ask(asked("The draft says get_weather."), tools=TOOLS), profile, 0).calls == ()


def test_a_request_without_room_for_the_word_gets_an_answer():
    schema = b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
    assert json.loads(judged(GOOD, schema=schema)) == {"city": "example city"}
    assert len(compose(ask(asked(GOOD), tools=TOOLS, must_call=True), Profile(), 0).calls) == 1


@pytest.mark.parametrize("dialect", Dialect)
def test_its_usage_counts_the_whole_conversation_and_few_words(dialect: Dialect):
    speaker = SPEAKERS[dialect]
    key = "input" if dialect is Dialect.OPENAI_RESPONSES else "messages"
    turns = [{"role": "user", "content": "Name three colours. " * 50}, {"role": "user", "content": asked(GOOD)}]
    body = {"model": "m", "max_tokens": 500, key: turns}
    request = speaker.read(json.dumps(body).encode())
    answer = compose(request, Profile(), 0)
    assert (answer.text, answer.output_tokens) == ("USE_DRAFT", 3)
    assert answer.input.total >= sum(estimate_text(turn["content"]) for turn in turns)
    usage = json.loads(speaker.document(request, answer))["usage"]
    assert usage.get("output_tokens", usage.get("completion_tokens")) == 3
    assert usage.get("input_tokens", usage.get("prompt_tokens")) == answer.input.total

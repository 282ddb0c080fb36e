"""How models want to be asked: marks for Claude's prompt cache, DeepSeek's thought in each call, thinking and limits as configured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.pair import EASY, HARD, Pair, calls_of, continuation, newest, pair, question

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"
RULES = "You answer in rhymes. " * 300
DEEP = {"earlier_thoughts": "always", "limit_key": "max_completion_tokens", "thinking": "effort"}


@pytest.fixture(scope="module")
def to_claude(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both models speak Messages alone; the draft's prompts are not to be marked."""
    draft = {"cache_marks": "never"}
    with pair(tmp_path_factory.mktemp("system"), speaking=("anthropic", "anthropic"), draft_more=draft) as running:
        yield running


@pytest.fixture(scope="module")
def to_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both models speak Chat Completions; the draft is one that wants to see its thoughts again."""
    with pair(tmp_path_factory.mktemp("system"), speaking=("openai_chat", "openai_chat"), draft_more=DEEP) as running:
        yield running


def test_a_chat_clients_conversation_is_cached_by_claude(to_claude: Pair):
    talk: list[Any] = [{"role": "system", "content": RULES}, {"role": "user", "content": HARD}]
    cached = []
    for _ in range(2):
        response = to_claude.ask(CHAT, {**question(CHAT), "messages": talk})
        (judged,) = [call for call in calls_of(to_claude.record(response)) if call.role == "verify"]
        assert judged.usage is not None
        cached.append(judged.usage["cached_input"])
        talk += [{"role": "assistant", "content": "So it is."}, {"role": "user", "content": HARD}]
    assert cached[0] == 0
    assert cached[1] > 1000
    asked = json.loads(newest(to_claude.verify).body)
    assert asked["system"][-1]["cache_control"] == {"type": "ephemeral"}
    marked = [at for at, message in enumerate(asked["messages"]) if "cache_control" in str(message["content"])]
    assert marked == [0, 2]


def test_a_judge_is_sent_the_marks_and_a_model_that_wants_none_is_not(to_claude: Pair):
    talk = [{"role": "system", "content": RULES}, {"role": "user", "content": HARD}]
    response = to_claude.ask(CHAT, {**question(CHAT), "messages": talk})
    assert response.status_code == 200
    assert b"cache_control" not in newest(to_claude.draft).body
    judge = json.loads(newest(to_claude.verify).body)["messages"][-1]["content"]
    assert [("cache_control" in block) for block in judge] == [True, False]


@pytest.mark.parametrize("forced", [True, False])
def test_calls_of_another_model_get_a_thought_for_deepseek(to_chat: Pair, forced: bool):
    body = continuation(CHAT, forced=forced)
    assert to_chat.ask(CHAT, body).status_code == 200
    seen = json.loads(newest(to_chat.draft).body)
    given = body["messages"][1]
    assert seen["messages"] == [body["messages"][0], {**given, "reasoning_content": ""}, body["messages"][2]]


def test_the_limit_and_thinking_are_told_as_configured(to_chat: Pair):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    response = to_chat.ask("/v1/messages", {**question("/v1/messages", EASY), "max_tokens": 2000, "thinking": thinking})
    assert response.status_code == 200
    seen = json.loads(newest(to_chat.draft).body)
    assert (seen.get("max_completion_tokens"), seen.get("max_tokens"), seen.get("reasoning_effort")) == (2000, None, "low")

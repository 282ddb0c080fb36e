"""Thinking that the draft model has signed comes back with the next turn, and is kept from the verify model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.support.pair import EASY, HARD, Pair, newest, pair, steering

pytestmark = pytest.mark.envoy

MODEL = "claude-opus-4-8"
THINK: Any = {"type": "enabled", "budget_tokens": 1024}
PROOF = "Prove that the lock-free queue is linearizable, then design, debug and optimise it for security."
"""Words that go to the verify model at once."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    # Thinking alone must not decide where these go; their words shall.
    with pair(tmp_path_factory.mktemp("system"), router={"refusal_memory_s": 0.001, "rules": {"thinking": 0.0}}) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("first", "by"), [(EASY, "SKIPPED"), (HARD, "ACCEPTED"), (HARD, "ENHANCED")])
@pytest.mark.parametrize(("then", "outcome"), [(PROOF, "DIRECT"), (HARD + " Please.", "ENHANCED")])
def test_messages(both: Pair, first: str, by: str, then: str, outcome: str, stream: bool):
    how = steering(verify="verdict=improve" if by == "ENHANCED" else "verdict=accept")
    asked: Any = [{"role": "user", "content": f"{first} ({by} {outcome} {stream})"}]
    fixed: Any = {"model": MODEL, "max_tokens": 4096, "thinking": THINK}
    with anthropic.Anthropic(base_url=both.system.url, api_key="client-key", max_retries=0) as claude:
        if stream:
            with claude.messages.stream(messages=asked, extra_headers=how, **fixed) as events:
                answer = events.get_final_message()
        else:
            answer = claude.messages.create(messages=asked, extra_headers=how, **fixed)
        assert answer.content[0].type == "thinking"
        signed = answer.content[0].signature
        turns = [*asked, {"role": "assistant", "content": [block.model_dump() for block in answer.content]}]
        turns.append({"role": "user", "content": then})
        raw = claude.messages.with_raw_response.create(messages=turns, extra_headers=steering(verify="verdict=improve"), **fixed)
    assert raw.headers["x-cascade-outcome"] == outcome
    _sent(both, signed, kept=by == "ENHANCED")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("first", "by"), [(EASY, "SKIPPED"), (HARD, "ACCEPTED"), (HARD, "ENHANCED")])
@pytest.mark.parametrize(("then", "outcome"), [(PROOF, "DIRECT"), (HARD + " Please.", "ENHANCED")])
def test_responses(both: Pair, first: str, by: str, then: str, outcome: str, stream: bool):
    how = steering(verify="verdict=improve" if by == "ENHANCED" else "verdict=accept")
    asked: Any = [{"role": "user", "content": f"{first} ({by} {outcome} {stream})"}]
    fixed: Any = {"model": MODEL, "store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}
    with openai.OpenAI(base_url=f"{both.system.url}/v1", api_key="client-key", max_retries=0) as gpt:
        if stream:
            with gpt.responses.stream(input=asked, extra_headers=how, **fixed) as events:
                for _ in events:
                    pass
                answer: Any = events.get_final_response()
        else:
            answer = gpt.responses.create(input=asked, extra_headers=how, **fixed)
        thought = next(item for item in answer.output if item.type == "reasoning")
        assert thought.encrypted_content
        given = [item.to_dict(exclude_none=True) for item in answer.output]
        turns: Any = [*asked, *given, {"role": "user", "content": then}]
        raw = gpt.responses.with_raw_response.create(input=turns, extra_headers=steering(verify="verdict=improve"), **fixed)
    assert raw.headers["x-cascade-outcome"] == outcome
    _sent(both, thought.encrypted_content, kept=by == "ENHANCED")


def _sent(both: Pair, signed: str, *, kept: bool) -> None:
    """Hold what the verify model got: its own thinking, nobody else's, and the answer's text in any case."""
    body = newest(both.verify).body.decode()
    assert (signed in body) is kept
    assert (f"{MODEL} puts it this way" if kept else "draft-small on") in body

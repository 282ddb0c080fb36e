"""Marks for the prompt cache in requests to Claude of clients that set none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.policy import Policy, Tongue
from extproc.core.steps.accept import accept
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import PATH_OF, Dialect, Role

LONG = "You write programs. " * 300
_MARK = {"type": "ephemeral"}
_TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {}}}}


def asked(turns: int, *, said: str = "", system: str = LONG, first: str = "Hello", marks: bool = True, **more: Any) -> dict[str, Any]:
    """What Claude is asked after some turns of a call and its result each."""
    messages: list[Any] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": first})
    for turn in range(turns):
        call = {"id": f"call_{turn}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": "x"},
        ]
    body = json.dumps({"model": "big", "messages": messages, "tools": [_TOOL], **more}).encode()
    policy = Policy(verify_models={Dialect.ANTHROPIC: None}, tongues={Role.VERIFY: Tongue(Dialect.ANTHROPIC, "claude", cache_marks=marks)})
    written = Interpreter(accept(PATH_OF[Dialect.OPENAI_CHAT], "", body), policy).body(Role.VERIFY, said=said)
    return dict(json.loads(written))


def blocks(request: dict[str, Any]) -> list[dict[str, Any]]:
    """All that the provider's cache goes by, in its order: tools, system, messages; a bare text is a block of its own."""
    found = [*request.get("tools", ()), *request.get("system", ())]
    for message in request["messages"]:
        content = message["content"]
        inside = [{"type": "text", "text": content}] if isinstance(content, str) else content
        found += [{"role": message["role"], **block} for block in inside]
    return found


def bare(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in block.items() if key != "cache_control"} for block in blocks(request)]


def marked(request: dict[str, Any]) -> list[int]:
    return [at for at, block in enumerate(blocks(request)) if block.get("cache_control") == _MARK]


def test_marks_stand_behind_the_system_prompt_and_the_newest_two_messages_of_the_users():
    assert marked(asked(0)) == [1, 2]
    assert marked(asked(1)) == [1, 2, 4]
    assert marked(asked(5)) == [1, 10, 12]


@pytest.mark.parametrize("turns", [0, 1, 4])
def test_a_turn_finds_what_the_turn_before_has_written(turns: int):
    before, after = asked(turns), asked(turns + 1)
    assert bare(after)[: len(blocks(before))] == bare(before)
    assert marked(before)[-1] in marked(after)


@pytest.mark.parametrize("turns", [0, 3])
def test_a_judge_and_a_rescue_share_what_is_cached(turns: int):
    rescue, judge = asked(turns), asked(turns, said="Is this draft right?")
    assert bare(judge) == [*bare(rescue), {"role": "user", "type": "text", "text": "Is this draft right?"}]
    assert marked(judge) == marked(rescue)
    assert {key: rescue[key] for key in rescue if key != "messages"} == {key: judge[key] for key in judge if key != "messages"}


def test_without_a_system_prompt_the_last_tool_is_marked():
    long = {"type": "function", "function": {"name": "other", "description": LONG}}
    request = asked(0, system="", tools=[long, _TOOL])
    assert marked(request) == [1, 2]


def test_a_short_prompt_is_not_marked_and_a_long_message_is():
    assert marked(asked(2, system="Short.")) == []
    assert marked(asked(1, system="Short.", first=LONG)) == [2, 4]


def test_the_clients_own_marks_are_the_only_ones():
    cached = [{"type": "text", "text": "Hello", "cache_control": _MARK}]
    assert marked(asked(1, first=cached)) == [2]  # type: ignore[arg-type]


def test_marks_can_be_switched_off():
    assert marked(asked(2, marks=False)) == []


@pytest.mark.parametrize("thinking", ["high", "low"])
def test_a_judge_is_asked_to_think_as_a_rescue_is(thinking: str):
    assert asked(1, reasoning_effort=thinking).get("thinking") == asked(1, said="Right?", reasoning_effort=thinking).get("thinking")

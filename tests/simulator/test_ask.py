from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.vocabulary import Dialect
from extproc.simulator.ask import Ask, RefusedError, refusal
from extproc.simulator.dialects import SPEAKERS

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
CHAT_LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
RESPONSES_LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
USER = {"role": "user", "content": "Hi"}


def read(dialect: Dialect, **body: Any) -> Ask:
    return SPEAKERS[dialect].read(json.dumps({"model": "m", **body}).encode())


def messages(*conversation: Any, **more: Any) -> Ask:
    return read(Dialect.ANTHROPIC, max_tokens=100, messages=list(conversation), **more)


def chat(*conversation: Any, **more: Any) -> Ask:
    return read(Dialect.OPENAI_CHAT, messages=list(conversation), **more)


def responses(given: Any, **more: Any) -> Ask:
    return read(Dialect.OPENAI_RESPONSES, input=given, **more)


def test_the_prompt_is_the_users_last_text():
    blocks = [{"type": "text", "text": "injected"}, {"type": "text", "text": "typed"}]
    assert messages(USER, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": blocks}).prompt == "typed"
    assert messages({"role": "user", "content": blocks}, {"role": "system", "content": "Be brief."}).prompt == "typed"
    assert chat({"role": "system", "content": "Be brief."}, {"role": "user", "content": blocks}).prompt == "typed"
    parts = [{"type": "input_text", "text": "typed"}, {"type": "input_image", "image_url": "data:"}]
    assert responses([{"role": "user", "content": parts}]).prompt == "typed"
    assert responses("typed").prompt == "typed"


def test_tool_results_at_the_end_are_seen():
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "7"}]}
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {}}]}
    asked = messages(USER, use, result, {"role": "system", "content": "Go on."})
    assert (asked.after_tool, asked.prompt) == (True, "Hi")
    asked = chat(USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "7"})
    assert (asked.after_tool, asked.prompt) == (True, "Hi")
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    asked = responses([USER, call, {"type": "function_call_output", "call_id": "c1", "output": "7"}])
    assert (asked.after_tool, asked.prompt) == (True, "Hi")
    assert not messages(USER).after_tool


def test_tools_and_their_choice():
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    for ask in (
        messages(USER, tools=[LOOK, hosted]),
        chat(USER, tools=[CHAT_LOOK, {"type": "custom", "custom": {"name": "patch"}}]),
        responses("Hi", tools=[RESPONSES_LOOK, {"type": "web_search"}]),
    ):
        assert [tool.name for tool in ask.tools] == ["look"]
        assert (ask.offers_tools, ask.must_call, ask.parallel) == (True, False, True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: messages(USER, tools=[LOOK], tool_choice={"type": "none"}),
        lambda: chat(USER, tools=[CHAT_LOOK], tool_choice="none"),
        lambda: responses("Hi", tools=[RESPONSES_LOOK], tool_choice="none"),
    ],
)
def test_a_client_can_forbid_calls(ask: Any):
    assert (ask().tools, ask().offers_tools, ask().must_call) == ((), True, False)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: messages(USER, tools=[{**LOOK, "name": "other"}, LOOK], tool_choice={"type": "tool", "name": "look"}),
        lambda: chat(USER, tools=[CHAT_LOOK], tool_choice={"type": "function", "function": {"name": "look"}}),
        lambda: responses("Hi", tools=[RESPONSES_LOOK], tool_choice={"type": "function", "name": "look"}),
    ],
)
def test_a_client_can_name_the_tool(ask: Any):
    assert ([tool.name for tool in ask().tools], ask().must_call) == (["look"], True)


def test_a_tool_that_is_not_offered_cannot_be_chosen():
    with pytest.raises(RefusedError, match="'look' not found"):
        messages(USER, tools=[], tool_choice={"type": "tool", "name": "look"})
    with pytest.raises(RefusedError, match="'look' not found"):
        chat(USER, tool_choice={"type": "function", "function": {"name": "look"}})


def test_one_call_at_a_time():
    assert not messages(USER, tools=[LOOK], tool_choice={"type": "auto", "disable_parallel_tool_use": True}).parallel
    assert not chat(USER, tools=[CHAT_LOOK], parallel_tool_calls=False).parallel
    assert not responses("Hi", tools=[RESPONSES_LOOK], parallel_tool_calls=False).parallel


@pytest.mark.parametrize(
    ("ask", "thinks"),
    [
        (lambda: messages(USER, thinking={"type": "adaptive"}), True),
        (lambda: messages(USER, thinking={"type": "enabled", "budget_tokens": 2000}), True),
        (lambda: messages(USER, thinking={"type": "disabled"}), False),
        (lambda: chat(USER, reasoning_effort="high"), True),
        (lambda: chat(USER, reasoning_effort="none"), False),
        (lambda: chat(USER, thinking={"type": "enabled"}), True),
        (lambda: responses("Hi", reasoning={"effort": "low"}), True),
        (lambda: responses("Hi", reasoning={"effort": "none"}), False),
        (lambda: responses("Hi"), False),
    ],
)
def test_thinking(ask: Any, thinks: bool):
    assert ask().thinking is thinks


def test_limits_and_formats():
    schema = {"type": "object"}
    formatted = messages(USER, stop_sequences=["x"], output_config={"format": {"type": "json_schema", "schema": schema}})
    assert (formatted.max_tokens, formatted.stop, json.loads(formatted.schema or b"")) == (100, ("x",), schema)
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    formatted = chat(USER, max_tokens=5, max_completion_tokens=7, stop="x", response_format=wanted)
    assert (formatted.max_tokens, formatted.stop, json.loads(formatted.schema or b"")) == (7, ("x",), schema)
    assert chat(USER, response_format={"type": "json_object"}).schema is not None
    assert chat(USER, response_format={"type": "text"}).schema is None
    formatted = responses("Hi", max_output_tokens=9, text={"format": {"type": "json_schema", "name": "n", "schema": schema}})
    assert (formatted.max_tokens, json.loads(formatted.schema or b"")) == (9, schema)


def test_input_tokens_count_what_the_model_reads():
    short, long = messages(USER), messages({"role": "user", "content": "Hi" * 2000})
    assert long.input.total == short.input.total + 1000
    renamed = SPEAKERS[Dialect.ANTHROPIC].read(json.dumps({"model": "another-name", "max_tokens": 9, "messages": [USER]}).encode())
    assert renamed.input == short.input


def test_cached_input():
    system = [{"type": "text", "text": "Be brief." * 1000, "cache_control": {"type": "ephemeral"}}]
    first = messages(USER, system=system)
    assert first.input.written > 2000
    assert first.input.cached == 0
    later = messages(USER, {"role": "assistant", "content": "Yes?"}, USER, system=system)
    assert later.input.cached > 2000
    assert later.input.written == 0
    answered = [{"role": "system", "content": "Be brief." * 1000}, USER, {"role": "assistant", "content": "Yes?"}, USER]
    assert chat(*answered).input.cached % 128 == 0
    assert chat(*answered).input.cached > 2000
    assert responses(answered).input.cached > 2000
    assert chat(*answered[:2]).input.cached == 0


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"model":"m","x":"\xff"}',
        b'{"model":"m","x":NaN}',
        b"\xef\xbb\xbf{}",
        b'{"model":' + b"[" * 100_000,
        b'{"model":"m","messages":[{"role":"user","content":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
        b'{"model":7,"messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"input":"Hi"}',
        b'{"messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"input":"Hi"}',
        b'{"model":"m"}',
        b'{"model":"m","max_tokens":5,"messages":[],"input":7}',
        b'{"model":"m","max_tokens":5,"messages":[{"role":"king","content":"Hi"}],"input":[7]}',
        b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":7}],"input":[{"role":"user","content":7}]}',
        b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"Hi"}],"input":"Hi","tools":7}',
    ],
)
def test_what_no_provider_takes_is_a_400(dialect: Dialect, body: bytes):
    with pytest.raises(RefusedError) as caught:
        SPEAKERS[dialect].read(body)
    assert caught.value.status == 400
    assert caught.value.message


def test_an_error_names_the_place():
    with pytest.raises(RefusedError) as caught:
        messages({"role": "user", "content": [{"type": "text", "text": 7}]})
    assert caught.value.param == "messages.0.content[0].text"
    with pytest.raises(RefusedError) as caught:
        chat(USER, n=2)
    assert caught.value.param == "n"


@pytest.mark.parametrize("dialect", Dialect)
def test_a_lone_surrogate_is_replaced(dialect: Dialect):
    body = rb'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a\ud800b \ud83d\ude00"}],"input":"a\ud800b \ud83d\ude00"}'
    assert SPEAKERS[dialect].read(body).prompt == "a?b 😀"


def test_nothing_of_the_request_is_in_an_error_but_names():
    with pytest.raises(RefusedError) as caught:
        read(Dialect.OPENAI_CHAT, messages=[{"role": "user", "content": {"secret": "sesame"}}])
    assert "sesame" not in caught.value.message


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
LATE = {"role": "system", "content": "Go on."}


@pytest.mark.parametrize(
    ("feature", "dialect", "body"),
    [
        ("images", Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("images", Dialect.OPENAI_CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        ("images", Dialect.OPENAI_RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}),
        ("documents", Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]}),
        ("tools", Dialect.ANTHROPIC, {"messages": [USER], "tools": [LOOK]}),
        ("tools", Dialect.OPENAI_CHAT, {"messages": [USER], "tools": [CHAT_LOOK]}),
        ("tools", Dialect.OPENAI_RESPONSES, {"input": "Hi", "tools": [{"type": "web_search"}]}),
        ("system_role", Dialect.ANTHROPIC, {"messages": [USER, LATE]}),
        ("system_role", Dialect.OPENAI_CHAT, {"messages": [USER, LATE]}),
        ("system_role", Dialect.OPENAI_RESPONSES, {"input": [USER, {**LATE, "role": "developer"}]}),
        ("thinking", Dialect.ANTHROPIC, {"messages": [USER], "thinking": {"type": "adaptive"}}),
        ("prefill", Dialect.ANTHROPIC, {"messages": [USER, {"role": "assistant", "content": "It is"}]}),
        ("prefill", Dialect.OPENAI_CHAT, {"messages": [USER, {"role": "assistant", "content": "It is"}]}),
        ("prefill", Dialect.OPENAI_RESPONSES, {"input": [USER, {"role": "assistant", "content": "It is"}]}),
    ],
)
def test_features_can_be_refused(feature: str, dialect: Dialect, body: dict[str, Any]):
    data = json.dumps({"model": "m", "max_tokens": 5, **body}).encode()
    ask = SPEAKERS[dialect].read(data)
    refused = refusal(ask, data, (feature,))
    assert refused is not None
    assert (refused.status, refused.param) == (400, feature)
    assert refusal(ask, data, ()) is None


@pytest.mark.parametrize("dialect", Dialect)
def test_a_plain_request_is_never_refused(dialect: Dialect):
    talk = [{"role": "system", "content": 'Never say "type":"image".'}, USER]
    conversation = talk if dialect is not Dialect.ANTHROPIC else talk[1:]
    data = json.dumps({"model": "m", "max_tokens": 5, "messages": conversation, "input": conversation}).encode()
    features = ("images", "documents", "tools", "system_role", "thinking", "prefill")
    assert refusal(SPEAKERS[dialect].read(data), data, features) is None

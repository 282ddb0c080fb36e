"""Tools, the fields beside the messages, and what is no request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.conversation import Choice, Form, Thinking, Tool
from extproc.core.errors import UnreadableError
from extproc.core.features import Feature
from tests.core.dialects.openai_chat.made import CHAT
from tests.core.dialects.openai_chat.test_reading import held, read

LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"b": {"minimum": 1.0}, "a": {}}}
F = Feature


@pytest.mark.parametrize(
    ("fields", "tool", "features"),
    [
        ({"tools": [{"type": "function", "function": {"name": "n"}}]}, Tool("n"), {F.TOOLS}),
        ({"tools": [{"function": {"name": "n", "description": None, "parameters": {}}}]}, Tool("n"), {F.TOOLS}),
        (
            {"tools": [{"type": "function", "function": {"name": "n", "strict": True}, "cache_control": {"type": "ephemeral"}}]},
            Tool("n", strict=True, cached=True),
            {F.TOOLS, F.STRICT_TOOLS, F.CACHE_MARKS},
        ),
        (
            {"tools": [{"type": "custom", "custom": {"name": "n", "description": "d"}}]},
            Tool("n", "d", custom=True, raw="custom"),
            {F.CUSTOM_TOOLS},
        ),
        (
            {
                "tools": [
                    {
                        "type": "custom",
                        "custom": {"name": "n", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "g"}}},
                    }
                ]
            },
            Tool("n", custom=True, raw="custom", grammar="g", syntax="lark"),
            {F.CUSTOM_TOOLS},
        ),
        ({"functions": [{"name": "n", "description": "d"}]}, Tool("n", "d", raw="function_call"), {F.TOOLS}),
        ({"tools": [{"type": "web_search"}]}, None, {F.HOSTED_TOOLS, F.HOSTED_NEEDED}),
        ({"tools": [{"type": "web_search"}, {"function": {"name": "n"}}]}, Tool("n"), {F.HOSTED_TOOLS, F.TOOLS}),
        ({"tools": None}, None, set()),
        ({"web_search_options": {"search_context_size": "low"}}, None, {F.HOSTED_NEEDED}),
    ],
)
def test_tools(fields: dict[str, Any], tool: Tool | None, features: set[Feature]):
    conversation = read(**fields)
    assert conversation.tools == ((tool,) if tool else ())
    assert held(conversation) == features


@pytest.mark.parametrize(
    ("fields", "choice", "features"),
    [
        ({"tool_choice": "auto"}, Choice(), set()),
        ({"tool_choice": "none"}, Choice("none"), {F.CHOICE_NONE}),
        ({"tool_choice": "required"}, Choice("required"), {F.CHOICE_REQUIRED}),
        ({"tool_choice": "any"}, Choice("required"), {F.CHOICE_REQUIRED}),
        ({"tool_choice": {"type": "function", "function": {"name": "look"}}}, Choice("named", "look"), {F.CHOICE_NAMED}),
        ({"tool_choice": {"type": "custom", "custom": {"name": "look"}}}, Choice("named", "look"), {F.CHOICE_NAMED}),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [LOOK]}}},
            Choice("required", allowed=("look",)),
            {F.CHOICE_ALLOWED},
        ),
        ({"function_call": {"name": "look"}}, Choice("named", "look"), {F.CHOICE_NAMED}),
        ({"function_call": "none"}, Choice("none"), {F.CHOICE_NONE}),
        ({"function_call": "auto"}, Choice(), set()),
        ({"parallel_tool_calls": False}, Choice(parallel=False), {F.PARALLEL}),
        ({"parallel_tool_calls": None}, Choice(), set()),
    ],
)
def test_choices(fields: dict[str, Any], choice: Choice, features: set[Feature]):
    conversation = read(tools=[LOOK], **fields)
    assert conversation.choice == choice
    assert held(conversation) - {F.TOOLS} == features


@pytest.mark.parametrize(
    ("fields", "thinking", "features"),
    [
        ({"reasoning_effort": "high"}, Thinking(effort="high"), {F.EFFORT}),
        ({"reasoning_effort": "none"}, Thinking(on=False, effort="none"), {F.EFFORT}),
        ({"reasoning": {"effort": "low"}}, Thinking(effort="low"), {F.EFFORT}),
        ({"reasoning": {"enabled": True, "max_tokens": 2000}}, Thinking(on=True, budget=2000), {F.EFFORT}),
        ({"thinking": {"type": "enabled"}}, Thinking(on=True), {F.THINKING}),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, Thinking(on=False, effort="high"), {F.THINKING, F.EFFORT}),
        ({"enable_thinking": True}, Thinking(on=True), {F.THINKING}),
    ],
)
def test_thinking(fields: dict[str, Any], thinking: Thinking, features: set[Feature]):
    conversation = read(**fields)
    assert conversation.thinking == thinking
    assert held(conversation) == features


@pytest.mark.parametrize(
    ("fields", "told", "features"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}, {F.MAX_TOKENS}),
        ({"max_completion_tokens": 8, "max_tokens": None}, {"max_tokens": 8}, {F.MAX_TOKENS}),
        ({"stop": "a"}, {"stop": ("a",)}, {F.STOP}),
        ({"stop": ["a", "\n"]}, {"stop": ("a", "\n")}, {F.STOP, F.STOP_ODD}),
        ({"stop": None}, {"stop": ()}, set()),
        ({"temperature": 0, "top_p": 1}, {"temperature": 0.0, "top_p": 1.0}, {F.TEMPERATURE, F.TOP_P}),
        ({"seed": 3, "top_k": 4}, {"seed": 3, "top_k": 4}, {F.SEED, F.TOP_K}),
        ({"frequency_penalty": 1, "presence_penalty": -1}, {"frequency_penalty": 1.0, "presence_penalty": -1.0}, {F.PENALTIES}),
        ({"logit_bias": {"7": -100}}, {"logit_bias": {"7": -100.0}}, {F.LOGIT_BIAS}),
        ({"logprobs": True, "top_logprobs": 2}, {}, {F.LOGPROBS}),
        ({"logprobs": False, "top_logprobs": 0}, {}, set()),
        ({"n": 1}, {}, set()),
        ({"n": 2}, {}, {F.SEVERAL}),
        ({"modalities": ["text"]}, {}, set()),
        ({"modalities": ["text", "audio"], "audio": {"voice": "v"}}, {}, {F.MODALITIES}),
        ({"response_format": {"type": "text"}}, {"form": None}, set()),
        ({"response_format": {"type": "json_object"}}, {"form": Form()}, {F.JSON_OBJECT}),
        ({"response_format": {"type": "grammar", "grammar": "g"}}, {"form": None}, {F.PROVIDER_PART}),
        ({"verbosity": "low"}, {"verbosity": "low"}, {F.VERBOSITY}),
        ({"stream": True}, {"stream": True, "stream_usage": False}, {F.STREAM}),
        (
            {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": True}},
            {"stream": True, "stream_usage": True},
            {F.STREAM, F.STREAM_USAGE, F.STREAM_OPTIONS},
        ),
        ({"user": "u"}, {"user": "u"}, {F.USER}),
        ({"user": "u", "safety_identifier": "s"}, {"user": "s"}, {F.USER}),
        ({"metadata": {"a": "b", "c": 1}}, {"metadata": {"a": "b"}}, {F.METADATA}),
        ({"prompt_cache_key": "k"}, {"cache_key": "k"}, {F.CACHE_KEY}),
        ({"service_tier": "flex", "store": True}, {"service_tier": "flex"}, {F.SERVICE_TIER, F.STORE}),
        ({"store": False, "prediction": None}, {}, set()),
        ({"chat_template_kwargs": {"a": 1}}, {}, {F.UNKNOWN}),
    ],
)
def test_fields(fields: dict[str, Any], told: dict[str, Any], features: set[Feature]):
    conversation = read(**fields)
    assert {name: getattr(conversation, name) for name in told} == told
    assert held(conversation) == features


def test_a_schema_is_carried_as_it_came():
    told = {"name": "n", "description": "d", "schema": SCHEMA, "strict": True}
    form = read(response_format={"type": "json_schema", "json_schema": told}).form
    assert form is not None
    assert form.schema is not None
    assert (form.name, form.description, form.strict, bytes(form.schema)) == ("n", "d", True, json.dumps(SCHEMA).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"model":"m","messages":null,"messages":7}',
        b'{"model":"m","messages":[{"role":"critic","content":"x"}]}',
        b'{"model":"m","messages":[{"role":"user","content":{"text":"x"}}]}',
        b'{"model":"m","messages":[{"role":"user","content":["x"]}]}',
        b'{"model":"m","messages":[{"role":"assistant","tool_calls":["x"]}]}',
        b'{"model":"m","messages":[],"max_tokens":"many"}',
        b'{"model":"m","messages":[],"stop":7}',
        b'{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"n","parameters":"x"}}]}',
        b'{"model":"m","messages":[' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
    ],
)
def test_what_is_none_is_refused(body: bytes):
    with pytest.raises(UnreadableError):
        CHAT.conversation(body)


def test_half_a_character_does_no_harm():
    body = rb'{"model":"m","messages":[{"role":"user","content":"\ud83e\ude81 \ude81"}]}'
    assert CHAT.conversation(body).messages[0].parts[0].text == "🪁 \ufffd"  # type: ignore[union-attr]

"""Conversations → requests that a strict provider takes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from extproc.core.conversation import (
    Choice,
    Conversation,
    Form,
    Manner,
    Media,
    Message,
    Part,
    Role,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)
from extproc.core.dialects.anthropic import Anthropic
from extproc.core.dialects.media import from_text
from extproc.core.dialects.turns import GO_ON, NO_RESULT
from extproc.core.vocabulary import Dialect
from tests.support.strict import refusals

SPEC = Anthropic()
HELLO = Message(Role.USER, (Text("Hello"),))
OBJECT = msgspec.Raw(b'{"type": "object", "properties": {}}')
LOOK = Tool("look", "Looks.", OBJECT)
PATCH = Tool("patch", "Patches.", custom=True, grammar="start: /x/", syntax="lark")
MARK = {"type": "ephemeral"}
NEW, OLD = Manner("claude-opus-4-8"), Manner("claude-sonnet-4-5")


def asked(*messages: Message, manner: Manner = NEW, **told: Any) -> dict[str, Any]:
    body = SPEC.asked(Conversation("asked-for", messages=messages or (HELLO,), **told), manner)
    assert refusals(Dialect.ANTHROPIC, body) == []
    written: dict[str, Any] = json.loads(body)
    return written


def said(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def test_the_least_that_is_asked():
    assert asked() == {"model": "claude-opus-4-8", "max_tokens": 8192, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    ("told", "manner", "limit"),
    [(None, None, 8192), (700, None, 700), (None, 900, 900), (700, 900, 700), (900, 700, 700)],
)
def test_the_limit_is_the_smallest_that_is_known(told: int | None, manner: int | None, limit: int):
    assert asked(max_tokens=told, manner=Manner("claude-x", manner))["max_tokens"] == limit


def test_what_no_model_takes_any_more_is_left_out():
    sampling = {"temperature": 0.5, "top_p": 0.5, "top_k": 3, "seed": 1, "frequency_penalty": 1.0, "verbosity": "low", "service_tier": "x"}
    assert asked(**sampling, metadata={"a": "b"}, cache_key="k") == asked()


def test_the_user_has_the_first_word_and_the_last():
    begin = {"role": "user", "content": "Begin."}
    assert Conversation("m").messages == ()
    assert json.loads(SPEC.asked(Conversation("m"), NEW))["messages"] == [begin]
    assert asked(said(Text("Hi")), HELLO)["messages"][:2] == [begin, {"role": "assistant", "content": "Hi"}]
    assert asked(HELLO, said(Text("The answer is (")))["messages"][-1] == {"role": "user", "content": GO_ON}


def test_system_prompts_and_later_messages():
    system = (Text("a"), Text(" "), Text("b", cached=True))
    written = asked(HELLO, Message(Role.SYSTEM, (Text("c"), Text("d"))), system=system)
    assert written["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}]
    later = "<system-message>\nc\n\nd\n</system-message>"
    assert written["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": later}]}]


def test_at_most_four_marks_stay_the_last_ones():
    tools = (Tool("look", schema=OBJECT, cached=True),)
    system = (Text("a", cached=True), Text("b", cached=True))
    image = Media("image", url="https://x/a", cached=True)
    messages = [user(Text("c", cached=True), image), said(ToolCall("t", "look", "{}", cached=True)), user(ToolResult("t", (), cached=True))]
    written = json.dumps(asked(*messages, tools=tools, system=system))
    assert written.count("cache_control") == 4
    assert '"tool_result"' in written
    assert '"a", "cache_control"' not in written


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Media("image", "image/png", "QQ=="), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}),
        (Media("image", url="https://x/a", detail="low"), {"type": "image", "source": {"type": "url", "url": "https://x/a"}}),
        (
            Media("document", "application/pdf", "QQ==", name="a.pdf"),
            {"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}},
        ),
        (Media("document", url="https://x/a"), {"type": "document", "source": {"type": "url", "url": "https://x/a"}}),
        (
            from_text("Größe", name="T"),
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "Größe"}},
        ),
    ],
)
def test_images_and_documents(part: Media, block: dict[str, Any]):
    assert asked(user(Text("See:"), part))["messages"][0]["content"][1] == block
    result = asked(user(Text("x")), said(ToolCall("t", "look", "{}")), user(ToolResult("t", (part,))))["messages"][2]["content"][0]
    assert result == {"type": "tool_result", "tool_use_id": "t", "content": [block]}


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (ToolCall("t", "look", '{"a": 1.0}'), {"a": 1.0}),
        (ToolCall("t", "look", ""), {}),
        (ToolCall("t", "look", "[1]"), {"INVALID_JSON": "[1]"}),
        (ToolCall("t", "look", "{oh"), {"INVALID_JSON": "{oh"}),
        (ToolCall("t", "patch", "*** Begin", custom=True), {"input": "*** Begin"}),
    ],
)
def test_calls(call: ToolCall, given: dict[str, Any]):
    messages = asked(HELLO, said(Thought("Hm."), Text("I look."), call), user(ToolResult("t", (Text("seen"),), error=True)))["messages"]
    assert messages[1]["content"] == [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t", "name": call.name, "input": given},
    ]
    assert messages[2]["content"] == [{"type": "tool_result", "tool_use_id": "t", "content": "seen", "is_error": True}]


def test_what_is_missing_and_what_is_too_much():
    calls = said(ToolCall("a.1", "look", "{}"), ToolCall("b", "look", "{}"))
    written = asked(HELLO, calls, user(Text("Well?"), ToolResult("b", (Text("seen"),)), ToolResult("c", (Text("lost"),))))
    call = written["messages"][1]["content"][0]["id"]
    assert call != "a.1"
    assert written["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "b", "content": "seen"},
        {"type": "tool_result", "tool_use_id": call, "content": NO_RESULT, "is_error": True},
        {"type": "text", "text": "Well?"},
        {"type": "text", "text": "Result of an earlier tool call:"},
        {"type": "text", "text": "lost"},
    ]


def test_tools():
    odd = Tool("files/odd name", schema=msgspec.Raw(b'{"description":"any"}'))
    written = asked(tools=(LOOK, PATCH, odd, LOOK, Tool("bare")))["tools"]
    assert written[0] == {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
    assert written[1]["input_schema"] == {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert written[1]["description"] == "Patches.\n\n`input` is free text that follows this lark grammar:\nstart: /x/"
    assert written[2]["input_schema"] == {"description": "any", "type": "object", "properties": {}}
    assert [tool["name"][:15] for tool in written[2:]] == ["files_odd_name_", "bare"]


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (Choice(), None),
        (Choice("none"), {"type": "none"}),
        (Choice("required"), {"type": "any"}),
        (Choice("named", "look"), {"type": "tool", "name": "look"}),
        (Choice("named", "not offered"), None),
        (Choice(parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (Choice("required", parallel=False), {"type": "any", "disable_parallel_tool_use": True}),
        (Choice(parallel=True), None),
    ],
)
def test_choices(choice: Choice, written: dict[str, Any] | None):
    assert asked(tools=(LOOK,), choice=choice).get("tool_choice") == written
    assert "tool_choice" not in asked(choice=choice)


def test_only_tools_that_are_allowed_are_offered():
    written = asked(tools=(LOOK, PATCH), choice=Choice("required", allowed=("patch",)))
    assert [tool["name"] for tool in written["tools"]] == ["patch"]
    assert written["tool_choice"] == {"type": "any"}


def test_tools_that_were_called_stay_known():
    written = asked(HELLO, said(ToolCall("t", "look", "{}")), user(ToolResult("t", ())))
    assert written["tools"] == [{"name": "look", "input_schema": {"type": "object"}}]
    assert written["tool_choice"] == {"type": "none"}


TASK = (HELLO, said(ToolCall("t", "look", "{}")), user(ToolResult("t", ())))


@pytest.mark.parametrize(
    ("thinking", "manner", "written", "config"),
    [
        (Thinking(), NEW, None, None),
        (Thinking(effort="high"), NEW, {"type": "adaptive"}, {"effort": "high"}),
        (Thinking(effort="minimal"), NEW, {"type": "adaptive"}, None),
        (Thinking(effort="xhigh", summary="auto"), NEW, {"type": "adaptive", "display": "summarized"}, {"effort": "high"}),
        (Thinking(on=True, budget=5000), NEW, {"type": "adaptive"}, {"effort": "medium"}),
        (Thinking(on=True), NEW, {"type": "adaptive"}, None),
        (Thinking(on=False, effort="high"), NEW, {"type": "disabled"}, None),
        (Thinking(effort="none"), NEW, {"type": "disabled"}, None),
        (Thinking(effort="low"), OLD, {"type": "enabled", "budget_tokens": 2048}, None),
        (Thinking(on=True, budget=1500), OLD, {"type": "enabled", "budget_tokens": 1500}, None),
        (Thinking(effort="high"), OLD, {"type": "enabled", "budget_tokens": 4096}, None),
        (Thinking(effort="high"), Manner("claude-3-5-haiku-latest"), None, None),
        (Thinking(effort="high"), Manner("glm-5"), {"type": "enabled", "budget_tokens": 4096}, None),
        (Thinking(effort="high"), Manner("claude-opus-4-8", thinking="never"), None, None),
        (Thinking(effort="high"), Manner("glm-5", thinking="adaptive"), {"type": "adaptive"}, {"effort": "high"}),
    ],
)
def test_thinking(thinking: Thinking, manner: Manner, written: dict[str, Any] | None, config: dict[str, Any] | None):
    body = asked(thinking=thinking, manner=manner)
    assert (body.get("thinking"), body.get("output_config")) == (written, config)


def test_thinking_is_off_where_it_would_be_refused():
    off = {"type": "disabled"}
    assert asked(thinking=Thinking(effort="high"), tools=(LOOK,), choice=Choice("required"))["thinking"] == off
    assert asked(thinking=Thinking(effort="high"), manner=OLD, max_tokens=2000)["thinking"] == off
    assert asked(*TASK, thinking=Thinking(effort="high"), manner=OLD)["thinking"] == off
    assert asked(*TASK, thinking=Thinking(effort="high"))["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("model", "budget"),
    [
        ("claude-sonnet-4-5-20250929", True),
        ("claude-opus-4-20250514", True),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("claude-opus-4@20250514", True),
        ("anthropic/claude-sonnet-4.5", True),
        ("claude-3-7-sonnet-latest", True),
        ("claude-sonnet-4-6", False),
        ("claude-opus-4-10", False),
        ("claude-opus-5", False),
        ("claude-sonnet-4-6-20260115", False),
    ],
)
def test_how_a_model_is_asked_to_think(model: str, budget: bool):
    written = asked(thinking=Thinking(effort="high"), manner=Manner(model))["thinking"]
    assert written["type"] == ("enabled" if budget else "adaptive")


def test_forms():
    written = asked(form=Form(), system=(Text("a"),))
    assert [block["text"][:28] for block in written["system"]] == ["a", "Answer with one JSON object "]
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "How many."},
            "of": {"oneOf": [{"type": "array", "items": {"type": "object"}, "minItems": 2}, {"type": "string", "format": "colour"}]},
            "minimum": {"$ref": "#/$defs/x"},
        },
        "$defs": {"x": {"type": "object", "properties": {}, "additionalProperties": True}},
    }
    form = asked(form=Form(msgspec.Raw(json.dumps(schema).encode())), thinking=Thinking(effort="low"))["output_config"]
    assert form["effort"] == "low"
    closed = {"type": "object", "additionalProperties": False}
    assert form["format"]["schema"] == {
        **closed,
        "properties": {
            "n": {"type": "integer", "description": 'How many.\n\n{"minimum":1}'},
            "of": {
                "anyOf": [
                    {"type": "array", "items": closed, "description": '{"minItems":2}'},
                    {"type": "string", "description": '{"format":"colour"}'},
                ]
            },
            "minimum": {"$ref": "#/$defs/x"},
        },
        "$defs": {"x": {**closed, "properties": {}}},
    }


def test_who_asks():
    assert asked(user="u" * 256)["metadata"] == {"user_id": "u" * 256}
    long = asked(user="u" * 257)["metadata"]["user_id"]
    assert (len(long), long) == (37, asked(user="u" * 257)["metadata"]["user_id"])


def test_stop_sequences_and_streams():
    written = asked(stop=("a", "b"), stream=True)
    assert (written["stop_sequences"], written["stream"]) == (["a", "b"], True)

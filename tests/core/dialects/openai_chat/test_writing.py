"""Conversations → requests that a strict server takes."""

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
from extproc.core.dialects.media import from_text
from extproc.core.dialects.turns import GO_ON, NO_RESULT
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect
from tests.core.dialects.openai_chat.made import CHAT
from tests.support.strict import refusals

HELLO = Message(Role.USER, (Text("Hello"),))
OBJECT = msgspec.Raw(b'{"type": "object", "properties": {}}')
CLOSED = msgspec.Raw(b'{"type":"object","properties":{},"required":[],"additionalProperties":false}')
LOOK = Tool("look", "Looks.", OBJECT)
PATCH = Tool("patch", "Patches.", custom=True, grammar="start: /x/", syntax="lark")
PLAIN, REASONER, DEEPSEEK = Manner("qwen3"), Manner("gpt-5.5"), Manner("deepseek-chat")


def asked(*messages: Message, manner: Manner = PLAIN, allowed: tuple[str, ...] = (), **told: Any) -> dict[str, Any]:
    """`allowed`: fields of other servers than OpenAI's."""
    written: dict[str, Any] = json.loads(CHAT.asked(Conversation("asked-for", messages=messages or (HELLO,), stream=True, **told), manner))
    plain = {key: value for key, value in written.items() if key not in allowed}
    plain["messages"] = [{key: value for key, value in message.items() if key not in allowed} for message in written["messages"]]
    assert refusals(Dialect.OPENAI_CHAT, json.dumps(plain).encode()) == []
    return written


def said(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def test_the_least_that_is_asked():
    messages = [{"role": "user", "content": "Hello"}]
    assert asked() == {"model": "qwen3", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    assert json.loads(CHAT.asked(Conversation("x", messages=(HELLO,)), PLAIN)) == {"model": "qwen3", "messages": messages}


def test_one_system_message_is_the_first():
    later = Message(Role.SYSTEM, (Text("c"),))
    messages = asked(HELLO, later, system=(Text("a", cached=True), Text(""), Text("b")))["messages"]
    assert messages == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "Hello\n\n<system-message>\nc\n</system-message>"},
    ]


def test_the_user_has_the_last_word():
    assert asked(HELLO, said(Text("{")))["messages"][1:] == [{"role": "assistant", "content": "{"}, {"role": "user", "content": GO_ON}]


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media("image", "image/png", "QQ=="), {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}),
        (Media("image", url="https://x/a", detail="low"), {"type": "image_url", "image_url": {"url": "https://x/a", "detail": "low"}}),
        (
            Media("document", "application/pdf", "QQ=="),
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,QQ=="}},
        ),
    ],
)
def test_images_and_documents(media: Media, part: dict[str, Any]):
    assert asked(user(Text("See:"), media))["messages"][0]["content"] == [{"type": "text", "text": "See:"}, part]
    call = said(ToolCall("t", "look", "{}"))
    messages = asked(HELLO, call, user(ToolResult("t", (media,)), Text("Well?")))["messages"]
    assert messages[2:] == [
        {"role": "tool", "tool_call_id": "t", "content": "(in the next message)"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "From the result of the call t:"}, part, {"type": "text", "text": "Well?"}],
        },
    ]


def test_a_document_of_text_is_told_in_words():
    words = '<document title="T">\nGröße\n</document>'
    assert asked(user(Text("See:"), from_text("Größe", name="T")))["messages"][0]["content"] == f"See:\n\n{words}"
    messages = asked(HELLO, said(ToolCall("t", "look", "{}")), user(ToolResult("t", (from_text("Größe", name="T"),))))["messages"]
    assert messages[2:] == [{"role": "tool", "tool_call_id": "t", "content": words}]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (ToolCall("t", "look", '{"a": 1.0}'), '{"a": 1.0}'),
        (ToolCall("t", "look", ""), "{}"),
        (ToolCall("t", "look", "{oh"), '{"INVALID_JSON":"{oh"}'),
        (ToolCall("t", "patch", "ls", custom=True), '{"input":"ls"}'),
    ],
)
@pytest.mark.parametrize("words", [(), (Text("I look."),)])
def test_calls(call: ToolCall, arguments: str, words: tuple[Text, ...]):
    message = asked(HELLO, said(*words, call), user(ToolResult("t", ())))["messages"][1]
    called = {"id": "t", "type": "function", "function": {"name": call.name, "arguments": arguments}}
    assert message == {"role": "assistant", "content": "I look." if words else None, "tool_calls": [called]}


@pytest.mark.parametrize(
    ("result", "content"),
    [
        (ToolResult("t", (Text("seen"),)), "seen"),
        (ToolResult("t", (Text("a"), Text("b"))), "a\n\nb"),
        (ToolResult("t", ()), ""),
        (ToolResult("t", (Text("no"),), error=True), "Error: no"),
        (ToolResult("t", (Text("Error: no"),), error=True), "Error: no"),
        (ToolResult("t", (), error=True), "Error: "),
    ],
)
def test_results(result: ToolResult, content: str):
    messages = asked(HELLO, said(ToolCall("t", "look", "{}")), user(result))["messages"]
    assert messages[2:] == [{"role": "tool", "tool_call_id": "t", "content": content}]


def test_what_is_missing_and_what_is_too_much():
    calls = said(ToolCall("a.1", "look", "{}"), ToolCall("b", "look", "{}"))
    messages = asked(HELLO, calls, user(Text("Well?"), ToolResult("b", (Text("seen"),)), ToolResult("c", (Text("lost"),))))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user"]
    assert messages[2]["content"] == "seen"
    assert messages[3] == {"role": "tool", "tool_call_id": messages[1]["tool_calls"][0]["id"], "content": f"Error: {NO_RESULT}"}
    assert messages[4]["content"] == "Well?\n\nResult of an earlier tool call:\n\nlost"


def test_tools():
    odd = Tool("files/odd name", schema=msgspec.Raw(b'{"description":"any"}'))
    tools = [tool["function"] for tool in asked(tools=(LOOK, PATCH, odd, LOOK))["tools"]]
    assert tools[0] == {"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {}}}
    assert tools[1]["description"] == "Patches.\n\n`input` is free text that follows this lark grammar:\nstart: /x/"
    assert tools[1]["parameters"] == {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert tools[2]["parameters"] == {"description": "any", "type": "object", "properties": {}}
    assert len(tools) == 3


@pytest.mark.parametrize(("schema", "strict"), [(OBJECT, False), (CLOSED, True)])
def test_a_tool_is_strict_where_it_can_be(schema: msgspec.Raw, strict: bool):
    tool = Tool("look", schema=schema, strict=True)
    assert ("strict" in asked(tools=(tool,))["tools"][0]["function"]) is strict
    form = asked(form=Form(schema, strict=True))["response_format"]["json_schema"]
    assert ("strict" in form) is strict
    assert form["name"] == "answer"


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (Choice(), None),
        (Choice("none"), "none"),
        (Choice("required"), "required"),
        (Choice("named", "look"), {"type": "function", "function": {"name": "look"}}),
        (Choice("named", "not offered"), None),
    ],
)
def test_choices(choice: Choice, written: Any):
    assert asked(tools=(LOOK,), choice=choice).get("tool_choice") == written
    assert "tool_choice" not in asked(choice=choice)


def test_one_call_at_a_time():
    one = Choice(parallel=False)
    assert asked(tools=(LOOK,), choice=one)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in asked(choice=one)
    assert "parallel_tool_calls" not in asked(tools=(LOOK,), choice=one, manner=Manner("o3"))


def test_forms():
    assert asked(form=Form())["response_format"] == {"type": "json_object"}
    form = asked(form=Form(OBJECT, "my form", "Why."))["response_format"]["json_schema"]
    assert form["name"].startswith("my_form_")
    assert (form["description"], form["schema"]) == ("Why.", {"type": "object", "properties": {}})


SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.5,
    "frequency_penalty": 1.0,
    "presence_penalty": 1.0,
    "logit_bias": {"7": 1.0},
}


@pytest.mark.parametrize("model", ["gpt-5.5", "openai/o3-mini", "o1", "gpt-6-codex"])
def test_what_reasoning_models_refuse_is_left_out(model: str):
    manner = Manner(model, 700)
    written = asked(manner=manner, stop=("a",), verbosity="low", max_tokens=900, seed=3, **SAMPLING)
    assert written.keys() == {"model", "messages", "stream", "stream_options", "max_completion_tokens", "verbosity", "seed"}
    assert written["max_completion_tokens"] == 700
    lost = {feature for feature, how in CHAT.carried(manner).items() if how is not CHAT.carries[feature]}
    assert {Feature.TEMPERATURE, Feature.TOP_P, Feature.PENALTIES, Feature.LOGIT_BIAS, Feature.STOP} <= lost
    assert CHAT.carried(manner)[Feature.STOP] is How.APPROXIMATED


@pytest.mark.parametrize("model", ["qwen3", "gpt-4.1", "gpt-5-chat-latest", "gpt-oss-120b", "foo1-x"])
def test_other_models_are_told_how_to_sample(model: str):
    written = asked(manner=Manner(model), stop=("a", "b"), verbosity="low", max_tokens=900, **SAMPLING)
    assert {key: written[key] for key in SAMPLING} == SAMPLING
    assert (written["stop"], written["max_tokens"]) == (["a", "b"], 900)
    assert "verbosity" not in written
    assert CHAT.carried(Manner(model))[Feature.VERBOSITY] is How.DROPPED


def test_the_key_of_the_limit_can_be_set():
    assert asked(manner=Manner("qwen3", limit="max_completion_tokens"), max_tokens=9)["max_completion_tokens"] == 9
    assert asked(manner=Manner("gpt-5", limit="max_tokens"), max_tokens=9)["max_tokens"] == 9


@pytest.mark.parametrize(
    ("thinking", "manner", "written"),
    [
        (Thinking(effort="high"), PLAIN, {}),
        (Thinking(), REASONER, {}),
        (Thinking(on=True), REASONER, {}),
        (Thinking(effort="max"), REASONER, {"reasoning_effort": "high"}),
        (Thinking(effort="none"), REASONER, {"reasoning_effort": "low"}),
        (Thinking(on=False), Manner("gpt-oss-20b"), {"reasoning_effort": "low"}),
        (Thinking(on=True, budget=4000), REASONER, {"reasoning_effort": "medium"}),
        (Thinking(on=True, budget=9000), DEEPSEEK, {"thinking": {"type": "enabled"}}),
        (Thinking(effort="none"), DEEPSEEK, {"thinking": {"type": "disabled"}}),
        (Thinking(on=False), DEEPSEEK, {"thinking": {"type": "disabled"}}),
        (Thinking(), DEEPSEEK, {}),
        (Thinking(effort="low"), Manner("qwen3", thinking="effort"), {"reasoning_effort": "low"}),
        (Thinking(effort="low"), Manner("glm-5", thinking="switch"), {"thinking": {"type": "enabled"}}),
        (Thinking(effort="low"), Manner("gpt-5", thinking="never"), {}),
    ],
)
def test_thinking(thinking: Thinking, manner: Manner, written: dict[str, Any]):
    body = asked(thinking=thinking, manner=manner, allowed=("thinking",))
    assert {key: body[key] for key in ("thinking", "reasoning_effort") if key in body} == written
    told = CHAT.carried(manner)[Feature.THINKING]
    assert told is (How.DROPPED if manner.thinking == "never" or manner is PLAIN else How.APPROXIMATED)


def test_a_forced_call_switches_thinking_off_where_it_would_be_refused():
    written = asked(tools=(LOOK,), choice=Choice("required"), thinking=Thinking(effort="high"), manner=DEEPSEEK, allowed=("thinking",))
    assert written["thinking"] == {"type": "disabled"}


TASK = (
    HELLO,
    said(Thought("Hm."), Thought("Signed.", signed=True), ToolCall("t", "look", "{}")),
    user(ToolResult("t", ())),
    said(ToolCall("u", "look", "{}")),
    user(ToolResult("u", ())),
    said(Thought("Signed.", signed=True)),
    HELLO,
)


@pytest.mark.parametrize(
    ("manner", "thoughts"),
    [
        (PLAIN, ["Hm.", None]),
        (Manner("qwen3", thoughts="never"), [None, None]),
        (Manner("qwen3", thoughts="always"), ["Hm.\n\nSigned.", "", "Signed."]),
        (DEEPSEEK, ["Hm.\n\nSigned.", "", "Signed."]),
        (Manner("gpt-4.1"), [None, None]),
    ],
)
def test_earlier_thoughts(manner: Manner, thoughts: list[str | None]):
    written = json.loads(CHAT.asked(Conversation("x", messages=TASK), manner))["messages"]
    answers = [message for message in written if message["role"] == "assistant"]
    assert [message.get("reasoning_content") for message in answers] == thoughts


def test_who_asks():
    assert asked(user="u" * 64)["user"] == "u" * 64
    assert len(asked(user="u" * 65)["user"]) == 37

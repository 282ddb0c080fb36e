"""Requests → conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.conversation import Choice, Conversation, Media, Message, Part, Role, Text, Thinking, Thought, ToolCall, ToolResult
from extproc.core.dialects.anthropic import Anthropic
from extproc.core.dialects.media import from_text
from extproc.core.features import Feature

SPEC = Anthropic()
MARK = {"type": "ephemeral"}
HELLO = {"role": "user", "content": "Hello"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
F = Feature


def read(*messages: Any, **fields: Any) -> Conversation:
    return SPEC.conversation(json.dumps({"model": "m", "max_tokens": 9, "messages": list(messages or [HELLO]), **fields}).encode())


def held(conversation: Conversation) -> set[Feature]:
    return {feature for _, feature in conversation.held} - {Feature.MAX_TOKENS}


def block(**told: Any) -> Conversation:
    return read({"role": "user", "content": [told]})


@pytest.mark.parametrize(
    ("told", "part", "features"),
    [
        ({"type": "text", "text": "a"}, Text("a"), set()),
        ({"type": "text", "text": "a", "cache_control": MARK}, Text("a", cached=True), {F.CACHE_MARKS}),
        ({"type": "text", "text": "a", "cache_control": None, "citations": None}, Text("a"), set()),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
            Media("image", "image/png", "QQ=="),
            {F.IMAGE_DATA},
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x/a"}}, Media("image", url="https://x/a"), {F.IMAGE_URL}),
        (
            {"type": "document", "title": "T", "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}},
            Media("document", "application/pdf", "QQ==", name="T"),
            {F.DOCUMENT_DATA},
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ä"}},
            from_text("ä"),
            {F.DOCUMENT_TEXT},
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x/a"}, "citations": {"enabled": True}},
            Media("document", url="https://x/a"),
            {F.DOCUMENT_URL, F.CITATIONS},
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            from_text("a"),
            {F.DOCUMENT_TEXT},
        ),
        (
            {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "a"}]},
            from_text("a", name="T (S)"),
            {F.DOCUMENT_TEXT},
        ),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, None, {F.PROVIDER_FILE}),
        ({"type": "container_upload", "file_id": "f"}, None, {F.PROVIDER_FILE}),
        ({"type": "tool_addition", "tool": {}}, None, {F.PROVIDER_PART}),
    ],
)
def test_what_a_user_says(told: dict[str, Any], part: Part | None, features: set[Feature]):
    conversation = block(**told)
    assert conversation.messages == (Message(Role.USER, (part,) if part else ()),)
    assert held(conversation) == features


@pytest.mark.parametrize(
    ("told", "part", "features"),
    [
        ({"type": "thinking", "thinking": "Hm.", "signature": "s"}, Thought("Hm.", signed=True), {F.SIGNED_THOUGHTS}),
        ({"type": "thinking", "thinking": "Hm.", "signature": ""}, Thought("Hm."), {F.THOUGHTS}),
        ({"type": "redacted_thinking", "data": "x"}, None, {F.SIGNED_THOUGHTS}),
        (CALL, ToolCall("toolu_1", "look", '{"at": 1}'), set()),
        ({**CALL, "input": None, "caller": {"type": "direct"}}, ToolCall("toolu_1", "look", "{}"), {F.HINTS}),
        (
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "kites"}},
            Text('[web_search: {"query":"kites"}]'),
            {F.HOSTED_HISTORY},
        ),
        (
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s",
                "content": [{"type": "web_search_result", "title": "T", "url": "U", "encrypted_content": "E"}],
            },
            Text('[web_search_tool_result: [{"title":"T","url":"U"}]]'),
            {F.HOSTED_HISTORY},
        ),
    ],
)
def test_what_the_assistant_said(told: dict[str, Any], part: Part | None, features: set[Feature]):
    conversation = read(HELLO, {"role": "assistant", "content": [told]}, HELLO)
    assert conversation.messages[1].parts == ((part,) if part else ())
    assert held(conversation) == features


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x/a"}}


@pytest.mark.parametrize(
    ("told", "result", "features"),
    [
        ({"content": "seen"}, ToolResult("t", (Text("seen"),)), set()),
        ({}, ToolResult("t", ()), set()),
        ({"content": None, "is_error": False}, ToolResult("t", ()), set()),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, ToolResult("t", (Text("a"), Text("b"))), set()),
        ({"content": "no", "is_error": True}, ToolResult("t", (Text("no"),), error=True), {F.RESULT_ERROR}),
        ({"content": "a", "cache_control": MARK}, ToolResult("t", (Text("a"),), cached=True), {F.CACHE_MARKS}),
        ({"content": [IMAGE]}, ToolResult("t", (Media("image", url="https://x/a"),)), {F.RESULT_PARTS, F.IMAGE_URL}),
        (
            {"content": [{"type": "tool_reference", "tool_name": "look"}]},
            ToolResult("t", (Text("The tool look can be called."),)),
            {F.CLIENT_TOOLS},
        ),
        ({"content": [{"type": "tool_result", "tool_use_id": "u", "content": "in it"}]}, ToolResult("t", ()), {F.PROVIDER_PART}),
    ],
)
def test_results(told: dict[str, Any], result: ToolResult, features: set[Feature]):
    conversation = block(type="tool_result", tool_use_id="t", **told)
    assert conversation.messages[0].parts == (result,)
    assert held(conversation) == features


def test_what_a_document_is_about_goes_with_it():
    source = {"type": "text", "media_type": "text/plain", "data": "a"}
    parts = block(type="document", context="A letter.", source=source).messages[0].parts
    assert parts == (Text("About the document: A letter."), from_text("a"))


def test_a_sentence_with_citations_is_whole_again():
    cited = {"type": "text", "text": "a toy", "citations": [{"type": "char_location"}]}
    said = [{"type": "text", "text": "A kite is "}, cited, {"type": "text", "text": "."}]
    conversation = read(HELLO, {"role": "assistant", "content": said}, HELLO)
    assert conversation.messages[1].parts == (Text("A kite is a toy."),)
    assert held(conversation) == {F.CITATIONS}


def test_words_behind_calls_are_noted():
    said = [CALL, {"type": "text", "text": "Wait."}]
    assert held(read(HELLO, {"role": "assistant", "content": said}, HELLO)) == {F.PART_ORDER}


def test_the_beginning_of_an_answer_is_noted_also_behind_a_system_message():
    begun = {"role": "assistant", "content": "The answer is ("}
    system = {"role": "system", "content": [{"type": "text", "text": "Note."}], "output_config": {"effort": "low"}}
    assert held(read(HELLO, begun)) == {F.PREFILL}
    conversation = read(HELLO, begun, system)
    assert held(conversation) == {F.PREFILL, F.SYSTEM_LATER, F.EFFORT}
    assert conversation.messages[-1] == Message(Role.SYSTEM, (Text("Note."),))
    assert held(read(HELLO, {"role": "assistant", "content": [CALL]})) == set()


def test_system_prompts():
    assert read(system="Be brief.").system == (Text("Be brief."),)
    blocks = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=abc;"},
        {"type": "text", "text": "You are an agent."},
        {"type": "text", "text": "Be brief.", "cache_control": MARK},
    ]
    conversation = read(system=blocks)
    assert conversation.system == (Text("You are an agent."), Text("Be brief.", cached=True))
    assert held(conversation) == {F.SYSTEM, F.CACHE_MARKS, F.HINTS}
    assert read(system=None).system == read(system=[]).system == ()


@pytest.mark.parametrize(
    ("tools", "names", "features"),
    [
        ([TOOL], ["look"], {F.TOOLS}),
        ([{**TOOL, "type": "custom", "strict": True, "eager_input_streaming": True}], ["look"], {F.TOOLS, F.STRICT_TOOLS, F.HINTS}),
        ([{"type": "bash_20250124", "name": "bash"}], ["bash"], {F.CLIENT_TOOLS}),
        (
            [{"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}],
            ["str_replace_based_edit_tool"],
            {F.CLIENT_TOOLS},
        ),
        ([{"type": "memory_20250818", "name": "memory"}, TOOL], ["memory", "look"], {F.CLIENT_TOOLS, F.TOOLS}),
        ([{"type": "web_search_20260318", "name": "web_search"}, TOOL], ["look"], {F.HOSTED_TOOLS, F.TOOLS}),
        ([{"type": "web_search_20260318", "name": "web_search"}], [], {F.HOSTED_TOOLS, F.HOSTED_NEEDED}),
        ([{"type": "computer_20251124", "name": "computer"}, TOOL], ["look"], {F.PROVIDER_PART, F.TOOLS}),
    ],
)
def test_tools(tools: list[Any], names: list[str], features: set[Feature]):
    conversation = read(tools=tools)
    assert [tool.name for tool in conversation.tools] == names
    assert all(tool.schema for tool in conversation.tools)
    assert held(conversation) == features


def test_a_hosted_tool_that_must_be_called_is_needed():
    search = {"type": "web_search_20260318", "name": "web_search"}
    conversation = read(tools=[search, TOOL], tool_choice={"type": "tool", "name": "web_search"})
    assert F.HOSTED_NEEDED in held(conversation)


@pytest.mark.parametrize(
    ("told", "choice", "features"),
    [
        ({"type": "auto"}, Choice(), set()),
        ({"type": "any"}, Choice("required"), {F.CHOICE_REQUIRED}),
        ({"type": "tool", "name": "look"}, Choice("named", "look"), {F.CHOICE_NAMED}),
        ({"type": "none"}, Choice("none"), {F.CHOICE_NONE}),
        ({"type": "auto", "disable_parallel_tool_use": True}, Choice(parallel=False), {F.PARALLEL}),
        ({"type": "any", "disable_parallel_tool_use": False}, Choice("required", parallel=True), {F.CHOICE_REQUIRED, F.PARALLEL}),
    ],
)
def test_choices(told: dict[str, Any], choice: Choice, features: set[Feature]):
    conversation = read(tools=[TOOL], tool_choice=told)
    assert conversation.choice == choice
    assert held(conversation) - {F.TOOLS} == features


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({}, Thinking()),
        ({"thinking": {"type": "disabled"}}, Thinking(on=False)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, Thinking(on=True, effort="max", summary="auto")),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(on=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(on=True, budget=2000, summary="auto")),
        ({"output_config": {"effort": "low"}}, Thinking(effort="low")),
    ],
)
def test_thinking(fields: dict[str, Any], thinking: Thinking):
    assert read(**fields).thinking == thinking

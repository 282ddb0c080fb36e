"""Requests → conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.conversation import Conversation, Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.features import Feature
from tests.core.dialects.openai_chat.made import CHAT

HELLO = {"role": "user", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1.0}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "seen"}
MARK = {"type": "ephemeral"}
USER = Message(Role.USER, (Text("Hello"),))
F = Feature


def read(*messages: Any, **fields: Any) -> Conversation:
    return CHAT.conversation(json.dumps({"model": "m", "messages": list(messages or [HELLO]), **fields}).encode())


def held(conversation: Conversation) -> set[Feature]:
    return {feature for _, feature in conversation.held}


@pytest.mark.parametrize(
    ("told", "parts", "features"),
    [
        ("Hello", (Text("Hello"),), set()),
        (None, (), set()),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], (Text("a"), Text("b")), set()),
        ([{"type": "text", "text": "a", "cache_control": MARK}], (Text("a", cached=True),), {F.CACHE_MARKS}),
        (
            [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            (Text("a", cached=True),),
            {F.CACHE_MARKS},
        ),
        (
            [{"type": "image_url", "image_url": {"url": "data:image/jpg;base64,QQ=="}}],
            (Media("image", "image/jpeg", "QQ=="),),
            {F.IMAGE_DATA},
        ),
        (
            [{"type": "image_url", "image_url": {"url": "https://x/a", "detail": "high"}}],
            (Media("image", url="https://x/a", detail="high"),),
            {F.IMAGE_URL, F.IMAGE_DETAIL},
        ),
        ([{"type": "image_url", "image_url": "https://x/a"}], (Media("image", url="https://x/a"),), {F.IMAGE_URL}),
        (
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="}}],
            (Media("document", "application/pdf", "QQ==", name="a.pdf"),),
            {F.DOCUMENT_DATA},
        ),
        ([{"type": "file", "file": {"file_data": "QQ=="}}], (Media("document", "application/pdf", "QQ=="),), {F.DOCUMENT_DATA}),
        (
            [{"type": "file", "file": {"file_data": "data:text/csv,a%2Cb"}}],
            (Media("document", "text/csv", "YSxi"),),
            {F.DOCUMENT_TEXT},
        ),
        ([{"type": "file", "file": {"file_data": "data:image/x;base64,"}}], (Media("document", "image/x"),), {F.PROVIDER_PART}),
        ([{"type": "file", "file": {"file_id": "f"}}], (), {F.PROVIDER_FILE}),
        ([{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}], (), {F.AUDIO}),
        ([{"type": "video_url", "video_url": {"url": "u"}}], (), {F.PROVIDER_PART, F.UNKNOWN}),
    ],
)
def test_what_a_user_says(told: Any, parts: tuple[Part, ...], features: set[Feature]):
    conversation = read({"role": "user", "content": told})
    assert conversation.messages == (Message(Role.USER, parts),)
    assert held(conversation) == features


@pytest.mark.parametrize(
    ("told", "parts", "features"),
    [
        ({"content": "Hi"}, (Text("Hi"),), set()),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, (Text("No.", refusal=True),), set()),
        ({"content": None, "refusal": "No."}, (Text("No.", refusal=True),), set()),
        ({"content": "Hi", "reasoning_content": "Hm."}, (Thought("Hm."), Text("Hi")), {F.THOUGHTS}),
        ({"content": "Hi", "reasoning": "Hm."}, (Thought("Hm."), Text("Hi")), {F.THOUGHTS}),
        ({"content": "Hi", "reasoning_content": "", "reasoning": None}, (Text("Hi"),), set()),
        ({"content": "Hi", "thinking_blocks": [{"signature": "s"}]}, (Text("Hi"),), {F.SIGNED_THOUGHTS}),
        ({"content": "Hi", "annotations": [{"type": "url_citation"}]}, (Text("Hi"),), {F.CITATIONS}),
        ({"content": "Hi", "audio": {"id": "a"}}, (Text("Hi"),), {F.AUDIO}),
        ({"content": "Hi", "provider_specific_fields": {"a": 1}}, (Text("Hi"),), {F.UNKNOWN}),
        ({"content": "Hi", "provider_specific_fields": None}, (Text("Hi"),), set()),
        ({"tool_calls": [CALL]}, (ToolCall("call_1", "look", '{"at": 1.0}'),), set()),
        ({"content": "", "tool_calls": [{**CALL, "index": 0}]}, (Text(""), ToolCall("call_1", "look", '{"at": 1.0}')), set()),
        ({"tool_calls": [{"id": "c", "function": {"name": "n", "arguments": ""}}]}, (ToolCall("c", "n", "{}"),), set()),
        ({"tool_calls": [{"id": "c", "function": {"name": "n", "arguments": {"a": 1}}}]}, (ToolCall("c", "n", '{"a": 1}'),), set()),
        (
            {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "n", "input": "ls"}}]},
            (ToolCall("c", "n", "ls", custom=True),),
            {F.CUSTOM_TOOLS},
        ),
        ({"tool_calls": [{**CALL, "extra_content": {"google": 1}}]}, (ToolCall("call_1", "look", '{"at": 1.0}'),), {F.UNKNOWN}),
    ],
)
def test_what_the_assistant_said(told: dict[str, Any], parts: tuple[Part, ...], features: set[Feature]):
    conversation = read(HELLO, {"role": "assistant", **told}, HELLO)
    assert conversation.messages[1].parts == parts
    assert held(conversation) == features


def test_results_that_come_together_make_one_message():
    other = {**RESULT, "tool_call_id": "call_2", "name": "look", "content": [{"type": "text", "text": "b"}]}
    conversation = read(HELLO, CALLED, other, RESULT, HELLO)
    results = (ToolResult("call_2", (Text("b"),)), ToolResult("call_1", (Text("seen"),)))
    assert conversation.messages[2:] == (Message(Role.USER, results), USER)
    assert held(conversation) == set()


def test_a_result_may_hold_images_and_a_cache_mark():
    image = {"type": "image_url", "image_url": {"url": "https://x/a"}}
    conversation = read(CALLED, {**RESULT, "content": [image], "cache_control": MARK})
    assert conversation.messages[1].parts == (ToolResult("call_1", (Media("image", url="https://x/a"),), cached=True),)
    assert held(conversation) == {F.RESULT_PARTS, F.IMAGE_URL, F.CACHE_MARKS}


def test_calls_of_the_older_form_find_their_results():
    first = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
    result = {"role": "function", "name": "look", "content": "seen"}
    messages = read(HELLO, first, result, first, {**result, "content": "again"}).messages
    calls = [messages[1].parts[0], messages[3].parts[0]]
    assert calls == [ToolCall("call_1", "look", "{}"), ToolCall("call_3", "look", "{}")]
    assert [message.parts for message in messages[2::2]] == [
        (ToolResult("call_1", (Text("seen"),)),),
        (ToolResult("call_3", (Text("again"),)),),
    ]


def test_what_stands_before_the_conversation_is_system():
    parts = [{"type": "text", "text": "b"}, {"type": "text", "text": "c", "cache_control": MARK}]
    conversation = read({"role": "developer", "content": "a"}, {"role": "system", "content": parts}, HELLO)
    assert conversation.system == (Text("a"), Text("b"), Text("c", cached=True))
    assert conversation.messages == (USER,)
    assert held(conversation) == {F.SYSTEM, F.CACHE_MARKS}
    later = read(HELLO, {"role": "system", "content": "Note."})
    assert (later.system, later.messages[1]) == ((), Message(Role.SYSTEM, (Text("Note."),)))
    assert held(later) == {F.SYSTEM_LATER}


def test_who_speaks_is_told_in_words():
    conversation = read({"role": "user", "name": "Ada", "content": "Hello"}, {"role": "assistant", "name": "bot", "content": "Hi"}, HELLO)
    assert conversation.messages[0].parts == (Text("Ada: Hello"),)
    assert conversation.messages[1].parts == (Text("Hi"),)
    assert held(conversation) == {F.MESSAGE_NAME, F.UNKNOWN}


def test_a_mark_on_a_message_is_on_its_last_part():
    assert read({**HELLO, "cache_control": MARK}).messages == (Message(Role.USER, (Text("Hello", cached=True),)),)


@pytest.mark.parametrize("behind", [[], [{"role": "system", "content": "Note."}]])
def test_the_beginning_of_an_answer_is_noted(behind: list[Any]):
    begun = {"role": "assistant", "content": "{"}
    assert F.PREFILL in held(read(HELLO, begun, *behind))
    assert F.PREFILL not in held(read(HELLO, CALLED, *behind))
    assert F.PREFILL in held(read(HELLO, {**begun, "prefix": True}, *behind))

"""Requests → conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.conversation import Choice, Conversation, Form, Media, Message, Role, Text, Thinking, Thought, ToolCall, ToolResult
from extproc.core.errors import UnreadableError
from extproc.core.features import Feature
from tests.core.dialects.openai_responses.made import SPEC

USER = {"role": "user", "content": "Hello"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": '{"at":1.0}', "status": "completed"}
RESULT = {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "seen"}
HELLO = Message(Role.USER, (Text("Hello"),))


def read(*items: Any, **fields: Any) -> Conversation:
    body = {"model": "m", **({"input": list(items)} if items else {}), **fields}
    return SPEC.conversation(json.dumps(body).encode())


def held(conversation: Conversation) -> dict[str, Feature]:
    return dict(conversation.held)


def answered(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, parts)


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ("Hello", (HELLO,)),
        ([USER], (HELLO,)),
        ([{"type": "message", **USER}], (HELLO,)),
        ([{**USER, "content": [{"type": "input_text", "text": "Hello"}]}], (HELLO,)),
        ([USER, USER], (HELLO, HELLO)),
        ([USER, {"role": "assistant", "content": "Hi", "phase": None}], (HELLO, answered(Text("Hi")))),
        (
            [USER, {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}],
            (HELLO, answered(Text("Hi"))),
        ),
        ([USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}], (HELLO, answered(Text("No.", refusal=True)))),
        ([USER, {"role": "assistant", "content": None}, {"role": "user", "content": ""}], (HELLO,)),
    ],
)
def test_messages_come_in_many_shapes(given: Any, messages: tuple[Message, ...]):
    assert read(input=given).messages == messages


def test_what_stands_before_the_conversation_is_system():
    conversation = read({"role": "developer", "content": "b"}, {"role": "system", "content": "c"}, USER, instructions="a")
    assert conversation.system == (Text("a"), Text("b"), Text("c"))
    assert conversation.messages == (HELLO,)
    later = read(USER, {"role": "developer", "content": "b"})
    assert (later.system, later.messages[1]) == ((), Message(Role.SYSTEM, (Text("b"),)))
    assert held(later) == {"input[system] later": Feature.SYSTEM_LATER}


def test_items_of_one_answer_make_one_message():
    other = {**CALL, "call_id": "call_2", "namespace": None}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "content": None}
    conversation = read(USER, thought, {"role": "assistant", "content": "I look."}, CALL, other, {**RESULT, "call_id": "call_2"}, RESULT)
    assert conversation.messages == (
        HELLO,
        answered(Thought("Hm."), Text("I look."), ToolCall("call_1", "look", '{"at":1.0}'), ToolCall("call_2", "look", '{"at":1.0}')),
        Message(Role.USER, (ToolResult("call_2", (Text("seen"),)), ToolResult("call_1", (Text("seen"),)))),
    )


def test_a_new_call_after_a_result_is_another_message():
    conversation = read(USER, CALL, RESULT, {**CALL, "call_id": "call_2"}, {**RESULT, "call_id": "call_2"}, USER)
    assert [message.role for message in conversation.messages] == [
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
        Role.USER,
    ]


def test_reasoning_under_a_seal_is_another_providers_business():
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"}
    told = {**sealed, "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]}
    conversation = read(USER, sealed, told, CALL, RESULT)
    assert conversation.messages[1].parts[0] == Thought("a\n\nb", signed=True)
    assert held(conversation) == {"input[reasoning].encrypted_content": Feature.SIGNED_THOUGHTS}


IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
PARTS: dict[str, tuple[dict[str, Any], Media, Feature]] = {
    "image": (IMAGE, Media("image", "image/png", "AA==", detail="low"), Feature.IMAGE_DATA),
    "image elsewhere": (
        {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "auto"},
        Media("image", url="https://a.example/b.png", detail="auto"),
        Feature.IMAGE_URL,
    ),
    "file": (
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        Media("document", "application/pdf", "AA==", name="a.pdf"),
        Feature.DOCUMENT_DATA,
    ),
    "bare file": ({"type": "input_file", "file_data": "AA=="}, Media("document", "application/pdf", "AA=="), Feature.DOCUMENT_DATA),
    "text": (
        {"type": "input_file", "filename": "a.md", "file_data": "data:text/markdown;base64,YQ=="},
        Media("document", "text/markdown", "YQ==", name="a.md"),
        Feature.DOCUMENT_TEXT,
    ),
    "file elsewhere": (
        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
        Media("document", url="https://a.example/b.pdf"),
        Feature.DOCUMENT_URL,
    ),
}


@pytest.mark.parametrize("kind", PARTS)
def test_images_and_documents(kind: str):
    part, media, feature = PARTS[kind]
    conversation = read({"role": "user", "content": [part]}, CALL, {**RESULT, "output": [part]})
    assert conversation.messages[0].parts == (media,)
    assert conversation.messages[2].parts == (ToolResult("call_1", (media,)),)
    assert {feature, Feature.RESULT_PARTS} <= set(held(conversation).values())


LEFT_OUT: dict[str, tuple[Any, Feature]] = {
    "image at the provider": ({"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}, Feature.PROVIDER_FILE),
    "file at the provider": ({"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}, Feature.PROVIDER_FILE),
    "audio": ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, Feature.AUDIO),
    "an unknown part": ({"role": "user", "content": [{"type": "input_smell"}]}, Feature.PROVIDER_PART),
    "an unknown item": ({"type": "telepathy"}, Feature.PROVIDER_PART),
    "a reference": ({"type": "item_reference", "id": "msg_1"}, Feature.SERVER_STATE),
    "a bare reference": ({"id": "msg_1"}, Feature.SERVER_STATE),
    "a compaction": ({"type": "compaction", "encrypted_content": "E"}, Feature.SERVER_STATE),
    "a hosted call": ({"type": "web_search_call", "id": "ws_1", "action": {"query": "tea"}}, Feature.HOSTED_HISTORY),
    "a search for tools": ({"type": "tool_search_call", "arguments": {}, "execution": "server"}, Feature.HINTS),
    "tools so found": ({"type": "tool_search_output", "tools": [], "execution": "server"}, Feature.HINTS),
    "a field of a message": ({**USER, "mood": "bad"}, Feature.UNKNOWN),
    "a mark for the cache": (
        {"role": "user", "content": [{"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
        Feature.CACHE_MARKS,
    ),
    "a citation": (
        {"role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}]}]},
        Feature.CITATIONS,
    ),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_cannot_be_carried_is_listed(kind: str):
    item, feature = LEFT_OUT[kind]
    assert feature in held(read(item, USER)).values()


def test_what_a_hosted_tool_did_is_told_in_words():
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "tea"}}
    assert read(USER, item).messages[1] == answered(Text('[web_search_call: {"action":{"query": "tea"}}]'))
    drawn = {"type": "image_generation_call", "id": "ig_1", "result": "A" * 9_000, "revised_prompt": "a cat"}
    assert read(USER, drawn).messages[1] == answered(Text('[image_generation_call: {"revised_prompt":"a cat"}]'))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"max_output_tokens": 99, "temperature": 0, "top_p": 0.5}, {"max_tokens": 99, "temperature": 0.0, "top_p": 0.5}),
        ({"stream": True}, {"stream": True, "stream_usage": True}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"thinking": Thinking(effort="low", summary="auto")}),
        ({"text": {"verbosity": "low", "format": {"type": "text"}}}, {"verbosity": "low", "form": None}),
        ({"text": {"format": {"type": "json_object"}}}, {"form": Form()}),
        ({"user": "a"}, {"user": "a"}),
        ({"user": "a", "safety_identifier": "b"}, {"user": "b"}),
        ({"metadata": {"a": "b"}, "client_metadata": {"c": "d"}}, {"metadata": {"a": "b"}}),
        ({"prompt_cache_key": "k", "service_tier": "flex"}, {"cache_key": "k", "service_tier": "flex"}),
        ({"parallel_tool_calls": False}, {"choice": Choice(parallel=False)}),
        ({"temperature": None, "metadata": None, "reasoning": None, "text": None, "tools": None, "include": None}, {"temperature": None}),
    ],
)
def test_fields_are_read(fields: dict[str, Any], told: dict[str, Any]):
    conversation = read(USER, **fields)
    assert {key: getattr(conversation, key) for key in told} == told


def test_a_schema_is_carried_as_it_came():
    schema = b'"type":"json_schema","name":"n","strict":true,"description":"d","schema":{"type": "object", "x": 1.0}'
    form = SPEC.conversation(b'{"input":"x","text":{"format":{%b}}}' % schema).form
    assert form is not None
    assert form.schema is not None
    assert bytes(form.schema) == b'{"type": "object", "x": 1.0}'
    assert (form.name, form.description, form.strict) == ("n", "d", True)


HELD: dict[str, tuple[Any, Feature]] = {
    "previous_response_id": ("resp_1", Feature.SERVER_STATE),
    "conversation": ({"id": "conv_1"}, Feature.SERVER_STATE),
    "prompt": ({"id": "p"}, Feature.SERVER_STATE),
    "background": (True, Feature.BACKGROUND),
    "store": (True, Feature.STORE),
    "truncation": ("auto", Feature.CONTEXT_EDITS),
    "context_management": ([{"type": "compaction"}], Feature.CONTEXT_EDITS),
    "stream_options": ({"include_obfuscation": False}, Feature.STREAM_OPTIONS),
    "include": (["reasoning.encrypted_content"], Feature.THINKING_SHOWN),
    "top_logprobs": (3, Feature.LOGPROBS),
    "max_tool_calls": (3, Feature.HOSTED_TOOLS),
    "moderation": ({"model": "m"}, Feature.HINTS),
    "brand_new": (1, Feature.UNKNOWN),
}


@pytest.mark.parametrize("field", HELD)
def test_fields_that_nobody_else_has_are_listed(field: str):
    value, feature = HELD[field]
    assert held(read(USER, **{field: value})) == {field: feature}


def test_values_that_ask_for_nothing_are_not():
    fields = {"store": False, "background": False, "truncation": "disabled", "top_logprobs": 0, "tool_choice": "auto", "stream": False}
    assert read(USER, **fields, tools=[], include=[], metadata={}, previous_response_id=None).held == ()


def test_logprobs_are_seen_where_they_are_included():
    assert held(read(USER, include=["message.output_text.logprobs"])) == {"include[logprobs]": Feature.LOGPROBS}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"input":3}',
        b'{"input":[3]}',
        b'{"input":[{"role":"butler","content":"x"}]}',
        b'{"input":[{"role":"user","content":3}]}',
        b'{"input":[{"role":"user","content":[{"type":"input_text","text":3}]}]}',
        b'{"input":[{"type":"function_call","name":"x","arguments":"{}"}]}',
        b'{"input":[{"type":"function_call","call_id":"x","arguments":"{}"}]}',
        b'{"input":[{"type":"function_call_output","output":"x"}]}',
        b'{"input":"x","tools":{}}',
        b'{"input":"x","tools":[{"type":"function","name":"f","parameters":[1]}]}',
        b'{"input":"x","max_output_tokens":"many"}',
        b'{"input":"x","stream":"yes"}',
        b'{"input":"x","metadata":{"a":1}}',
        b'{"input":"x","reasoning":"hard"}',
        b'{"input":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_what_is_none_is_refused(body: bytes):
    with pytest.raises(UnreadableError):
        SPEC.conversation(body)


def test_half_a_character_does_no_harm():
    assert SPEC.conversation(b'{"input":"a \\ud83d b"}').messages == (Message(Role.USER, (Text("a � b"),)),)

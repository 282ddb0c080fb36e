"""Requests change where they must and nowhere else; and what is asked of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.answers import Demands, ToolSpec
from extproc.core.conversation import Manner
from extproc.core.dialects.contract import Changes
from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import top_level
from tests.core.dialects.openai_chat.made import CHAT

BODY = b'{ "model" : "m-1", "messages":[ {"role":"user","content":"Hi \xf0\x9f\x90\x91 \\u0041"} ], "x" : 1.50, "stream": true }'
TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)


def demands(**fields: Any) -> Demands:
    return CHAT.demands(top_level(json.dumps(fields).encode()))


def question(*messages: dict[str, Any]) -> bytes:
    return CHAT.question(json.dumps({"model": "m", "messages": messages}).encode())


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


ANSWER = {"role": "assistant", "content": "Yes."}


def test_nothing_to_change_leaves_the_body():
    assert CHAT.changed(BODY, Changes()) is BODY
    assert CHAT.changed(BODY, Changes(no_thinking=True)) is BODY
    assert CHAT.disowned(BODY, lambda _: True) is BODY


def test_other_bytes_stay():
    changed = CHAT.changed(BODY, Changes(model="m-2", max_tokens=7, tell_usage=True))
    expected = BODY.replace(b'"m-1"', b'"m-2"')
    assert changed.startswith(expected.removesuffix(b"}"))
    assert json.loads(changed) == json.loads(expected) | {"max_completion_tokens": 7, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 9}),
        ({"max_completion_tokens": 5}, {"max_completion_tokens": 9}),
        ({"max_tokens": 5, "max_completion_tokens": None}, {"max_tokens": 9, "max_completion_tokens": None}),
        ({"max_tokens": 5, "max_completion_tokens": 5}, {"max_tokens": 9, "max_completion_tokens": 9}),
        ({"max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 9}),
    ],
)
def test_the_limit_stays_under_the_clients_key(limits: dict[str, Any], expected: dict[str, Any]):
    assert json.loads(CHAT.changed(json.dumps(limits).encode(), Changes(max_tokens=9))) == expected


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"stream": True}, {"include_usage": True}),
        ({"stream": True, "stream_options": None}, {"include_usage": True}),
        (
            {"stream": True, "stream_options": {"include_usage": False, "include_obfuscation": False}},
            {"include_usage": True, "include_obfuscation": False},
        ),
        ({"stream": False}, None),
        ({}, None),
    ],
)
def test_usage_is_asked_for_in_streams_only(fields: dict[str, Any], options: Any):
    changed = json.loads(CHAT.changed(json.dumps(fields).encode(), Changes(tell_usage=True)))
    assert changed.get("stream_options") == options


@given(TEXTS, st.lists(TEXTS, max_size=3), st.booleans())
def test_a_message_more_and_nothing_else(said: str, before: list[str], ascii_only: bool):
    messages = [user(text) for text in before]
    body = json.dumps({"model": "m", "messages": messages, "stop": None}, ensure_ascii=ascii_only).encode()
    extended = CHAT.extended(body, said)
    assert json.loads(extended)["messages"] == [*messages, user(said)]
    assert extended.startswith(body[: body.rindex(b"]")])
    assert extended.endswith(body[body.rindex(b"]") :])


def test_half_an_emoji_leaves_as_it_came():
    body = b'{"messages":[{"role":"user","content":"\\ud83d"}]}'
    assert CHAT.extended(body, "Go") == b'{"messages":[{"role":"user","content":"\\ud83d"},{"role":"user","content":"Go"}]}'


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages":"x"}', b'{"messages":[],"messages":[]}'])
def test_what_cannot_be_extended(body: bytes):
    with pytest.raises(UnreadableError):
        CHAT.extended(body, "Go")


def test_a_question_is_known_by_what_was_typed_and_where():
    first = question(user("Hi"))
    assert first == question({"role": "system", "content": "Be kind."}, user([{"type": "text", "text": "Hi"}]))
    assert first == question(user([{"type": "text", "text": "<system-reminder>x</system-reminder>"}, {"type": "text", "text": "Hi"}]))
    later = question(user("Hi"), ANSWER, user("Hi"))
    others = [question(user("Ho")), question(user("Ho"), ANSWER, user("Hi")), question(user("Hi"), ANSWER, user("Hi"), ANSWER, user("Hi"))]
    assert len({first, later, *others}) == 5


def test_results_are_known_by_their_calls():
    def results(*ids: str) -> bytes:
        return question(user("Hi"), ANSWER, *[{"role": "tool", "tool_call_id": one, "content": "x"} for one in ids])

    assert results("a", "b") == results("b", "a")
    assert results("a", "b") != results("a", "c")
    assert question(user("Hi"), ANSWER, {"role": "function", "name": "f", "content": "x"}) == b'"f"'


def test_a_question_that_cannot_be_read():
    with pytest.raises(UnreadableError):
        CHAT.question(b'{"messages":{}}')


def test_nothing_asked_for():
    assert demands() == Demands(wants_usage=False)


def test_tools_keep_their_schemas_as_they_came():
    tools = b'[{"type":"function","function":{"name":"f","parameters":{ "type":"object" }}},{"function":{"name":"g","parameters":null}},'
    tools += b'{"type":"custom","custom":{"name":"sql"}},{"type":"function","function":{}},7,{"type":"web_search"}]'
    asked = CHAT.demands(top_level(b'{"tools":%b,"functions":[{"name":"h","parameters":{}}]}' % tools))
    assert asked.tools == (ToolSpec("f", b'{ "type":"object" }'), ToolSpec("g"), ToolSpec("sql", custom=True), ToolSpec("h", b"{}"))


TOOLS = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "sql"}}]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_choice": "auto"}, {}),
        ({"tool_choice": "none"}, {"may_call": False}),
        ({"tool_choice": "required"}, {"must_call": True}),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"must_call": True, "must_call_tool": "f"}),
        ({"tool_choice": {"type": "custom", "custom": {"name": "sql"}}}, {"must_call": True, "must_call_tool": "sql"}),
        ({"function_call": {"name": "f"}}, {"must_call": True, "must_call_tool": "f"}),
        ({"function_call": "none"}, {"may_call": False}),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": TOOLS[:1]}}},
            {"must_call": True, "tools": (ToolSpec("f"),)},
        ),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": TOOLS[1:]}}},
            {"tools": (ToolSpec("sql", custom=True),)},
        ),
        ({"parallel_tool_calls": False}, {"parallel": False}),
        ({"tool_choice": 5, "parallel_tool_calls": "no"}, {}),
    ],
)
def test_how_tools_are_to_be_called(fields: dict[str, Any], expected: dict[str, Any]):
    base: dict[str, Any] = {"tools": (ToolSpec("f"), ToolSpec("sql", custom=True)), "wants_usage": False}
    assert demands(tools=TOOLS, **fields) == Demands(**base | expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"response_format": {"type": "json_object"}}, {"json": True}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"a": 1}}}},
            {"json": True, "schema": b'{"a": 1}'},
        ),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": "json"}, {}),
        ({"stop": "END"}, {"stop": ("END",)}),
        ({"stop": ["A", "B"]}, {"stop": ("A", "B")}),
        ({"stop": None}, {}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"max_tokens": "many"}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"wants_usage": True}),
        ({"stream": True, "stream_options": {}}, {}),
    ],
)
def test_what_else_is_asked_for(fields: dict[str, Any], expected: dict[str, Any]):
    base: dict[str, Any] = {"wants_usage": False}
    assert demands(**fields) == Demands(**base | expected)


def calling(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function"}], **more}


def test_answers_that_call_get_a_thought_where_the_model_wants_one():
    said = {"role": "assistant", "content": "é"}
    talk = [{"role": "user", "content": "a"}, calling(), said, calling(reasoning_content="Hm."), calling(reasoning_content=None)]
    body = json.dumps({"messages": talk, "model": "m"}, indent=1).encode()
    for manner in (Manner("deepseek-chat"), Manner("m", thoughts="always")):
        filled = CHAT.remembering(body, manner)
        expected = [talk[0], calling(reasoning_content=""), said, talk[3], calling(reasoning_content="")]
        assert json.loads(filled) == {"messages": expected, "model": "m"}
        start = body.index(b'"tool_calls"')
        assert filled[:start] == body[:start]
        assert CHAT.remembering(filled, manner) is filled


@pytest.mark.parametrize("manner", [Manner("m"), Manner("gpt-5"), Manner("deepseek-chat", thoughts="never")])
def test_other_models_get_the_body_as_it_is(manner: Manner):
    body = json.dumps({"messages": [calling()]}).encode()
    assert CHAT.remembering(body, manner) is body


@pytest.mark.parametrize("messages", [[{"role": "user", "content": '"tool_calls"'}], [{**calling(), "tool_calls": []}]])
def test_where_nothing_calls_nothing_changes(messages: Any):
    body = json.dumps({"messages": messages}).encode()
    assert CHAT.remembering(body, Manner("deepseek-chat")) is body


def test_what_cannot_be_read_is_told():
    with pytest.raises(UnreadableError):
        CHAT.remembering(b'{"messages": "x", "tool_calls": 1}', Manner("deepseek-chat"))

"""Plain messages are read in one step. What is read so is what is read key by key."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.conversation import Conversation
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.reading import Plain
from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import Dialect
from tests.core.dialects.test_requests_across import CORPUS

_NONE: Plain[Any] = Plain(msgspec.json.Decoder(set[bool]), msgspec.json.Decoder(list[set[bool]]))
"""Takes nothing that is a message."""
_OF = {"an": Dialect.ANTHROPIC, "oc": Dialect.OPENAI_CHAT, "or": Dialect.OPENAI_RESPONSES}
_WORDS = st.sampled_from(["", " ", "Hm.", "é", '"'])
_IDS = st.sampled_from(["a", "b", ""])
_CITED = st.sampled_from([None, [], [{"type": "char_location"}]])


def read(dialect: Dialect, body: bytes) -> Conversation | str:
    try:
        return DIALECTS[dialect].conversation(body)
    except UnreadableError as error:
        return error.rule


def by_key(dialect: Dialect, body: bytes) -> Conversation | str:
    """Read the same without the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module(f"extproc.core.dialects.{dialect}.reading"), "PLAIN", _NONE)
        return read(dialect, body)


def some(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    odd = {"cache_control": st.sampled_from([None, {}, {"type": "ephemeral"}]), "unheard": st.just(1)}
    return st.fixed_dictionaries(required, optional={**optional, **odd})


def kind(name: str, required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return some({"type": st.just(name), **required}, **optional)


TEXT = kind("text", {"text": _WORDS}, citations=_CITED)
INPUTS = st.sampled_from([{}, {"path": "a"}, None, "", [], [1], 0])
RESULT = kind(
    "tool_result", {"tool_use_id": _IDS}, content=_WORDS | st.lists(TEXT, max_size=2), is_error=st.sampled_from([True, False, None])
)
BLOCK = (
    TEXT | kind("thinking", {"thinking": _WORDS}, signature=_WORDS) | kind("tool_use", {"id": _IDS, "name": _IDS, "input": INPUTS}) | RESULT
)
FUNCTION = some({"name": _IDS, "arguments": st.sampled_from(["{}", "", "x", {"a": 1}])})
CALLS = st.lists(some({"id": _IDS, "function": FUNCTION}, type=st.just("function"), index=st.just(0)), max_size=2)
CONTENT = st.none() | _WORDS | st.lists(TEXT, max_size=2)
NOTHING = {"refusal": st.none() | _WORDS, "function_call": st.none(), "annotations": _CITED, "reasoning_content": _WORDS}
PARTS = _WORDS | st.lists(kind("input_text", {"text": _WORDS}) | kind("output_text", {"text": _WORDS}, annotations=_CITED), max_size=2)
STATE = {"id": st.none() | _IDS, "status": st.just("completed")}
MESSAGES = {
    Dialect.ANTHROPIC: some(
        {"role": st.sampled_from(["user", "assistant", "system", "odd"]), "content": _WORDS | st.lists(BLOCK, max_size=3)}
    ),
    Dialect.OPENAI_CHAT: some({"role": st.sampled_from(["system", "developer", "user"]), "content": CONTENT}, name=_IDS)
    | some({"role": st.just("assistant")}, content=CONTENT, tool_calls=CALLS, **NOTHING)
    | some({"role": st.just("tool"), "tool_call_id": _IDS, "content": CONTENT}),
    Dialect.OPENAI_RESPONSES: kind(
        "message", {"role": st.sampled_from(["user", "assistant", "developer", "odd"]), "content": PARTS}, **STATE
    )
    | kind("function_call", {"call_id": _IDS, "name": _IDS, "arguments": _WORDS}, **STATE)
    | kind("function_call_output", {"call_id": st.none() | _IDS, "output": PARTS}, **STATE),
}
KEYS = {Dialect.ANTHROPIC: "messages", Dialect.OPENAI_CHAT: "messages", Dialect.OPENAI_RESPONSES: "input"}


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_reads_the_same(name: str):
    assert read(_OF[name[:2]], CORPUS[name]) == by_key(_OF[name[:2]], CORPUS[name])


@given(st.data(), st.sampled_from(Dialect))
def test_messages_read_the_same(data: st.DataObject, dialect: Dialect):
    messages = data.draw(st.lists(MESSAGES[dialect], max_size=3))
    body = json.dumps({"model": "m", KEYS[dialect]: messages}).encode()
    assert read(dialect, body) == by_key(dialect, body)

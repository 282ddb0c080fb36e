"""Whatever a client sends is either refused with a reason or can be told in every dialect; nothing else is ever raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.core.conversation import Conversation, Manner
from extproc.core.dialects import DIALECTS
from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import Dialect

_PREFIX = {Dialect.ANTHROPIC: "an_", Dialect.OPENAI_CHAT: "oc_", Dialect.OPENAI_RESPONSES: "or_"}
_FULL: dict[Dialect, dict[str, Any]] = {
    Dialect.ANTHROPIC: {
        "system": [{"type": "text", "text": "s"}],
        "tools": [{"name": "n", "input_schema": {"type": "object"}, "strict": True}, {"type": "bash_20250124", "name": "bash"}],
        "tool_choice": {"type": "tool", "name": "n"},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "output_config": {"format": {"type": "json_schema", "schema": {"properties": {"a": {"format": "x"}}}}, "effort": "low"},
        "messages": [
            {"role": "user", "content": [{"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}]},
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "h"}, {"type": "tool_use", "id": "i", "name": "n", "input": {}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "r"}]}]},
        ],
    },
    Dialect.OPENAI_CHAT: {
        "tools": [{"type": "function", "function": {"name": "n", "parameters": {"a": 1}}}, {"type": "custom", "custom": {"name": "c"}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "n"}}]}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"anyOf": [{"minItems": 3}]}, "strict": True}},
        "stop": ["a"],
        "reasoning": {"effort": "low"},
        "messages": [
            {"role": "user", "name": "u", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]},
            {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/plain;base64,QQ=="}}]},
            {"role": "assistant", "tool_calls": [{"id": "i", "function": {"name": "n", "arguments": "{}"}}], "reasoning": "h"},
            {"role": "tool", "tool_call_id": "i", "content": "r"},
        ],
    },
    Dialect.OPENAI_RESPONSES: {},
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.just(10**30) | st.floats(0, 2) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "name", "content", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def _corpus(dialect: Dialect) -> list[Any]:
    found = sorted((Path(__file__).parents[2] / "corpus").glob(f"{_PREFIX[dialect]}*.json"))
    return [json.loads(path.read_bytes()) for path in found if path.stem != "oc_malformed"]


BODIES = {dialect: [{"model": "m", **_FULL[dialect]}] * 20 * bool(_FULL[dialect]) + _corpus(dialect) for dialect in Dialect}


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    """The same, with another value somewhere in it."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    key = draw(st.sampled_from(keys))
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = _replaced(draw, changed[key])
    return changed


@st.composite
def odd(draw: st.DrawFn, dialect: Dialect) -> bytes:
    body = draw(st.sampled_from(BODIES[dialect]))
    for _ in range(draw(st.integers(1, 3))):
        body = _replaced(draw, body)
    return json.dumps(body).encode()


def _read(dialect: Dialect, body: bytes) -> Conversation | str:
    """A conversation, or why there is none."""
    try:
        return DIALECTS[dialect].conversation(body)
    except UnreadableError as error:
        return error.rule


@pytest.mark.parametrize("dialect", Dialect)
@settings(max_examples=200)
@given(st.data())
def test_an_odd_request_is_refused_or_told(dialect: Dialect, data: st.DataObject):
    conversation = _read(dialect, data.draw(odd(dialect)))
    if isinstance(conversation, str):
        assert conversation.isidentifier()
        return
    for spec in DIALECTS.values():
        assert isinstance(json.loads(spec.asked(conversation, Manner("gpt-5", thoughts="always"))), dict)

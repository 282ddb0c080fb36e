"""The fields beside the messages, and what is no request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.conversation import ToolCall
from extproc.core.errors import UnreadableError
from extproc.core.features import Feature
from tests.core.dialects.anthropic.test_reading import SPEC, held, read

SCHEMA = {"type": "object", "properties": {"b": {"minimum": 1.0}, "a": {}}}
F = Feature


@pytest.mark.parametrize(
    ("fields", "told", "features"),
    [
        ({"stop_sequences": ["a"]}, {"stop": ("a",)}, {F.STOP}),
        ({"stop_sequences": ["\n"]}, {"stop": ("\n",)}, {F.STOP, F.STOP_ODD}),
        ({"stop_sequences": list("abcde")}, {"stop": tuple("abcde")}, {F.STOP, F.STOP_ODD}),
        ({"stop_sequences": None}, {"stop": ()}, set()),
        ({"temperature": 1, "top_p": 0.5, "top_k": 3}, {"temperature": 1.0, "top_p": 0.5, "top_k": 3}, {F.TEMPERATURE, F.TOP_P, F.TOP_K}),
        ({"stream": True}, {"stream": True}, {F.STREAM}),
        ({"stream": False}, {"stream": False}, set()),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}, {F.USER}),
        ({"metadata": {"user_id": "u", "note": "n"}}, {"user": "u"}, {F.USER, F.UNKNOWN}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}, {F.SERVICE_TIER}),
        ({"thread": {"type": "create"}}, {}, {F.STORE}),
        ({"thread": {"type": "continue", "previous_message_id": "msg"}}, {}, {F.SERVER_STATE}),
        ({"container": "c"}, {}, {F.SERVER_STATE}),
        ({"mcp_servers": [{"name": "n"}]}, {}, {F.HOSTED_NEEDED}),
        ({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}, {}, {F.CONTEXT_EDITS}),
        ({"speed": "fast", "cache_control": {"type": "ephemeral"}}, {}, {F.HINTS, F.CACHE_MARKS}),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, {}, {F.JSON_SCHEMA}),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, {}, {F.JSON_SCHEMA}),
        ({"tomorrow": 1}, {}, {F.UNKNOWN}),
    ],
)
def test_fields(fields: dict[str, Any], told: dict[str, Any], features: set[Feature]):
    conversation = read(**fields)
    assert {name: getattr(conversation, name) for name in told} == told
    assert held(conversation) == features
    assert (conversation.model, conversation.max_tokens) == ("m", 9)


@pytest.mark.parametrize("key", ["output_config", "output_format"])
def test_a_schema_is_carried_as_it_came(key: str):
    form = {"type": "json_schema", "schema": SCHEMA}
    asked = read(**{key: {"format": form} if key == "output_config" else form}).form
    assert asked is not None
    assert asked.schema is not None
    assert bytes(asked.schema) == json.dumps(SCHEMA).encode()


def test_arguments_are_carried_as_they_came():
    body = (
        b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{ "b": 1.0,"a":1e400}}]}]}'
    )
    assert SPEC.conversation(body).messages[0].parts == (ToolCall("t", "n", '{ "b": 1.0,"a":1e400}'),)


def test_fields_that_we_do_not_know_are_few_and_short():
    told = dict(read(**{f"{at}-\n{'x' * 500}": 1 for at in range(300)}).held)
    names = [name for name, feature in told.items() if feature is F.UNKNOWN]
    assert len(names) == 20
    assert max(map(len, names)) == 60
    assert not any("\n" in name for name in names)


def test_halves_of_surrogate_pairs_are_replaced_and_whole_ones_stay():
    body = rb'{"model":"m","messages":[{"role":"user","content":"\ud83e\ude81 \ud83e \\ud83e"}]}'
    assert SPEC.conversation(body).messages[0].parts[0].text == "🪁 \ufffd \\ud83e"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"model":"m"}',
        b'{"model":"m","messages":{}}',
        b'{"model":"m","messages":[{"role":"tool","content":"x"}]}',
        b'{"model":"m","messages":[{"role":"user","content":7}]}',
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":7}]}]}',
        b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","input":"x"}]}]}',
        b'{"model":"m","messages":[],"temperature":"hot"}',
        b'{"model":"m","messages":[],"stream":"yes"}',
        b'{"model":"m","messages":[],"tools":[{"name":"n","input_schema":[1]}]}',
        b'{"model":"m","messages":[' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
    ],
)
def test_what_is_none_is_refused(body: bytes):
    with pytest.raises(UnreadableError):
        SPEC.conversation(body)


def test_nested_results_are_not_followed():
    inner: Any = "x"
    for _ in range(300):
        inner = [{"type": "tool_result", "tool_use_id": "t", "content": inner}]
    assert F.PROVIDER_PART in held(read({"role": "user", "content": inner}))

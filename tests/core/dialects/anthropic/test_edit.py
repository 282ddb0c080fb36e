"""Edits change what they must, and leave all other bytes."""

from __future__ import annotations

import json

import pytest

from extproc.core.dialects.anthropic import Anthropic
from extproc.core.dialects.contract import Changes
from extproc.core.errors import UnreadableError

SPEC = Anthropic()
BODY = (
    b'{ "model" : "a",\n "max_tokens":9, "messages":[ {"role":"user","content":"caf\xc3\xa9 \\ud83d"} ] ,"thinking":{"type":"adaptive"},'
    b'"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}, {"type":"clear_tool_uses_20250919"}],"x":1},'
    b' "stream":true}'
)


def test_values_are_replaced_where_they_stand():
    assert SPEC.changed(BODY, Changes(model="b", max_tokens=77, tell_usage=True)) == BODY.replace(b'"a"', b'"b"').replace(b":9,", b":77,")
    assert SPEC.changed(b"{}", Changes(max_tokens=1)) == b'{"max_tokens":1}'
    assert SPEC.changed(BODY, Changes()) is BODY


def test_without_thinking_nothing_clears_it():
    changed = SPEC.changed(BODY, Changes(no_thinking=True))
    clearing = b'{"type":"clear_thinking_20251015","keep":"all"}, '
    assert changed == BODY.replace(b"adaptive", b"disabled").replace(clearing, b"")
    only = BODY.replace(b', {"type":"clear_tool_uses_20250919"}', b"")
    assert b"context_management" not in SPEC.changed(only, Changes(no_thinking=True))


@pytest.mark.parametrize("thinking", [b"", b',"thinking":{"type":"disabled"}', b',"thinking":null', b',"thinking":7'])
def test_thinking_that_was_not_asked_for_is_not_switched_off(thinking: bytes):
    body = b'{"context_management":{"edits":[{"type":"clear_thinking_20251015"}]}%b}' % thinking
    assert SPEC.changed(body, Changes(no_thinking=True)) is body


@pytest.mark.parametrize("context", [b"null", b"{}", b'{"edits":null}', b'{"edits":[]}', b'{"edits":[7,{"type":7}]}'])
def test_an_odd_context_is_left_as_it_is(context: bytes):
    body = b'{"context_management":%b,"thinking":{"type":"enabled"}}' % context
    assert SPEC.changed(body, Changes(no_thinking=True)) == body.replace(b"enabled", b"disabled")


def test_one_more_message_stands_behind_the_last():
    extended = SPEC.extended(BODY, 'Judge "it".')
    at = BODY.index(b"] ,")
    assert extended.startswith(BODY[:at])
    assert extended.endswith(BODY[at:])
    added = {"role": "user", "content": [{"type": "text", "text": 'Judge "it".'}]}
    assert json.loads(extended)["messages"] == [*json.loads(BODY)["messages"], added]
    assert SPEC.changed(extended, Changes(model="b")) == extended.replace(b'"a"', b'"b"')


def test_a_request_that_cannot_be_read_for_certain_is_not_edited():
    with pytest.raises(UnreadableError):
        SPEC.changed(b'{"model":"a","model":"b"}', Changes(model="c"))
    with pytest.raises(UnreadableError):
        SPEC.extended(b'{"messages":7}', "x")


@pytest.mark.parametrize("words", [rb"\ud83e\ude81", rb"\ud83e", "🪁".encode(), rb"\ud83e\ude81 \ude81 \\ud83e"])
def test_pairs_and_halves_of_them_pass_as_they_are(words: bytes):
    body = BODY.replace(b"\\ud83d", words)
    assert SPEC.changed(body, Changes(model="b")) == body.replace(b'"a"', b'"b"')
    assert SPEC.extended(body, "x").startswith(body[: body.index(b"] ,")])

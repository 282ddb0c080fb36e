"""Edits of a request: what they change, and that they change nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.dialects.contract import Changes
from extproc.core.errors import UnreadableError
from tests.core.dialects.openai_responses.made import SPEC

TEXTS = st.text(max_size=12)
ITEMS = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS}), max_size=4)
OTHERS = st.dictionaries(st.sampled_from(["instructions", "metadata", "mo\ud83ddel"]), TEXTS, max_size=3)
NEW = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Judge."}]}


def body_of(given: Any, others: dict[str, Any], indent: int | None = None) -> bytes:
    return json.dumps({**others, "model": "gpt-5.5", "input": given, "stream": True}, indent=indent).encode()


@given(st.one_of(TEXTS, ITEMS), OTHERS, st.sampled_from([None, 1]))
def test_a_message_is_added_and_all_in_front_of_it_stays(said: Any, others: dict[str, Any], indent: int | None):
    body = body_of(said, others, indent)
    longer = SPEC.extended(body, "Judge.")
    before = said if isinstance(said, list) else [{"type": "message", "role": "user", "content": said}]
    assert json.loads(longer) == {**json.loads(body), "input": [*before, NEW]}
    end = body.index(b'"input":') + len(b'"input": ')
    assert longer[:end] == body[:end]


def test_an_added_message_leaves_the_prefix_to_the_caches():
    body = body_of([{"role": "user", "content": "\ud83d hi"}], {}, 2)
    longer = SPEC.extended(body, "Judge.")
    bracket = body.rindex(b"]")
    assert longer[:bracket] == body[:bracket]
    assert longer.endswith(body[bracket:])


def test_a_conversation_that_lies_at_the_provider_is_continued():
    assert json.loads(SPEC.extended(b'{"previous_response_id":"resp_1"}', "Judge.")) == {"previous_response_id": "resp_1", "input": [NEW]}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"input":7}', b'{"input":null}', b'{"input":[],"input":[]}'])
def test_what_cannot_be_read_is_not_extended(body: bytes):
    with pytest.raises(UnreadableError):
        SPEC.extended(body, "Judge.")


@given(ITEMS, OTHERS, st.one_of(st.none(), st.just(7)))
def test_values_change_and_nothing_else(said: Any, others: dict[str, Any], limit: int | None):
    body = body_of(said, {**others, **({"max_output_tokens": 99_999} if limit else {})}, 1)
    changed = SPEC.changed(body, Changes(model="draft", max_tokens=limit, tell_usage=True, no_thinking=True))
    assert changed == body.replace(b'"gpt-5.5"', b'"draft"', 1).replace(b": 99999", b": 7")


def test_a_limit_is_added_where_there_was_none():
    assert json.loads(SPEC.changed(b'{"model":"m"}', Changes(max_tokens=7))) == {"model": "m", "max_output_tokens": 7}


def test_no_change_is_the_same_object():
    body = b'{"model":"m"}'
    assert SPEC.changed(body, Changes(tell_usage=True, no_thinking=True)) is body

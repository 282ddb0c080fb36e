"""Every request of the corpus told in every dialect: valid for the official SDKs and for a strict provider, or refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extproc.core.conversation import Conversation, Manner, Part, Text, ToolCall, ToolResult, losses
from extproc.core.dialects import DIALECTS
from extproc.core.features import Feature, How
from extproc.core.vocabulary import Dialect
from tests.support.strict import refusals

_DIALECTS = {"an": Dialect.ANTHROPIC, "oc": Dialect.OPENAI_CHAT, "or": Dialect.OPENAI_RESPONSES}
_UNREADABLE = {"oc_malformed"}
CORPUS = {
    path.stem: path.read_bytes() for path in sorted((Path(__file__).parents[2] / "corpus").glob("*.json")) if path.stem not in _UNREADABLE
}
CASES = [(name, target) for name in CORPUS for target in Dialect]
HELD_ELSEWHERE = {"an_server_held", "or_server_held"}


def conversation(name: str) -> Conversation:
    return DIALECTS[_DIALECTS[name[:2]]].conversation(CORPUS[name])


def refused(read: Conversation, target: Dialect) -> list[Feature]:
    return [loss.feature for loss in losses(read, DIALECTS[target].carries) if loss.how is How.REFUSED]


def parts(read: Conversation, kind: type[Part]) -> list[Any]:
    return [part for message in read.messages for part in message.parts if isinstance(part, kind)]


@pytest.mark.parametrize(("name", "target"), CASES)
def test_a_strict_provider_takes_what_is_written(name: str, target: Dialect):
    read = conversation(name)
    if name in HELD_ELSEWHERE:
        assert refused(read, target) == [Feature.SERVER_STATE]
        return
    assert refused(read, target) == []
    written = DIALECTS[target].asked(read, Manner("model-of-the-target"))
    assert refusals(target, written) == []
    back = DIALECTS[_DIALECTS[name[:2]]]
    assert refusals(back.name, back.asked(DIALECTS[target].conversation(written), Manner("m"))) == []


@pytest.mark.parametrize(("name", "target"), [case for case in CASES if case[0] not in HELD_ELSEWHERE])
def test_what_was_said_is_said_again(name: str, target: Dialect):
    before = conversation(name)
    after = DIALECTS[target].conversation(DIALECTS[target].asked(before, Manner("model-of-the-target")))
    said = "\n".join([part.text for part in parts(after, Text)])
    for text in parts(before, Text):
        assert text.text.strip() in said
    assert [(call.id, json.loads(call.arguments)) for call in parts(after, ToolCall)] == [
        (call.id, json.loads(call.arguments)) for call in parts(before, ToolCall)
    ]
    assert sorted(result.id for result in parts(after, ToolResult)) == sorted(result.id for result in parts(before, ToolResult))
    assert [tool.name for tool in after.tools if tool.description] == [tool.name for tool in before.tools if tool.description]
    assert (after.stream, after.model) == (before.stream, "model-of-the-target")


@pytest.mark.parametrize(("name", "target"), CASES)
def test_the_same_is_written_as_the_same_bytes(name: str, target: Dialect):
    spec = DIALECTS[target]
    assert spec.asked(conversation(name), Manner("m")) == spec.asked(conversation(name), Manner("m"))


@pytest.mark.parametrize("dialect", Dialect)
def test_every_feature_has_its_place_in_the_tables(dialect: Dialect):
    assert set(DIALECTS[dialect].carries) == set(Feature)
    assert set(DIALECTS[dialect].fields.values()) <= set(Feature)

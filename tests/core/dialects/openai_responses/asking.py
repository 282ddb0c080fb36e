"""Conversations to write, and what is written of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from extproc.core.conversation import Conversation, Manner, Message, Part, Role, Text, Tool
from extproc.core.vocabulary import Dialect
from tests.core.dialects.openai_responses.made import SPEC
from tests.support.strict import refusals

STRICT = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}')
LOOSE = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')
MODEL = "gpt-5.5"
OTHER = Manner("llama-4")
HELLO = Message(Role.USER, (Text("Hello"),))
OBJECT = msgspec.Raw(b'{"type": "object", "properties": {}}')
LOOK = Tool("look", "Looks.", OBJECT)
PATCH = Tool("patch", custom=True, grammar="start: /x/", syntax="lark")


def asked(*messages: Message, manner: Manner | None = None, **told: Any) -> dict[str, Any]:
    conversation = Conversation("asked-for", messages=messages or (HELLO,), **told)
    body = SPEC.asked(conversation, manner or Manner(MODEL))
    assert refusals(Dialect.OPENAI_RESPONSES, body) == []
    written: dict[str, Any] = json.loads(body)
    return written


def said(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def results(*parts: Part) -> Message:
    return Message(Role.USER, parts)

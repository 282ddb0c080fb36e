"""Messages as nearly all of them are, read in one step: texts, calls of functions and their results, with nothing else in them.

A message that holds anything more, be it a name, is read key by key (`talk`).
"""

from __future__ import annotations

import msgspec

from extproc.core.conversation import Part, Text, ToolCall
from extproc.core.dialects.reading import Plain


class _Text(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: str


class _Function(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    name: str
    arguments: str


class _Call(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    id: str
    function: _Function
    type: str | None = None
    index: int | None = None


class PlainMessage(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="role"):
    """Any message."""


class PlainSystem(PlainMessage, frozen=True, gc=False, tag="system"):
    """The system says something."""

    content: str | list[_Text]


class PlainUser(PlainMessage, frozen=True, gc=False, tag="user"):
    """The user says something."""

    content: str | list[_Text]


class PlainAssistant(PlainMessage, frozen=True, gc=False, tag="assistant"):
    """The assistant says something, or calls functions. SDKs send all that their objects have, with nothing in it."""

    content: str | list[_Text] | None = None
    tool_calls: list[_Call] | None = None
    refusal: None = None
    function_call: None = None
    audio: None = None
    annotations: list[None] | None = None


class PlainResult(PlainMessage, frozen=True, gc=False, tag="tool"):
    """A tool gave something."""

    tool_call_id: str
    content: str | list[_Text]


Message = PlainSystem | PlainUser | PlainAssistant | PlainResult
PLAIN: Plain[Message] = Plain(msgspec.json.Decoder(Message), msgspec.json.Decoder(list[Message]))


def texts_of(content: str | list[_Text]) -> tuple[Text, ...]:
    """Give the texts of a content."""
    return (Text(content),) if isinstance(content, str) else tuple([Text(part.text) for part in content])


def parts_of(message: PlainAssistant) -> tuple[Part, ...]:
    """Give what an assistant says."""
    said: tuple[Part, ...] = texts_of(message.content) if message.content is not None else ()
    calls = message.tool_calls
    return said if not calls else (*said, *[ToolCall(call.id, call.function.name, call.function.arguments or "{}") for call in calls])

"""Anthropic Messages (https://docs.anthropic.com/en/api/messages): the request, read for decisions."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.dialects.base import (
    INTEGER,
    OBJECT,
    TAIL,
    Item,
    asked,
    bounded,
    content_of,
    effort_of,
    optional,
    present,
    required,
    size_of,
    text_of,
    tools_of,
    view_of,
)
from extproc.core.vocabulary import Effort, View
from extproc.core.wire.splice import Fields


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw(b'""')
    is_error: bool | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct, gc=False):
    role: str
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Typed(msgspec.Struct, gc=False):
    type: str | None = None
    name: str | None = None


_MESSAGES = msgspec.json.Decoder(list[_Message])
_BLOCKS = msgspec.json.Decoder(list[_Block])
_PARTS = msgspec.json.Decoder(list[_Typed])
_TOOLS = msgspec.json.Decoder(list[_Typed] | None)
_CHOICE = msgspec.json.Decoder(_Typed)
_PLAIN = frozenset({"model", "messages", "max_tokens", "stream", "metadata", "temperature", "top_p", "top_k", "system"})
"""Fields of a request of which the messages and the system prompt say everything."""


def view(fields: Fields) -> View:
    """Read what the rules look at. UnreadableError where the messages cannot be read for certain."""
    messages = required(fields, "messages", _MESSAGES)
    items = [_item(message) for message in messages[-TAIL:]]
    limit = optional(fields, "max_tokens", INTEGER)
    if fields.keys() <= _PLAIN:
        size = size_of(fields, "messages", "system")
        return view_of(items, len(messages), size, max_output_tokens=limit, system_text=_system(fields))
    tools = tools_of(fields, "tools", _TOOLS, _Typed())
    servers = tools_of(fields, "mcp_servers", _TOOLS, _Typed())
    config = optional(fields, "output_config", OBJECT) or {}
    thread = optional(fields, "thread", OBJECT) or {}
    choice = optional(fields, "tool_choice", _CHOICE)
    return view_of(
        items,
        len(messages),
        size_of(fields, "messages", "system"),
        system_text=_system(fields),
        tools=len(tools) + len(servers),
        tool_names=tuple([tool.name for tool in tools if tool.name]),
        forced_tool=choice is not None and choice.type in {"any", "tool"},
        json_schema=bool(config.get("format")) or present(fields, "output_format"),
        effort=_effort(fields, config),
        max_output_tokens=limit,
        stop_sequences=asked(fields, "stop_sequences"),
        server_state=thread.get("type") == "continue" or present(fields, "container"),
    )


def _item(message: _Message) -> Item:
    whole, blocks = content_of(message.content, _BLOCKS)
    if whole:
        return Item(message.role, whole)
    texts = []
    results = errors = calls = images = documents = 0
    for block in blocks:
        kind = block.type
        if kind == "text":
            texts.append(block.text)
        elif kind.endswith("tool_use"):
            calls += 1
        elif kind.endswith("tool_result"):
            results += not kind.startswith("web_")
            inner = [part.type for part in content_of(block.content, _PARTS)[1]] if kind == "tool_result" else ()
            images += inner.count("image")
            documents += inner.count("document")
        else:
            images += kind == "image"
            documents += kind == "document"
        errors += block.is_error is True
    return Item(message.role, tuple(texts), results, errors, calls, images, documents)


def _system(fields: Fields) -> str:
    """The system prompt's text: a string, or blocks, of which a client's attribution block may be the first."""
    raw = fields.get("system")
    if raw is None:
        return ""
    whole, blocks = content_of(raw, _BLOCKS)
    return bounded("\n".join([text_of(raw) for raw in (*whole, *[block.text for block in blocks])]))


def _effort(fields: Fields, config: dict[str, Any]) -> Effort:
    thinking = optional(fields, "thinking", OBJECT) or {}
    if thinking.get("type") == "enabled":
        return effort_of("", thinking.get("budget_tokens", 0))
    # `adaptive` is what agents send with every request; only an effort that was asked for says something.
    return effort_of(config.get("effort")) if thinking.get("type") != "disabled" else Effort.NONE

"""OpenAI Chat Completions (https://platform.openai.com/docs/api-reference/chat): the request, read for decisions; errors, written."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.dialects.base import (
    TAIL,
    Item,
    bounded,
    content_of,
    effort_of,
    lenient,
    looks_failed,
    openai_error,
    optional,
    required_list,
    size_of,
    text_of,
    view_of,
)
from extproc.core.vocabulary import Dialect, View
from extproc.core.wire.splice import Fields


class _Part(msgspec.Struct):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw(b'""')


class _Message(msgspec.Struct):
    role: str
    content: msgspec.Raw = msgspec.Raw(b"null")
    tool_calls: list[msgspec.Raw] | None = None


class _Function(msgspec.Struct):
    name: str = ""


class _Tool(msgspec.Struct):
    type: str = ""
    function: _Function | None = None


class OpenAIChat:
    """The dialect `openai_chat`."""

    name = Dialect.OPENAI_CHAT

    def view(self, fields: Fields) -> View:
        """Read what the rules look at."""
        messages = required_list(fields, "messages")
        tools = optional(fields, "tools", list[_Tool]) or []
        functions = optional(fields, "functions", list[_Function]) or []
        choice: Any = optional(fields, "tool_choice", Any)
        form = optional(fields, "response_format", dict[str, Any]) or {}
        names = [tool.function.name for tool in tools if tool.function] + [function.name for function in functions]
        return view_of(
            [_item(lenient(raw, _Message)) for raw in messages[-TAIL:]],
            len(messages),
            size_of(fields, "messages"),
            system_text=_system(messages),
            tools=len(tools) + len(functions),
            tool_names=tuple(name for name in names if name),
            forced_tool=choice == "required" or isinstance(choice, dict),
            json_schema=form.get("type") in {"json_schema", "json_object"},
            effort=effort_of(optional(fields, "reasoning_effort", str)),
            max_output_tokens=optional(fields, "max_completion_tokens", int) or optional(fields, "max_tokens", int),
            stop_sequences=bool(optional(fields, "stop", str | list[str])),  # type: ignore[arg-type] # a union is a type to msgspec
        )

    def error(self, status: int, message: str) -> bytes:
        """Write an error body."""
        return openai_error(status, message)


def _system(messages: list[msgspec.Raw]) -> str:
    first = lenient(messages[0], _Message) if messages else _Message("")
    if first.role not in {"system", "developer"}:
        return ""
    whole, parts = content_of(first.content, _Part)
    return bounded("\n".join(text_of(raw) for raw in (*whole, *(part.text for part in parts))))


def _item(message: _Message) -> Item:
    whole, parts = content_of(message.content, _Part)
    kinds = [part.type for part in parts]
    texts = whole or tuple(part.text for part in parts if part.type == "text")
    is_result = message.role in {"tool", "function"}
    return Item(
        role=message.role,
        texts=() if is_result else texts,
        results=int(is_result),
        errors=int(is_result and bool(texts) and looks_failed(texts[0])),
        calls=len(message.tool_calls or ()),
        images=kinds.count("image_url"),
        documents=kinds.count("file"),
    )

"""Messages → input items. They have no ids of their own, since those name what a provider keeps; calls and results have theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from extproc.core.conversation import Media, Message, Role, Text, ToolCall, ToolResult, fitted, fitted_id
from extproc.core.dialects import media
from extproc.core.dialects.offering import arguments_of
from extproc.core.dialects.turns import turns

Json = dict[str, Any]

_USER, _ASSISTANT = Role.USER, Role.ASSISTANT
_FAILED = ("error", "traceback")
"""Beginnings of what a tool says by which a failure is known without a mark."""


def items_of(messages: Sequence[Message], *, free: bool) -> list[Json]:
    """Write the items of an input. `free`: the model knows custom tools, whose input is free text; others see functions in their place."""
    items: list[Json] = []
    custom: set[str] = set()
    for message in turns(messages, system=True):
        said: list[Text | Media] = []
        for part in message.parts:
            if type(part) is ToolResult:
                items.append(_result(part, custom))
            elif type(part) is ToolCall:
                items.append(_call(part, custom, free=free))
            elif message.role is _ASSISTANT and type(part) is Text:
                items.append({"type": "message", "role": "assistant", "content": part.text})
            elif type(part) is Text or type(part) is Media:
                said.append(part)
        if content := _parts(said):
            items.append({"type": "message", "role": "user" if message.role is _USER else "developer", "content": content})
    return items


def _call(call: ToolCall, custom: set[str], *, free: bool) -> Json:
    if call.custom and free:
        custom.add(call.id)
        return {"type": "custom_tool_call", "call_id": fitted_id(call.id), "name": fitted(call.name), "input": call.arguments}
    return {"type": "function_call", "call_id": fitted_id(call.id), "name": fitted(call.name), "arguments": arguments_of(call)}


def _result(result: ToolResult, custom: set[str]) -> Json:
    kind = "custom_tool_call_output" if result.id in custom else "function_call_output"
    return {"type": kind, "call_id": fitted_id(result.id), "output": _output(result.parts, failed=result.error)}


def _output(parts: Sequence[Text | Media], *, failed: bool) -> str | list[Json]:
    first = parts[0] if parts else Text("")
    if failed and not (isinstance(first, Text) and first.text.lower().startswith(_FAILED)):
        parts = [Text(f"Error: {first.text}"), *parts[1:]] if isinstance(first, Text) else [Text("Error:"), *parts]
        first = parts[0]
    return first.text if len(parts) <= 1 and isinstance(first, Text) else _parts(parts)


def _parts(parts: Iterable[Text | Media]) -> list[Json]:
    return [_text(part.text) if isinstance(part, Text) else _media(part) for part in parts if not isinstance(part, Text) or part.text]


def _text(text: str) -> Json:
    return {"type": "input_text", "text": text}


def _media(given: Media) -> Json:
    if given.kind == "image":
        return {"type": "input_image", "image_url": media.url_of(given), "detail": given.detail or "auto"}
    if given.url:
        return {"type": "input_file", "file_url": given.url}
    if (words := media.text_in(given)) is not None:
        return _text(media.as_words(given, words).text)
    return {"type": "input_file", "filename": given.name or "document.pdf", "file_data": media.url_of(given)}

"""Messages → input items. They have no ids of their own, since those name what a provider keeps; calls and results have theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from extproc.core.conversation import Media, Message, Role, Text, ToolCall, ToolResult, fitted, fitted_id
from extproc.core.dialects import media
from extproc.core.dialects.offering import free_arguments, object_of
from extproc.core.dialects.turns import turns

Json = dict[str, Any]

_FAILED = ("error", "traceback")
"""Beginnings of what a tool says by which a failure is known without a mark."""


def items_of(messages: Sequence[Message], *, free: bool) -> list[Json]:
    """Write the items of an input. `free`: the model knows custom tools, whose input is free text; others see functions in their place."""
    items: list[Json] = []
    custom: set[str] = set()
    for message in turns(messages, system=True):
        if message.role is Role.ASSISTANT:
            items += _answered(message, custom, free=free)
        else:
            items += [_result(part, custom) for part in message.parts if isinstance(part, ToolResult)]
            if said := _parts([part for part in message.parts if isinstance(part, Text | Media)]):
                role = "user" if message.role is Role.USER else "developer"
                items.append({"type": "message", "role": role, "content": said})
    return items


def _answered(message: Message, custom: set[str], *, free: bool) -> Iterable[Json]:
    for part in message.parts:
        if isinstance(part, Text):
            yield {"type": "message", "role": "assistant", "content": part.text}
        elif isinstance(part, ToolCall) and part.custom and free:
            custom.add(part.id)
            yield {"type": "custom_tool_call", "call_id": fitted_id(part.id), "name": fitted(part.name), "input": part.arguments}
        elif isinstance(part, ToolCall):
            arguments = bytes(free_arguments(part.arguments) if part.custom else object_of(part.arguments)).decode()
            yield {"type": "function_call", "call_id": fitted_id(part.id), "name": fitted(part.name), "arguments": arguments}


def _result(result: ToolResult, custom: set[str]) -> Json:
    parts = list(result.parts)
    first = parts[0] if parts else Text("")
    if result.error and not (isinstance(first, Text) and first.text.lower().startswith(_FAILED)):
        parts = [Text(f"Error: {first.text}"), *parts[1:]] if isinstance(first, Text) else [Text("Error:"), *parts]
    said = [part.text for part in parts if isinstance(part, Text)]
    output = "".join(said) if len(parts) <= 1 and len(said) == len(parts) else _parts(parts)
    kind = "custom_tool_call_output" if result.id in custom else "function_call_output"
    return {"type": kind, "call_id": fitted_id(result.id), "output": output}


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

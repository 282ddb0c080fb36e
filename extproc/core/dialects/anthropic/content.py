"""Parts → blocks of Messages requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from extproc.core.conversation import Media, Message, Part, Role, Text, ToolCall, ToolResult, fitted, fitted_id
from extproc.core.dialects.media import is_textual, text_in
from extproc.core.dialects.offering import free_arguments, object_of
from extproc.core.dialects.turns import is_blank, turns

_MARK = {"type": "ephemeral"}
_MOST_MARKS = 4
"""Cache marks in one request; a fifth is refused."""
_ASSISTANT = Role.ASSISTANT
_BEGIN = "Begin."
"""The user has the first word: this one where the conversation begins with the assistant, or holds no message."""


class Marks:
    """Puts cache marks on blocks, of which only the last few may stay."""

    def __init__(self) -> None:
        self._marked: list[dict[str, Any]] = []

    def put(self, block: dict[str, Any], *, cached: bool) -> dict[str, Any]:
        """Give the block, marked where it was."""
        if cached:
            block["cache_control"] = _MARK
            self._marked.append(block)
        return block

    def thin(self) -> None:
        """Take those off that are too many: a later one covers what an earlier one does."""
        for block in self._marked[:-_MOST_MARKS]:
            del block["cache_control"]


def system_of(texts: Iterable[Text], marks: Marks) -> list[dict[str, Any]]:
    """Write the system prompt."""
    return [marks.put({"type": "text", "text": part.text}, cached=part.cached) for part in texts if part.text.strip()]


def messages_of(messages: Sequence[Message], marks: Marks) -> list[dict[str, Any]]:
    """Write the messages. Thoughts are left out: the provider takes none that it has not signed itself."""
    written = [_message(message, marks) for message in turns(messages)]
    if not written or written[0]["role"] != "user":
        written.insert(0, {"role": "user", "content": _BEGIN})
    return written


def _message(message: Message, marks: Marks) -> dict[str, Any]:
    role = "assistant" if message.role is _ASSISTANT else "user"
    return {"role": role, "content": _content(message.parts, marks)}


def _content(parts: Sequence[Part], marks: Marks) -> str | list[dict[str, Any]]:
    """Write some parts; a text that stands alone as it is."""
    if len(parts) == 1:
        part = parts[0]
        if type(part) is Text and not part.cached:
            return part.text
        return [_block(part, marks)]
    return [_block(part, marks) for part in parts if type(part) is not Text or not is_blank(part.text)]


def _block(part: Part, marks: Marks) -> dict[str, Any]:
    block: dict[str, Any]
    if type(part) is ToolCall:
        given = free_arguments(part.arguments) if part.custom else object_of(part.arguments)
        block = {"type": "tool_use", "id": fitted_id(part.id), "name": fitted(part.name), "input": given}
        return marks.put(block, cached=True) if part.cached else block
    if type(part) is ToolResult:
        block = {"type": "tool_result", "tool_use_id": fitted_id(part.id)}
        if content := _content(part.parts, marks):
            block["content"] = content
        if part.error:
            block["is_error"] = True
        return marks.put(block, cached=True) if part.cached else block
    if type(part) is Media:
        return marks.put(_media(part), cached=part.cached)
    return marks.put({"type": "text", "text": part.text}, cached=isinstance(part, Text) and part.cached)


def _media(media: Media) -> dict[str, Any]:
    source: dict[str, Any]
    text = text_in(media) if media.kind == "document" and is_textual(media.media_type) else None
    if media.url:
        source = {"type": "url", "url": media.url}
    elif text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        source = {"type": "base64", "media_type": media.media_type, "data": media.data}
    block = {"type": media.kind, "source": source}
    return {**block, "title": media.name} if media.name and media.kind == "document" else block


def tool(name: str, description: str, schema: msgspec.Raw) -> dict[str, Any]:
    """Write a tool."""
    written: dict[str, Any] = {"name": fitted(name), "input_schema": schema}
    return {**written, "description": description} if description else written

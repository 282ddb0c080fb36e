"""What a model was asked and what it said, in the form of OpenTelemetry's GenAI conventions. Pure; only where the operator wants it.

The form is that of `gen_ai.input.messages`, `gen_ai.output.messages` and `gen_ai.system_instructions`: JSON, messages with a role and parts
(open-telemetry/semantic-conventions-genai, gen-ai-*-messages.json). It is bounded: of long texts the beginning, of long conversations
the end; a mark stands where something is cut. What a file or image holds is never told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from extproc.core.answers import Answer, Block, Part, Stop
from extproc.core.conversation import Media, Message, Text, Thought, ToolCall, ToolResult
from extproc.core.conversation import Part as Asked
from extproc.core.dialects import DIALECTS
from extproc.core.errors import UnreadableError
from extproc.core.records import Content
from extproc.core.vocabulary import Dialect

LONGEST = 16_384
"""Characters of one attribute's JSON."""
_TEXT = 4_000
"""Characters of one text."""

FINISHED: Mapping[str, str] = {
    Stop.END: "stop",
    Stop.SEQUENCE: "stop",
    Stop.CALLS: "tool_call",
    Stop.LENGTH: "length",
    Stop.REFUSAL: "content_filter",
    Stop.OTHER: "other",
}
"""Why an answer ended, in the conventions' words."""

Json = dict[str, Any]


def question(dialect: Dialect, body: bytes) -> Content:
    """Tell what a request asks; nothing where it cannot be read."""
    try:
        conversation = DIALECTS[dialect].conversation(body)
    except UnreadableError:
        return Content()
    system = _fitted([_text(one.text) for one in conversation.system], _mark)
    messages = _fitted([_message(one) for one in conversation.messages], lambda cut: {"role": "user", "parts": [_mark(cut)]})
    return Content(system, messages)


def answered(content: Content, answer: Answer) -> Content:
    """Add what the model said."""
    parts = [_block(block) for block in answer.blocks]
    if not parts:
        return content
    ended = FINISHED[answer.stop] if answer.stop is not None else "error"
    room = LONGEST - 200
    kept = msgspec.json.decode(_fitted(parts, _mark, room))
    told = [{"role": "assistant", "parts": kept, "finish_reason": ended}]
    return replace(content, output=msgspec.json.encode(told).decode())


def _fitted(items: Sequence[Json], mark: Any, room: int = LONGEST) -> str:
    """Write items as a JSON array: as many of the last as there is room for, behind a mark that says how many are cut."""
    kept: list[Json] = []
    size = 200
    for item in reversed(items):
        size += len(msgspec.json.encode(item)) + 1
        if size > room:
            break
        kept.append(item)
    cut = len(items) - len(kept)
    whole = [*([mark(cut)] if cut else []), *reversed(kept)]
    return msgspec.json.encode(whole).decode() if whole else ""


def _mark(cut: int) -> Json:
    return {"type": "text", "content": f"[cut: {cut} before this]"}


def _message(message: Message) -> Json:
    results = any(isinstance(part, ToolResult) for part in message.parts)
    return {"role": "tool" if results else str(message.role), "parts": _shortened([_part(part) for part in message.parts])}


def _shortened(parts: list[Json]) -> list[Json]:
    """Keep one message from taking all the room there is."""
    kept: list[Json] = msgspec.json.decode(_fitted(parts, _mark, LONGEST // 2) or "[]")
    return kept


def _part(part: Asked) -> Json:
    match part:
        case Text():
            return _text(part.text)
        case Thought():
            return {"type": "reasoning", "content": _cut(part.text)}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": _arguments(part.arguments)}
        case ToolResult():
            return {"type": "tool_call_response", "id": part.id, "response": _cut(_plain(part.parts))}
        case Media():
            return _media(part)


def _plain(parts: Iterable[Text | Media]) -> str:
    return "\n".join([part.text if isinstance(part, Text) else f"[{part.kind}]" for part in parts])


def _media(part: Media) -> Json:
    """A file or image: what it is, not what it holds."""
    if part.url:
        return {"type": "uri", "modality": part.kind, "uri": _cut(part.url)}
    return {"type": "blob", "modality": part.kind, "mime_type": part.media_type, "content": f"[cut: {len(part.data)} characters]"}


def _block(block: Block) -> Json:
    match block.part:
        case Part.TEXT:
            return _text(block.text)
        case Part.THINKING:
            return {"type": "reasoning", "content": _cut(block.text)}
        case Part.CALL:
            return {"type": "tool_call", "id": block.id, "name": block.name, "arguments": _arguments(block.text)}
        case Part.OTHER:
            return {"type": "other"}


def _text(text: str) -> Json:
    return {"type": "text", "content": _cut(text)}


def _arguments(text: str) -> Any:
    """The arguments of a call as an object, where they are one and not too long."""
    if len(text) > _TEXT:
        return _cut(text)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _cut(text: str) -> str:
    text = text.encode(errors="replace").decode()  # half a surrogate is no JSON
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}… [cut: {len(text) - _TEXT} characters]"

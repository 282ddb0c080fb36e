"""Messages → those of Chat Completions, in the forms that every server and every chat template takes.

One system message, first; a text as a string; each result in a message of its own, directly behind its call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extproc.core.conversation import Conversation, Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult, fitted, fitted_id
from extproc.core.dialects.media import as_words, text_in, url_of
from extproc.core.dialects.offering import arguments_of
from extproc.core.dialects.turns import is_blank, media_of, turns, words_of

_FAILED = "Error: "
_FAILURES = ("error", "traceback")
_ELSEWHERE = "(in the next message)"
_FROM = "From the result of the call {}:"
_ASSISTANT = Role.ASSISTANT


def messages_of(conversation: Conversation, thoughts: str) -> list[dict[str, Any]]:
    """Write the messages. `thoughts`: which earlier ones, as in `Manner.thoughts`."""
    system = words_of(conversation.system)
    written: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in turns(conversation.messages, signed=thoughts == "always", unsigned=thoughts != "never"):
        if message.role is _ASSISTANT:
            written.append(_assistant(message, empty_thought=thoughts == "always"))
        else:
            written += _user(message)
    return written


def _assistant(message: Message, *, empty_thought: bool) -> dict[str, Any]:
    calls: list[dict[str, Any]] = []
    texts: list[str] = []
    thoughts: list[str] = []
    for part in message.parts:
        if type(part) is ToolCall:
            calls.append(_call(part))
        elif type(part) is Text:
            texts.append(part.text)
        elif type(part) is Thought:
            thoughts.append(part.text)
    written: dict[str, Any] = {"role": "assistant", "content": "\n\n".join(texts) if texts or not calls else None}
    if thoughts or (calls and empty_thought):
        written["reasoning_content"] = "\n\n".join(thoughts)
    if calls:
        written["tool_calls"] = calls
    return written


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": fitted_id(call.id), "type": "function", "function": {"name": fitted(call.name), "arguments": arguments_of(call)}}


def _user(message: Message) -> list[dict[str, Any]]:
    """Results first, then all else that the user says, with what results hold beside text in front."""
    written: list[dict[str, Any]] = []
    said: list[Part] = []
    for part in message.parts:
        if type(part) is not ToolResult:
            said.append(part)
            continue
        call_id, within = fitted_id(part.id), part.parts
        written.append({"role": "tool", "tool_call_id": call_id, "content": _result(part)})
        is_plain = len(within) == 1 and type(within[0]) is Text
        if not is_plain and (shown := [one for one in media_of(within) if text_in(one) is None]):
            said += [Text(_FROM.format(call_id)), *shown]
    if said:
        written.append({"role": "user", "content": _content(said)})
    return written


def _result(result: ToolResult) -> str:
    """A result in words; an error is told in them, as there is no other place for it."""
    parts = result.parts
    plain = len(parts) == 1 and type(parts[0]) is Text and not is_blank(parts[0].text)
    words = parts[0].text if plain else words_of([_worded(part) for part in parts])  # type: ignore[union-attr]
    if result.error and not words.lower().startswith(_FAILURES):
        return f"{_FAILED}{words}"
    return words or (_ELSEWHERE if media_of(parts) else "")


def _worded(part: Text | Media) -> Part:
    text = text_in(part) if isinstance(part, Media) else None
    return part if text is None or not isinstance(part, Media) else as_words(part, text)


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    worded = [_worded(part) for part in parts if isinstance(part, Text | Media)]
    if not media_of(worded):
        return words_of(worded)
    return [_part(part) for part in worded]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Media(kind="image"):
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": url_of(part), **detail}}
        case Media(url=""):
            return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": url_of(part)}}
        case Media():
            return {"type": "text", "text": f"{part.name} {part.url}".strip()}
        case Text():
            return {"type": "text", "text": part.text}
    raise AssertionError(part)

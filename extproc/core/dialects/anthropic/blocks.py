"""Messages of Anthropic's, read in full: their blocks → parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import groupby
from typing import Any

import msgspec

from extproc.core.conversation import Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects import media
from extproc.core.dialects.anthropic.plain import PlainCall, PlainMessage, PlainResult, PlainText, PlainThinking
from extproc.core.dialects.base import content_of
from extproc.core.dialects.reading import SHAPES, Held, anything, flag, inner, inners, is_object, text, there, worth
from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import Fields

_AT = "messages[].content"
_FAILED = f"{_AT}[tool_result].is_error"
_NOTHING = msgspec.Raw(b"null")
_OBJECT = msgspec.Raw(b"{}")
_PLAIN = {
    "text": frozenset({"type", "text", "citations"}),
    "image": frozenset({"type", "source"}),
    "document": frozenset({"type", "source", "title", "context"}),
    "search_result": frozenset({"type", "source", "title", "content"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "tool_use": frozenset({"type", "id", "name", "input"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error"}),
}
"""Of the blocks that we know: what is read of them in any case."""
_WHERE = {kind: f"{_AT}[{kind}]." for kind in _PLAIN}
_BILLING = "x-anthropic-billing-header:"
"""Beginning of a system text of Claude Code's that is not for the model, and that would spoil the caches of other providers."""
_OWN = ("tool_use", "tool_result")
_USER, _ASSISTANT = Role.USER, Role.ASSISTANT
_IN_DOCUMENT = frozenset({"text", "image"})
_IN_RESULT = _IN_DOCUMENT | {"document", "search_result", "tool_reference"}
_IN_MESSAGE = _IN_RESULT | {"thinking", "redacted_thinking", "tool_use", "tool_result", "container_upload"}
"""Which blocks may stand where; nesting goes no deeper than this."""
_HIDDEN = frozenset({"encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "type", "page_age"})
_LONGEST = 4_000
"""Characters kept of what a tool of the provider's gave."""


class Blocks:
    """Reads the messages of one request."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._kinds: dict[str, Callable[[Fields], Part | list[Part] | None]] = {
            "text": self._text,
            "image": self._image,
            "document": self._document,
            "search_result": self._search_result,
            "thinking": self._thinking,
            "redacted_thinking": self._redacted,
            "tool_use": self._call,
            "tool_result": self._result,
            "tool_reference": self._reference,
            "container_upload": self._upload,
        }

    def messages(self, found: Iterable[PlainMessage | Fields]) -> tuple[Message, ...]:
        """Read messages."""
        read = [self._plain(one) if type(one) is PlainMessage else self._message(one) for one in found]
        last = next((message for message in reversed(read) if message.role is not Role.SYSTEM), None)
        if last is not None and last.role is Role.ASSISTANT and not any(isinstance(part, ToolCall) for part in last.parts):
            self._held.add("messages[assistant] last")
        return tuple(read)

    def texts(self, shape: Fields, key: str, where: str) -> tuple[Text, ...]:
        """Read a content of text alone: a string, or blocks."""
        whole, blocks = content_of(shape.get(key, _NOTHING), SHAPES)
        if whole:
            return (Text(text(shape, key)),)
        for block in blocks:
            self._held.rest(where, block, ("type", "text"))
        texts = [Text(text(block, "text"), there(block, "cache_control")) for block in blocks]
        if any(said.text.startswith(_BILLING) for said in texts):
            self._held.add(f"{where}billing")
        return tuple([said for said in texts if not said.text.startswith(_BILLING)])

    def _plain(self, message: PlainMessage) -> Message:
        content = message.content
        parts: tuple[Part, ...]
        if isinstance(content, str):
            parts = (Text(content),)
        elif len(content) == 1:  # as most are; a comprehension costs as much as the part
            parts = (self._plain_part(content[0]),)
        else:
            parts = tuple([self._plain_part(block) for block in content])
        return Message(_USER, parts) if message.role == "user" else Message(_ASSISTANT, self._spoken(parts))

    def _plain_part(self, block: PlainText | PlainThinking | PlainCall | PlainResult) -> Part:
        cached = False
        if block.cache_control:
            cached = True
            self._held.add(f"{_WHERE[str(block.__struct_config__.tag)]}cache_control")
        if type(block) is PlainResult:
            content = block.content
            if block.is_error:
                self._held.add(_FAILED)
            said = (Text(content),) if isinstance(content, str) else tuple([self._plain_text(one) for one in content])
            return ToolResult(block.tool_use_id, said, block.is_error, cached)
        if type(block) is PlainCall:
            return ToolCall(block.id, block.name, _arguments(block.input), False, cached)
        if type(block) is PlainText:
            return Text(block.text, cached)
        self._thought(signed=bool(block.signature))
        return Thought(block.thinking, bool(block.signature))

    def _plain_text(self, block: PlainText) -> Text:
        if block.cache_control:
            self._held.add(f"{_WHERE['text']}cache_control")
        return Text(block.text, bool(block.cache_control))

    def _message(self, shape: Fields) -> Message:
        try:
            role = Role(text(shape, "role"))
        except ValueError:
            raise UnreadableError("unreadable_messages") from None
        if role is Role.SYSTEM:
            self._held.add("messages[system]")
            self._held.rest("messages[system].", shape, ("role", "content"))
            return Message(role, self._parts(shape, "content", _IN_DOCUMENT))
        self._held.rest("messages[].", shape, ("role", "content"))
        parts = self._parts(shape, "content", _IN_MESSAGE)
        return Message(role, self._spoken(parts) if role is Role.ASSISTANT else parts)

    def _parts(self, shape: Fields, key: str, kinds: Collection[str]) -> tuple[Part, ...]:
        whole, blocks = content_of(shape.get(key, _NOTHING), SHAPES)
        if whole:
            return (Text(text(shape, key)),)
        parts: list[Part] = []
        for block in blocks:
            found = self._block(block, kinds)
            if isinstance(found, list):
                parts += found
            elif found is not None:
                parts.append(found)
        return tuple(_whole(parts) if any(there(block, "citations") for block in blocks) else parts)

    def _block(self, block: Fields, kinds: Collection[str]) -> Part | list[Part] | None:
        kind = text(block, "type")
        if kind in kinds:
            if kind in _PLAIN:
                self._held.rest(_WHERE[kind], block, _PLAIN[kind])
            return self._kinds[kind](block)
        if kind.endswith(_OWN) and kind not in _OWN:
            return self._hosted(kind, block)
        self._held.add(f"{_AT}[other]")
        return None

    def _spoken(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        if len(parts) == 1:
            return parts
        called = False
        for part in parts:
            if called and type(part) is Text and part.text.strip():
                self._held.add(f"{_AT}[text] behind tool_use")
            called = called or type(part) is ToolCall
        return parts

    def _text(self, block: Fields) -> Text:
        if there(block, "citations"):
            self._held.add(f"{_AT}[text].citations")
        return Text(text(block, "text"), there(block, "cache_control"))

    def _image(self, block: Fields) -> Media | None:
        source = inner(block, "source")
        kind, cached = self._source("image", source), there(block, "cache_control")
        if kind == "base64":
            return media.from_data("image", text(source, "media_type"), text(source, "data"), cached=cached)
        return Media("image", url=text(source, "url"), cached=cached) if kind == "url" else None

    def _document(self, block: Fields) -> Part | list[Part] | None:
        source, name, cached = inner(block, "source"), text(block, "title"), there(block, "cache_control")
        parts: list[Part] = []
        if there(block, "context"):
            self._held.add(f"{_AT}[document].context")
            parts.append(Text(f"About the document: {text(block, 'context')}"))
        match self._source("document", source):
            case "base64":
                parts.append(media.from_data("document", text(source, "media_type"), text(source, "data"), name=name, cached=cached))
            case "text":
                parts.append(media.from_text(text(source, "data"), name=name, cached=cached))
            case "url":
                parts.append(Media("document", url=text(source, "url"), name=name, cached=cached))
            case "content":
                inside = self._parts(source, "content", _IN_DOCUMENT)
                parts += [media.from_text(part.text, name=name) if isinstance(part, Text) else part for part in inside]
        return parts

    def _source(self, kind: str, source: Fields) -> str:
        of = text(source, "type")
        self._held.add(f"{_AT}[{kind}].source[{of}]" if of in {"base64", "url", "file", "text", "content"} else f"{_AT}[other]")
        return of

    def _search_result(self, block: Fields) -> Media:
        self._held.add(f"{_AT}[search_result]")
        said = "\n".join([text(one, "text") for one in inners(block, "content")])
        name = f"{text(block, 'title')} ({text(block, 'source')})"
        return media.from_text(said, name=name, cached=there(block, "cache_control"))

    def _thinking(self, block: Fields) -> Thought:
        signed = there(block, "signature")
        self._thought(signed=signed)
        return Thought(text(block, "thinking"), signed)

    def _thought(self, *, signed: bool) -> None:
        self._held.add(f"{_AT}[thinking]" if signed else f"{_AT}[thinking] unsigned")

    def _redacted(self, _: Fields) -> None:
        self._held.add(f"{_AT}[redacted_thinking]")

    def _call(self, block: Fields) -> ToolCall:
        arguments = _arguments(block.get("input", _OBJECT))
        return ToolCall(text(block, "id"), text(block, "name"), arguments, cached=there(block, "cache_control"))

    def _result(self, block: Fields) -> ToolResult:
        parts = [part for part in self._parts(block, "content", _IN_RESULT) if isinstance(part, Text | Media)]
        failed = flag(block, "is_error") is True
        if failed:
            self._held.add(_FAILED)
        if any(isinstance(part, Media) for part in parts):
            self._held.add(f"{_AT}[tool_result].content[]")
        return ToolResult(text(block, "tool_use_id"), tuple(parts), failed, there(block, "cache_control"))

    def _reference(self, block: Fields) -> Text:
        self._held.add(f"{_AT}[tool_result].content[tool_reference]")
        return Text(f"The tool {text(block, 'tool_name')} can be called.")

    def _upload(self, _: Fields) -> None:
        self._held.add(f"{_AT}[container_upload]")

    def _hosted(self, kind: str, block: Fields) -> Text:
        """What a tool of the provider's did, in words: its name and what it was asked, or what of its result can be read."""
        self._held.add(f"{_AT}[hosted]")
        told: Any = anything(block, "input" if kind.endswith("use") else "content")
        said = msgspec.json.encode(_open(told)).decode()[:_LONGEST]
        return Text(f"[{text(block, 'name') or kind}: {said}]")


def _arguments(given: msgspec.Raw) -> str:
    if is_object(given):
        return str(given, "utf-8")
    if worth(given):
        raise UnreadableError("unreadable_messages")
    return "{}"


def _whole(parts: Iterable[Part]) -> Iterable[Part]:
    """Put sentences together that are cut where what they cite begins and ends."""
    for kind, group in groupby(parts, type):
        if kind is Text:
            texts = [part for part in group if isinstance(part, Text)]
            yield Text("".join([part.text for part in texts]), texts[-1].cached)
        else:
            yield from group


def _open(told: Any) -> Any:
    """Leave out what only the provider can read."""
    if isinstance(told, list):
        return [_open_object(one) for one in told]
    return _open_object(told)


def _open_object(told: Any) -> Any:
    return {key: one for key, one in told.items() if key not in _HIDDEN} if isinstance(told, dict) else told

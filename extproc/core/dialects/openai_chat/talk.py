"""Messages of Chat Completions, read in full, the odd shapes of real clients included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from extproc.core.conversation import Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects import media
from extproc.core.dialects.base import content_of
from extproc.core.dialects.openai_chat.plain import PlainAssistant, PlainMessage, PlainResult, PlainSystem, PlainUser, parts_of, texts_of
from extproc.core.dialects.reading import SHAPES, Held, inner, inners, is_object, is_text, text, there
from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import Fields

_AT = "messages[].content"
_NOTHING = msgspec.Raw(b"null")
_SYSTEM = frozenset({"system", "developer"})
_RESULTS = frozenset({"tool", "function"})
_TEXTS = frozenset({"text", "input_text", "output_text"})
_PLAIN = frozenset({"role", "content", "refusal", "tool_calls", "tool_call_id", "function_call"})
_PLAIN_NAMED = _PLAIN | {"name"}
_IN_PART = frozenset({"type", "text", "refusal", "image_url", "file", "input_audio"})
_IN_CALL = frozenset({"id", "type", "index", "function", "custom"})
_USER, _ASSISTANT = Role.USER, Role.ASSISTANT


class Talk:
    """Reads the messages of one request."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._legacy: dict[str, str] = {}
        """The names in calls of the older form, which has no ids → the ids that we gave them."""
        self._messages: list[Message] = []
        self._results: list[Part] = []
        """Of the tool messages that came last."""
        self.system: list[Text] = []

    def take(self, found: Iterable[PlainMessage | Fields]) -> tuple[Message, ...]:
        """Give the messages; the leading ones of the system's stand in `system`."""
        for one in found:
            if type(one) is PlainResult:
                self._results.append(ToolResult(one.tool_call_id, texts_of(one.content)))
            elif type(one) is PlainAssistant:
                self._say(_ASSISTANT, parts_of(one))
            elif type(one) is PlainUser:
                self._say(_USER, texts_of(one.content))
            elif type(one) is PlainSystem:
                self._instruct(texts_of(one.content))
            elif not isinstance(one, PlainMessage):
                self._take(one)
        self._flush()
        self._see_prefill()
        return tuple(self._messages)

    def _take(self, shape: Fields) -> None:
        role = text(shape, "role")
        if role in _RESULTS:
            self._results.append(self._result(shape, role))
            return
        self._flush()
        if role in _SYSTEM:
            self._instruct([part for part in self._named(shape, self._parts(shape, "system")) if isinstance(part, Text)])
        elif role == "user":
            self._say(Role.USER, self._named(shape, self._parts(shape, "user")))
        elif role == "assistant":
            self._say(Role.ASSISTANT, self._assistant(shape))
        else:
            raise UnreadableError("unreadable_messages")

    def _say(self, role: Role, parts: tuple[Part, ...]) -> None:
        self._flush()
        self._messages.append(Message(role, parts))

    def _flush(self) -> None:
        if self._results:
            self._messages.append(Message(_USER, tuple(self._results)))
            self._results = []

    def _see_prefill(self) -> None:
        last = next((message for message in reversed(self._messages) if message.role is not Role.SYSTEM), None)
        if last is not None and last.role is Role.ASSISTANT and not any(isinstance(part, ToolCall) for part in last.parts):
            self._held.add("messages[assistant] last")

    def _instruct(self, texts: Sequence[Text]) -> None:
        self._flush()
        if self._messages:
            self._held.add("messages[system] later")
            self._messages.append(Message(Role.SYSTEM, tuple(texts)))
        else:
            self._held.add("messages[system]")
            self.system += texts

    def _named(self, shape: Fields, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """With several people in a conversation, who says something is told in words."""
        name = text(shape, "name")
        if not name:
            return parts
        self._held.add("messages[].name")
        at = next((at for at, part in enumerate(parts) if isinstance(part, Text)), None)
        if at is None:
            return parts
        said = parts[at]
        return (*parts[:at], replace(said, text=f"{name}: {said.text}"), *parts[at + 1 :])  # type: ignore[union-attr]

    def _parts(self, shape: Fields, role: str) -> tuple[Part, ...]:
        """Read a content, and list what else is in the message."""
        own = role == "assistant"
        self._held.rest("messages[assistant]." if own else "messages[].", shape, _PLAIN if own else _PLAIN_NAMED)
        whole, shapes = content_of(shape.get("content", _NOTHING), SHAPES)
        if whole:
            parts: list[Part] = [Text(text(shape, "content"))]
        else:
            parts = [part for one in shapes if (part := self._part(one)) is not None]
        if parts and _marked(shape):
            parts[-1] = replace(parts[-1], cached=True)
        return tuple(parts)

    def _part(self, shape: Fields) -> Part | None:
        self._held.rest(f"{_AT}[].", shape, _IN_PART)
        kind, cached = text(shape, "type"), _marked(shape)
        if kind in _TEXTS:
            return Text(text(shape, "text"), cached)
        if kind == "refusal":
            return Text(text(shape, "refusal"), cached, refusal=True)
        if kind == "image_url":
            return self._image(shape, cached=cached)
        if kind == "file":
            return self._file(inner(shape, "file"), cached=cached)
        self._held.add(f"{_AT}[{kind}]" if kind == "input_audio" else f"{_AT}[other]")
        return None

    def _image(self, shape: Fields, *, cached: bool) -> Media:
        told = shape.get("image_url", _NOTHING)
        image = {"url": told} if is_text(told) else inner(shape, "image_url")
        url, detail = text(image, "url"), text(image, "detail")
        self._held.add(f"{_AT}[image_url].image_url" + (" data:" if media.is_data(url) else ""))
        if detail not in {"", "auto"}:
            self._held.add(f"{_AT}[image_url].detail")
        return media.from_url("image", url, detail=detail, cached=cached)

    def _file(self, file: Fields, *, cached: bool) -> Media | None:
        data, name = text(file, "file_data"), text(file, "filename")
        if not data:
            self._held.add(f"{_AT}[file].file_id")
            return None
        url = data if media.is_data(data) else f"data:application/pdf;base64,{data}"
        found = media.from_url("document", url, name=name, cached=cached)
        if media.is_textual(found.media_type):
            self._held.add(f"{_AT}[file].file_data text")
        else:
            self._held.add(f"{_AT}[file].file_data" if found.media_type == "application/pdf" else f"{_AT}[other]")
        return found

    def _assistant(self, shape: Fields) -> tuple[Part, ...]:
        parts: list[Part] = list(self._parts(shape, "assistant"))
        told = [key for key in ("reasoning_content", "reasoning") if is_text(shape.get(key, _NOTHING))]
        if told and (thought := text(shape, told[0])):
            parts.insert(0, Thought(thought))
        if there(shape, "refusal"):
            parts.append(Text(text(shape, "refusal"), refusal=True))
        parts += [self._call(call) for call in inners(shape, "tool_calls")]
        if there(shape, "function_call"):
            self._held.add("messages[assistant].function_call")
            function = inner(shape, "function_call")
            name = text(function, "name")
            self._legacy[name] = f"call_{len(self._messages)}"
            parts.append(ToolCall(self._legacy[name], name, _arguments(function)))
        return tuple(parts)

    def _call(self, shape: Fields) -> ToolCall:
        self._held.rest("messages[assistant].tool_calls[].", shape, _IN_CALL)
        if there(shape, "custom"):
            self._held.add("messages[assistant].tool_calls[custom]")
            custom = inner(shape, "custom")
            return ToolCall(text(shape, "id"), text(custom, "name"), text(custom, "input"), custom=True)
        function = inner(shape, "function")
        return ToolCall(text(shape, "id"), text(function, "name"), _arguments(function))

    def _result(self, shape: Fields, role: str) -> ToolResult:
        parts = tuple([part for part in self._parts(shape, role) if isinstance(part, Text | Media)])
        if any(isinstance(part, Media) for part in parts):
            self._held.add("messages[tool].content[]")
        name = text(shape, "name")
        id_ = self._legacy.get(name, name) if role == "function" else text(shape, "tool_call_id")
        cached = any(part.cached for part in parts)
        return ToolResult(id_, tuple([replace(part, cached=False) for part in parts]) if cached else parts, cached=cached)


def _marked(shape: Fields) -> bool:
    """Whether a message or a part ends what is worth caching, in either of the spellings that clients use."""
    return there(shape, "cache_control") or there(shape, "prompt_cache_breakpoint")


def _arguments(function: Fields) -> str:
    """The arguments of a call: JSON in a text, or as it is from clients of other servers."""
    raw = function.get("arguments", _NOTHING)
    return bytes(raw).decode() if is_object(raw) else text(function, "arguments") or "{}"

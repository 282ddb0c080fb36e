"""Input items → what stands before the conversation, and its messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from extproc.core.conversation import Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects.base import ANYTHING, lenient
from extproc.core.dialects.openai_responses.content import parts_of, words_of
from extproc.core.dialects.openai_responses.plain import PlainCall, PlainItem, PlainMessage, PlainResult, texts_of
from extproc.core.dialects.openai_responses.tools import OBJECTS, TOOL_OF, Tools
from extproc.core.dialects.reading import Held, inner, inners, is_text, text, there, worth
from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import Fields

_NULL = msgspec.Raw(b"null")
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "developer": Role.SYSTEM}
_HOSTED = ("web_search", "file_search", "code_interpreter", "image_generation", "mcp_", "program", "tool_search_")
"""Beginnings of the types of items about the provider's own tools."""
_MESSAGE = frozenset({"type", "id", "status", "role", "content", "phase"})
_CALL = frozenset({"type", "id", "status", "call_id", "name", "namespace", "arguments", "input", "caller"})
_RESULT = frozenset({"type", "id", "status", "call_id", "name", "namespace", "output", "caller"})
_REASONING = frozenset({"type", "id", "status", "summary", "content", "encrypted_content"})
_KEPT = frozenset({"item_reference", "configuration_update"})
"""Items that only the provider that keeps the conversation can make something of; compactions are, too."""
_HIDDEN = frozenset({"id", "status", "type", "encrypted_content", "fingerprint", "results_id"})
_LONGEST = 4_000
"""Characters kept of what a tool of the provider's gave."""
# By names of their own: on Python 3.11, to look a member up in its class costs as much as a call.
_SYSTEM, _USER, _ASSISTANT = Role


class Transcript:
    """Takes the items of an input, in their order."""

    def __init__(self, tools: Tools, held: Held) -> None:
        self.system: list[Text] = []
        self.messages: list[Message] = []
        self._tools = tools
        self._held = held
        self._role: Role | None = None
        self._parts: list[Part] = []
        self._ids: dict[str, str] = {}
        """Items' own ids → the ids of their calls: a local shell's output names the item."""

    def take(self, item: PlainItem | Fields) -> None:
        """Take the next item. UnreadableError where it is not what the dialect says."""
        if type(item) is PlainCall:
            name = self._tools.name_of("", item.name or _said(""))
            self._say(_ASSISTANT, (ToolCall(item.call_id or _said(""), name, item.arguments),), more=True)
        elif type(item) is PlainResult:
            self._resulted(item.call_id or _said(item.id), (Text(item.output),) if item.output else ())
        elif type(item) is PlainMessage:
            self._spoken(item.role, texts_of(item.content))
        elif not isinstance(item, PlainItem):
            self._take(item)

    def _take(self, item: Fields) -> None:
        kind = text(item, "type") or ("message" if "role" in item else "item_reference")
        taken = self._TAKEN.get(kind)
        if taken is not None:
            taken(self, item)
        elif kind in _KEPT or kind.startswith("compaction"):
            self._held.add("input[item_reference]" if kind in _KEPT else "input[compaction]")
        elif kind.startswith(_HOSTED):
            self._hosted(item)
        else:
            self._held.add("input[other]")

    def conclude(self) -> None:
        """The input is at its end."""
        self._close()
        if self._role is Role.ASSISTANT and self.messages and not _calls(self.messages[-1].parts):
            self._held.add("input[assistant] last")

    def _message(self, item: Fields) -> None:
        self._held.rest("input[message].", item, _MESSAGE)
        self._spoken(text(item, "role"), parts_of(item, "content", self._held))

    def _spoken(self, who: str, parts: Sequence[Text | Media]) -> None:
        role = _ROLES.get(who)
        if role is None:
            raise UnreadableError("unreadable_messages")
        if role is Role.ASSISTANT:
            self._answer(parts)
        elif role is Role.SYSTEM and self._role is None:
            self._instruct(parts)
        elif parts:
            if role is Role.SYSTEM:
                self._held.add("input[system] later")
            self._say(role, parts)

    def _instruct(self, parts: Sequence[Text | Media]) -> None:
        """What stands before the conversation: words alone."""
        self._held.add("input[system]")
        if any(isinstance(part, Media) for part in parts):
            self._held.add("input[].content[other]")
        self.system += [part for part in parts if isinstance(part, Text)]

    def _answer(self, parts: Sequence[Part]) -> None:
        """Items of one answer make one message."""
        if not parts:
            return
        if self._role is _ASSISTANT and type(parts[0]) is Text and _calls(self._parts):
            self._held.add("input[assistant] behind calls")
        self._say(_ASSISTANT, parts, more=True)

    def _say(self, role: Role, parts: Sequence[Part], *, more: bool = False) -> None:
        """Say something; `more`: it belongs to what the same side has just said."""
        if not more or self._role is not role:
            self._close()
            self._role = role
        self._parts += parts

    def _close(self) -> None:
        if self._parts and self._role is not None:
            self.messages.append(Message(self._role, tuple(self._parts)))
            self._parts = []

    def _thought(self, item: Fields) -> None:
        self._held.rest("input[reasoning].", item, _REASONING)
        signed = there(item, "encrypted_content")
        said = words_of([*parts_of(item, "summary", self._held), *parts_of(item, "content", self._held)])
        self._held.add("input[reasoning].encrypted_content" if signed else "input[reasoning].summary")
        if said:
            self._answer([Thought(said, signed)])

    def _call(self, item: Fields) -> None:
        self._held.rest("input[function_call].", item, _CALL)
        custom = text(item, "type") == "custom_tool_call"
        if custom:
            self._held.add("input[custom_tool_call]")
        name = self._tools.name_of(text(item, "namespace"), _required(item, "name"))
        said = text(item, "input" if custom else "arguments")
        self._answer([ToolCall(_required(item, "call_id"), name, said, custom)])

    def _client(self, item: Fields) -> None:
        """A call of a tool that only this dialect knows."""
        kind = text(item, "type")
        if kind == "tool_search_call" and text(item, "execution") != "client":
            self._held.add("input[tool_search]")
            return
        self._held.add("input[client call]")
        call_id, key = _required(item, "call_id"), OBJECTS[kind]
        self._ids[text(item, "id")] = call_id
        told = text(item, key) if is_text(item.get(key, _NULL)) else _object(inner(item, key), kind)
        self._answer([ToolCall(call_id, self._tools.name_of("", TOOL_OF[kind]), told)])

    def _result(self, item: Fields) -> None:
        self._held.rest("input[function_call_output].", item, _RESULT)
        parts = parts_of(item, "output", self._held)
        if len(parts) > 1 or any(isinstance(part, Media) for part in parts):
            self._held.add("input[function_call_output].output[]")
        self._resulted(_result_id(item), parts)

    def _client_result(self, item: Fields) -> None:
        output = item.get("output", _NULL)
        said = text(item, "output") if is_text(output) else "\n".join([line for one in inners(item, "output") for line in _lines(one)])
        self._resulted(_result_id(item), [Text(said)] if said else [], failed=text(item, "status") == "failed")

    def _found(self, item: Fields) -> None:
        """A search has found tools, which are offered from now on."""
        found = self._tools.take(inners(item, "tools"))
        if text(item, "call_id"):
            self._resulted(_result_id(item), [Text(msgspec.json.encode({"found": found}).decode())])
        else:
            self._held.add("input[tool_search]")

    def _offered(self, item: Fields) -> None:
        """Tools that an agent puts here instead of into `tools`."""
        self._tools.take(inners(item, "tools"))

    def _resulted(self, given: str, parts: Sequence[Text | Media], *, failed: bool = False) -> None:
        more = bool(self._parts) and type(self._parts[-1]) is ToolResult
        self._say(_USER, (ToolResult(self._ids.get(given, given), tuple(parts), failed),), more=more)

    def _hosted(self, item: Fields) -> None:
        """What a tool of the provider's did, in words."""
        self._held.add("input[hosted call]")
        kind = text(item, "type")
        hidden = _HIDDEN | {"result"} if kind == "image_generation_call" else _HIDDEN
        said = msgspec.json.encode({key: raw for key, raw in item.items() if key not in hidden and worth(raw)}).decode()[:_LONGEST]
        self._answer([Text(f"[{kind}: {said}]")])

    _TAKEN: ClassVar[Mapping[str, Callable[[Transcript, Fields], None]]] = {
        "message": _message,
        "reasoning": _thought,
        "function_call": _call,
        "custom_tool_call": _call,
        **dict.fromkeys(OBJECTS, _client),
        "function_call_output": _result,
        "custom_tool_call_output": _result,
        "local_shell_call_output": _client_result,
        "shell_call_output": _client_result,
        "apply_patch_call_output": _client_result,
        "tool_search_output": _found,
        "additional_tools": _offered,
    }


def _calls(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, ToolCall) for part in parts)


def _object(given: Fields, kind: str) -> str:
    """The arguments of a call as its object has them, without what says nothing."""
    left_out = {"type"} if kind == "local_shell_call" else set()
    return msgspec.json.encode({key: raw for key, raw in given.items() if key not in left_out and bytes(raw) != b"null"}).decode()


def _lines(given: Fields) -> list[str]:
    """What a command of a shell has written, and how it ended where it did not end well."""
    outcome = inner(given, "outcome")
    code: Any = lenient(outcome["exit_code"], ANYTHING) if "exit_code" in outcome else None
    ended = "(timed out)" if text(outcome, "type") == "timeout" else f"(exit code {code})" if code else ""
    return [line for line in (text(given, "stdout"), text(given, "stderr"), ended) if line]


def _required(item: Fields, key: str) -> str:
    return _said(text(item, key))


def _said(found: str | None) -> str:
    if not found:
        raise UnreadableError("unreadable_messages")
    return found


def _result_id(item: Fields) -> str:
    return text(item, "call_id") or _required(item, "id")

"""Input items → what stands before the conversation, and its messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from extproc.core.conversation import Feature, Media, Message, Part, Role, Text, Thought, ToolCall, ToolResult
from extproc.core.dialects.openai_responses.content import parts_of, texts_of
from extproc.core.dialects.openai_responses.tools import OBJECTS, TOOL_OF, Tools
from extproc.core.errors import UnreadableError

Json = dict[str, Any]

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "developer": Role.SYSTEM}
_HOSTED = ("web_search", "file_search", "code_interpreter", "image_generation", "mcp_", "program", "tool_search_")
"""Beginnings of the types of items about the provider's own tools."""
_KNOWN = frozenset(
    "type role content call_id id name namespace arguments input output summary encrypted_content action operation tools execution status "
    "phase caller recipient async".split(),
)
"""Keys of items that are read, or mean nothing to another provider: ids and states, and who of the provider's called."""
_NOTHING = frozenset({"item_reference", "compaction", "compaction_summary", "compaction_trigger", "configuration_update"})


class Turns:
    """Takes the items of an input, in their order."""

    def __init__(self, tools: Tools) -> None:
        self.system: list[Text] = []
        self.messages: list[Message] = []
        self.held: list[tuple[str, Feature]] = []
        self._tools = tools
        self._role: Role | None = None
        self._parts: list[Part] = []
        self._ids: dict[str, str] = {}
        """Items' own ids → the ids of their calls: a local shell's output names the item."""

    def take(self, item: Json) -> None:
        """Take the next item. UnreadableError where it is not what the dialect says."""
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        if not isinstance(kind, str):
            raise UnreadableError("unreadable_messages")
        for key in item.keys() - _KNOWN:
            self.held.append((f"input[].{key}", Feature.UNKNOWN))
        taken = self._TAKEN.get(kind)
        if taken is not None:
            taken(self, item)
        elif kind in _NOTHING:
            self.held.append(("input[compaction]" if kind.startswith("compaction") else "input[item_reference]", Feature.SERVER_STATE))
        elif kind.startswith(_HOSTED):
            self.held.append(("input[hosted call]", Feature.HOSTED_HISTORY))
        else:
            self.held.append(("input[other]", Feature.PROVIDER_PART))

    def conclude(self) -> None:
        """The input is at its end."""
        self._close()
        if self.messages and (last := self.messages[-1]).role is Role.ASSISTANT and isinstance(last.parts[-1], Text):
            self.held.append(("input[assistant] last", Feature.PREFILL))

    def _message(self, item: Json) -> None:
        role = _ROLES.get(_string(item, "role"))
        if role is None:
            raise UnreadableError("unreadable_messages")
        parts = parts_of(item.get("content"), self.held)
        if role is Role.SYSTEM:
            self._instruct(parts)
        elif parts:
            if role is Role.ASSISTANT is self._role and any(isinstance(part, ToolCall) for part in self._parts):
                self.held.append(("input[assistant] behind calls", Feature.PART_ORDER))
            self._say(role, parts, more=role is Role.ASSISTANT)

    def _instruct(self, parts: list[Text | Media]) -> None:
        if not parts:
            return
        if self._role is None:
            # The first thing that is said opens the conversation; an image in it can stand in no system prompt.
            self.system += [part for part in parts if isinstance(part, Text)]
            self.held.append(("input[system]", Feature.SYSTEM))
            if any(isinstance(part, Media) for part in parts):
                self.held.append(("input[other]", Feature.PROVIDER_PART))
            return
        self.held.append(("input[system] later", Feature.SYSTEM_LATER))
        self._say(Role.SYSTEM, parts)

    def _say(self, role: Role, parts: list[Any], *, more: bool = False) -> None:
        """Say something; `more`: it may belong to what the same side has just said."""
        if not more or self._role is not role:
            self._close()
            self._role = role
        self._parts += parts

    def _close(self) -> None:
        if self._role is not None and self._parts:
            self.messages.append(Message(self._role, tuple(self._parts)))
        self._parts = []

    def _thought(self, item: Json) -> None:
        signed = bool(item.get("encrypted_content"))
        text = texts_of(item.get("summary"), item.get("content"))
        self.held.append(
            ("input[reasoning].encrypted_content", Feature.SIGNED_THOUGHTS) if signed else ("input[reasoning].summary", Feature.THOUGHTS),
        )
        if text:
            self._say(Role.ASSISTANT, [Thought(text, signed)], more=True)

    def _call(self, item: Json) -> None:
        name = self._tools.name_of(_string(item, "namespace"), _required(item, "name"))
        self._say(Role.ASSISTANT, [ToolCall(_required(item, "call_id"), name, _string(item, "arguments"))], more=True)

    def _custom(self, item: Json) -> None:
        self.held.append(("input[custom_tool_call]", Feature.CUSTOM_TOOLS))
        name = self._tools.name_of(_string(item, "namespace"), _required(item, "name"))
        self._say(Role.ASSISTANT, [ToolCall(_required(item, "call_id"), name, _string(item, "input"), custom=True)], more=True)

    def _client(self, item: Json) -> None:
        """A call of a tool that only this dialect knows."""
        kind = _required(item, "type")
        if kind == "tool_search_call" and item.get("execution") != "client":
            self.held.append(("input[hosted call]", Feature.HOSTED_HISTORY))
            return
        self.held.append(("input[client call]", Feature.CLIENT_TOOLS))
        call_id = _required(item, "call_id")
        self._ids[_string(item, "id")] = call_id
        given = item.get(OBJECTS[kind])
        told = {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else {}
        if kind == "local_shell_call":
            told.pop("type", None)
        arguments = given if isinstance(given, str) else msgspec.json.encode(told).decode()
        self._say(Role.ASSISTANT, [ToolCall(call_id, self._tools.name_of("", TOOL_OF[kind]), arguments)], more=True)

    def _result(self, item: Json) -> None:
        parts = parts_of(item.get("output"), self.held)
        if len(parts) > 1 or any(isinstance(part, Media) for part in parts):
            self.held.append(("input[function_call_output].output[]", Feature.RESULT_PARTS))
        self._resulted(item, parts)

    def _client_result(self, item: Json) -> None:
        self._resulted(item, [Text(text)] if (text := _said(item.get("output"))) else [], failed=item.get("status") == "failed")

    def _found(self, item: Json) -> None:
        """A search has found tools, which are offered from now on."""
        found = item.get("tools")
        names = self._tools.take(found) if isinstance(found, msgspec.Raw) else []
        if item.get("call_id") is None:
            self.held.append(("input[hosted call]", Feature.HOSTED_HISTORY))
        else:
            self._resulted(item, [Text(msgspec.json.encode({"found": names}).decode())])

    def _offered(self, item: Json) -> None:
        """Tools that an agent puts here instead of into `tools`."""
        if isinstance(found := item.get("tools"), msgspec.Raw):
            self._tools.take(found)

    def _resulted(self, item: Json, parts: list[Text | Media], *, failed: bool = False) -> None:
        given = _string(item, "call_id") or _required(item, "id")
        more = bool(self._parts) and isinstance(self._parts[-1], ToolResult)
        self._say(Role.USER, [ToolResult(self._ids.get(given, given), tuple(parts), failed)], more=more)

    _TAKEN: ClassVar[Mapping[str, Callable[[Turns, Json], None]]] = {
        "message": _message,
        "reasoning": _thought,
        "function_call": _call,
        "custom_tool_call": _custom,
        **dict.fromkeys(OBJECTS, _client),
        "function_call_output": _result,
        "custom_tool_call_output": _result,
        "local_shell_call_output": _client_result,
        "shell_call_output": _client_result,
        "apply_patch_call_output": _client_result,
        "tool_search_output": _found,
        "additional_tools": _offered,
    }


def _said(output: Any) -> str:
    """What a tool of the dialect's own has said: a text, or what a shell's commands have written, with how they ended."""
    if not isinstance(output, list):
        return output if isinstance(output, str) else ""
    said: list[str] = []
    for one in output:
        if isinstance(one, dict):
            said += [text for key in ("stdout", "stderr") if (text := _string(one, key))]
            said.append(_outcome(one.get("outcome")))
    return "\n".join([text for text in said if text])


def _outcome(given: Any) -> str:
    if not isinstance(given, dict):
        return ""
    return "(timed out)" if given.get("type") == "timeout" else f"(exit code {given.get('exit_code')})" if given.get("exit_code") else ""


def _string(item: Json, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _required(item: Json, key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise UnreadableError("unreadable_messages")
    return value

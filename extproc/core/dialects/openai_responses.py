"""OpenAI Responses (https://platform.openai.com/docs/api-reference/responses): the request, read for decisions; errors, written."""

from __future__ import annotations

from collections.abc import Sequence
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
    present,
    size_of,
    text_of,
    view_of,
)
from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import Dialect, View
from extproc.core.wire.splice import Fields


class _Part(msgspec.Struct):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw(b'""')


class _Tool(msgspec.Struct):
    type: str = ""
    name: str = ""
    tools: list[msgspec.Raw] | None = None


class _InputItem(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    output: msgspec.Raw = msgspec.Raw(b"null")
    tools: list[_Tool] | None = None


class OpenAIResponses:
    """The dialect `openai_responses`."""

    name = Dialect.OPENAI_RESPONSES

    def view(self, fields: Fields) -> View:
        """Read what the rules look at. An `input` may be left out where the provider holds the conversation."""
        raws, items = _input(fields)
        # Codex hides its tools in the first input item instead of `tools`.
        tools = [*(optional(fields, "tools", list[_Tool]) or []), *(tool for item in items for tool in item.tools or ())]
        choice: Any = optional(fields, "tool_choice", Any)
        text = optional(fields, "text", dict[str, Any]) or {}
        form = text.get("format")
        reasoning = optional(fields, "reasoning", dict[str, Any]) or {}
        return view_of(
            [_item(item) for item in items[-TAIL:]],
            raws,
            size_of(fields, "input", "instructions"),
            system_text=bounded(optional(fields, "instructions", str) or _instructions(items)),
            tools=sum(len(tool.tools or ()) or 1 for tool in tools),
            tool_names=tuple(tool.name for tool in tools if tool.name),
            forced_tool=choice == "required" or isinstance(choice, dict),
            json_schema=isinstance(form, dict) and form.get("type") in {"json_schema", "json_object"},
            effort=effort_of(reasoning.get("effort")),
            max_output_tokens=optional(fields, "max_output_tokens", int),
            server_state=present(fields, "previous_response_id") or present(fields, "conversation"),
        )

    def error(self, status: int, message: str) -> bytes:
        """Write an error body."""
        return openai_error(status, message)


def _input(fields: Fields) -> tuple[int, list[_InputItem]]:
    """How many items there are, and those that are looked into: the first, which may carry tools, and the newest."""
    if "input" not in fields:
        return 0, []
    first = bytes(memoryview(fields["input"])[:1])
    if first == b'"':
        return 1, [_InputItem(role="user", content=fields["input"])]
    if first != b"[":
        raise UnreadableError("unreadable_messages")
    raws = lenient(fields["input"], list[msgspec.Raw])
    looked_into = raws if len(raws) <= TAIL else [raws[0], *raws[-TAIL:]]
    return len(raws), [lenient(item, _InputItem) for item in looked_into]


def _instructions(items: Sequence[_InputItem]) -> str:
    first = next((item for item in items if item.role in {"system", "developer"} and item.type != "additional_tools"), None)
    return "\n".join(text_of(raw) for raw in _content(first)[0]) if first else ""


def _content(item: _InputItem) -> tuple[tuple[msgspec.Raw, ...], list[str]]:
    """The texts of a message, and the kinds of all its parts."""
    whole, parts = content_of(item.content, _Part)
    return whole or tuple(part.text for part in parts if part.type.endswith("text")), [part.type for part in parts]


def _item(item: _InputItem) -> Item:
    kind = item.type or "message"
    if kind == "additional_tools":
        return Item("developer")
    if kind != "message":
        result = kind.endswith("_output")
        failed = result and looks_failed(item.output)
        return Item("tool" if result else "assistant", results=int(result), errors=int(failed), calls=int(kind.endswith("_call")))
    texts, kinds = _content(item)
    return Item(item.role or "user", texts, images=kinds.count("input_image"), documents=kinds.count("input_file"))

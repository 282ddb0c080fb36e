"""The request, read for decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from extproc.core.dialects.base import (
    ANYTHING,
    INTEGER,
    OBJECT,
    STRING,
    TAIL,
    Item,
    asked,
    bounded,
    content_of,
    effort_of,
    is_json_form,
    looks_failed,
    optional,
    present,
    required,
    size_of,
    text_of,
    tools_of,
    view_of,
)
from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import View
from extproc.core.wire.splice import Fields


class _Part(msgspec.Struct, gc=False):
    type: str = ""
    text: msgspec.Raw = msgspec.Raw(b'""')


class _Tool(msgspec.Struct, gc=False):
    name: str | None = None
    tools: list[msgspec.Raw] | None = None


class InputItem(msgspec.Struct, gc=False):
    """An item of the input, as far as all who look at it need it."""

    type: str | None = None
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    output: msgspec.Raw = msgspec.Raw(b"null")
    tools: msgspec.Raw = msgspec.Raw(b"null")


_ITEMS = msgspec.json.Decoder(list[InputItem])
_PARTS = msgspec.json.Decoder(list[_Part])
_TOOLS = msgspec.json.Decoder(list[_Tool] | None)
_HELD = ("previous_response_id", "conversation", "prompt")


def view(fields: Fields) -> View:
    """Read what the rules look at. An `input` may be left out where the provider holds the conversation."""
    items = _input(fields)
    kinds = {kind_of(item) for item in items}
    tools = tools_of(fields, "tools", _TOOLS, _Tool())
    if "additional_tools" in kinds:
        tools += [tool for item in items if item.type == "additional_tools" for tool in _hidden(item)]
    choice: Any = optional(fields, "tool_choice", ANYTHING)
    text = optional(fields, "text", OBJECT) or {}
    reasoning = optional(fields, "reasoning", OBJECT) or {}
    return view_of(
        [_item(item) for item in items[-TAIL:]],
        len(items),
        size_of(fields, "input", "instructions"),
        system_text=bounded(optional(fields, "instructions", STRING) or _instructions(items)),
        tools=sum([len(tool.tools or ()) or 1 for tool in tools]),
        tool_names=tuple([tool.name for tool in tools if tool.name]),
        forced_tool=choice == "required" or isinstance(choice, dict),
        json_schema=is_json_form(text.get("format")),
        effort=effort_of(reasoning.get("effort")),
        max_output_tokens=optional(fields, "max_output_tokens", INTEGER),
        server_state=_held(fields, kinds),
    )


def _input(fields: Fields) -> list[InputItem]:
    if "input" not in fields:
        return []
    first = bytes(memoryview(fields["input"])[:1])
    if first == b'"':
        return [InputItem(role="user", content=fields["input"])]
    if first != b"[":
        raise UnreadableError("unreadable_messages")
    return required(fields, "input", _ITEMS)


def kind_of(item: InputItem) -> str:
    """Give the item's type; messages may leave theirs out, and so may references to what the provider holds."""
    return item.type or ("message" if item.role else "item_reference")


def _held(fields: Fields, kinds: set[str]) -> bool:
    """Whether part of the conversation lies at the provider: stored there, or in a form that only it can read."""
    if asked(fields, "background") or any(present(fields, name) for name in _HELD):
        return True
    return "item_reference" in kinds or any(kind.startswith("compaction") for kind in kinds)


def _hidden(item: InputItem) -> list[_Tool]:
    """The tools that Codex puts into an input item instead of `tools`."""
    return tools_of({"tools": item.tools}, "tools", _TOOLS, _Tool())


def _instructions(items: Sequence[InputItem]) -> str:
    first = next((item for item in items if item.role in {"system", "developer"} and item.type != "additional_tools"), None)
    return "\n".join([text_of(raw) for raw in content_of_item(first)[0]]) if first else ""


def content_of_item(item: InputItem) -> tuple[tuple[msgspec.Raw, ...], list[str]]:
    """Give the texts of a message, and the kinds of all its parts."""
    whole, parts = content_of(item.content, _PARTS)
    return whole or tuple([part.text for part in parts if part.type.endswith("text")]), [part.type for part in parts]


def _item(item: InputItem) -> Item:
    kind = kind_of(item)
    if kind == "additional_tools":
        return Item("developer")
    if kind != "message":
        result = kind.endswith(("_output", "_response"))
        failed = result and looks_failed(item.output)
        return Item("tool" if result else "assistant", results=int(result), errors=int(failed), calls=int(kind.endswith("_call")))
    texts, kinds = content_of_item(item)
    return Item(item.role or "user", texts, images=kinds.count("input_image"), documents=kinds.count("input_file"))
